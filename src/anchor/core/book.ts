import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, uintBytes, uuidBytes, type BookId } from '#base';
import { inclusionPath, mth, type Hash } from './merkle.ts';

/** What one anchor says about one book: this gapless range of its records has this root, and follows that record. */
export interface BookRecord {
  readonly book: BookId;
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  /** Hash of the same book's record before it; 32 zero bytes for the first. */
  readonly previousHead: Hash;
  readonly batchRoot: Hash;
}

/** Leaf tag 0x00 || 0x02: a book record can be no node and no ledger record. */
const BOOK_RECORD = Uint8Array.of(0x00, 0x02, 1);

export const NO_HEAD: Hash = new Uint8Array(32);

/** keccak(0x00 || 0x02 || version || book || firstSeq u64 || lastSeq u64 || previousHead || batchRoot), docs/formats.md. */
export function bookRecordHash({ book, firstSeq, lastSeq, previousHead, batchRoot }: BookRecord): Hash {
  assert(firstSeq >= 1n && firstSeq <= lastSeq, `no batch runs from ${firstSeq} to ${lastSeq}`);
  assert(previousHead.length === 32 && batchRoot.length === 32, 'heads and roots have 32 bytes');
  return keccak_256(concat(BOOK_RECORD, uuidBytes(book), uintBytes(firstSeq, 8), uintBytes(lastSeq, 8), previousHead, batchRoot));
}

/** The tree of one anchor: at most one record a book, ordered by book id. */
export interface AnchorTree {
  readonly leaf: Hash;
  readonly books: readonly BookRecord[];
  /** Path of the book at this position of `books` to the anchor leaf. */
  path(position: number): Hash[];
}

export function anchorTree(records: readonly BookRecord[]): AnchorTree {
  const books = [...records].sort((a, b) => (a.book < b.book ? -1 : 1));
  assert(new Set(books.map(({ book }) => book)).size === books.length, 'an anchor takes one record a book');
  const hashes = books.map(bookRecordHash);
  return { leaf: mth(hashes), books, path: (position) => inclusionPath(hashes, position) };
}
