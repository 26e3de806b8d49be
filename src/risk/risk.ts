/** The door of risk: whom we must not pay. */
export { parseBlockList } from './block-list.ts';
export { readBlockList, readOfacFolder } from './list-store.ts';
export { parseOfac, type OfacFiles } from './ofac.ts';
export { createScreener, REFUSE_AT, REVIEW_AT } from './screen.ts';
export type * from './types.ts';
