import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, uintBytes, uuidBytes, type BookId } from '#base';
import { sameHash, type Hash } from './merkle.ts';
import { merkleTree } from './tree.ts';

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

/** A range that a batch can have: from record 1 on, to where 64 bits end. */
function isRange({ firstSeq, lastSeq }: BookRecord): boolean {
  return firstSeq >= 1n && firstSeq <= lastSeq && lastSeq < 1n << 64n;
}

/** Where a book stands in the log: the last record that is in it, and the hash of its last book record. */
export interface BookEnd {
  readonly lastSeq: bigint;
  readonly bookRecord: Hash;
}

export const NO_BATCH: BookEnd = { lastSeq: 0n, bookRecord: NO_HEAD };

/**
 * Whether the record takes the position behind `end`. In the order of the log the first that does is the book's, for ever: whatever comes later for the same position
 * follows the end of before, and so follows nothing.
 */
export function follows(record: BookRecord, end: BookEnd): boolean {
  return isRange(record) && record.firstSeq === end.lastSeq + 1n && sameHash(record.previousHead, end.bookRecord);
}

/** The tree of one anchor: at most one record a book, ordered by book id. */
export interface AnchorTree {
  readonly leaf: Hash;
  readonly books: readonly BookRecord[];
  /** Path of the book at this position of `books` to the anchor leaf. */
  path(position: number): Hash[];
}

/** MTH over the hashes of the book records, RFC 9162 section 2.1.1; in the order of the books' ids, which is that of their 16 bytes. */
export function anchorTree(records: readonly BookRecord[]): AnchorTree {
  const books = [...records].sort((a, b) => (a.book < b.book ? -1 : 1));
  assert(new Set(books.map(({ book }) => book)).size === books.length, 'an anchor takes one record a book');
  const { root, path } = merkleTree(concat(...books.map(bookRecordHash)));
  return { leaf: root, books, path };
}

/** What is wrong with the records that somebody shows under an anchor leaf, first fault first. */
export type TreeFault = 'empty' | 'notARange' | 'bookTwice' | 'outOfOrder' | 'otherLeaf';

/** Whether these are the records under the leaf, all of them and nothing else: whoever is shown them knows every book of the anchor, and that none is in it twice. */
export function treeFault(leaf: Hash, records: readonly BookRecord[]): TreeFault | null {
  if (records.length === 0) return 'empty';
  if (!records.every(isRange)) return 'notARange';
  if (new Set(records.map(({ book }) => book)).size < records.length) return 'bookTwice';
  if (records.some(({ book }, i) => i > 0 && book < records[i - 1]!.book)) return 'outOfOrder';
  return sameHash(anchorTree(records).leaf, leaf) ? null : 'otherLeaf';
}
