/** The door of anchor/core: what is hashed and how a proof of it is made and checked. Pure: no I/O, no clock, no randomness. docs/formats.md is the law. */
export { messageHashes } from '../kernel/kernel.ts';
export * from './book.ts';
export * from './canonical.ts';
export * from './fields.ts';
export * from './log.ts';
export * from './merkle.ts';
export * from './proof.ts';
export * from './receipt/check.ts';
export * from './receipt/receipt.ts';
export * from './receipt/story.ts';
export * from './record.ts';
export * from './recordJson.ts';
export * from './tree.ts';
