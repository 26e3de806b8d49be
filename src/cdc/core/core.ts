/** The door of cdc's pure part: what the server says in a logical replication, and what of it matters. */
export { readFrame, statusFrame, type Lsn } from './frames.ts';
export { createMarkReader, type Mark } from './marks.ts';
export { readMessage } from './pgoutput.ts';
