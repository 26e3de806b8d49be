import { keccak_256 } from '@noble/hashes/sha3.js';
import { anchorTree, bookRecordHash, NO_HEAD, type AnchorTree, type BookRecord, type Hash } from '#anchor/core';
import { concat, fromHex, toHex, uuidBytes, type BookId } from '#base';
import { id, word } from './records.ts';

const BOOKS = 130;

/** One batch of one record each, so that the leaf of the record is the root of the batch. Book i stands at place i of every tree that has it. */
function recordsOf(count: number): BookRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const seq = 1n + 7n * BigInt(i);
    return {
      book: id<BookId>(0x100 + i),
      firstSeq: seq,
      lastSeq: seq,
      previousHead: i === 0 ? NO_HEAD : fromHex(word(`head of book ${i}`)),
      batchRoot: fromHex(word(`batch of book ${i}`)),
    };
  });
}

/** One word that binds every path of every tree: each tree's are hashed behind the word of the trees before it. */
function pathDigest(trees: readonly AnchorTree[]): Hash {
  return trees.reduce<Hash>((before, { books, path }) => {
    const rows = [...books.keys()].map((at) => concat(Uint8Array.of(books.length, at), ...path(at)));
    return keccak_256(concat(before, ...rows));
  }, new Uint8Array(32));
}

/** books.json. */
export function bookVectors(): Record<string, unknown> {
  const records = recordsOf(BOOKS);
  // Handed over in the wrong order: the order is the tree's, by the books' ids.
  const trees = records.map((_, i) => anchorTree(recordsOf(i + 1).reverse()));
  return {
    'books.json': {
      about:
        'Anchors of many books. Book i has one record, firstSeq = lastSeq = 1 + 7 i, whose leaf is its batchRoot; `books` are ids, 16 bytes and 16 zero bytes. records[i] is its book record hash. leaves[n - 1] is the anchor leaf of the first n books. pathDigest: d_n = keccak(d_(n-1) || (n u8 || at u8 || path from book `at` of n to the leaf) for each at), d_0 = 0; d_130.',
      books: records.map(({ book }) => toHex(concat(uuidBytes(book), new Uint8Array(16)))),
      previousHeads: records.map(({ previousHead }) => toHex(previousHead)),
      batchRoots: records.map(({ batchRoot }) => toHex(batchRoot)),
      records: records.map((record) => toHex(bookRecordHash(record))),
      leaves: trees.map(({ leaf }) => toHex(leaf)),
      pathDigest: toHex(pathDigest(trees)),
    },
  };
}
