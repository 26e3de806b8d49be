/** The door of the ledger: books with one writer each, on PostgreSQL. What a book may do is in `#ledger/core`. */
export { openBook, type Book, type BookOptions } from './book.ts';
export { claimCursor, moveCursor, readCursor } from './cursor.ts';
export { readBook, readCopy, type BalanceAt, type BookReader } from './store/reader.ts';
export { schemaOf } from './store/statements.ts';
export type { Pace } from './store/lease.ts';
export { MAX_BATCH } from './writer.ts';
export { ofBook } from './store/statements.ts';
