import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import {
  anchorTree,
  appendLeaf,
  bookRecordHash,
  checkLogProof,
  commitment,
  follows,
  headOf,
  inclusionPath,
  merkleTree,
  mth,
  NO_BATCH,
  NO_HEAD,
  rootFromSteps,
  stepsOf,
  treeFault,
  type BookRecord,
  type LogProof,
} from '#anchor/core';
import { fromHex, toHex, uintBytes, uuidFromBytes, type BookId, type Hex } from '#base';
import { sampleId } from '../samples.ts';

const MOST = 130;
const BATCH = 3;
const hash = (n: number) => keccak_256(uintBytes(n, 32));
/** The leaves of book i's batch of three records. */
const LEAVES = Array.from({ length: MOST }, (_, i) => Array.from({ length: BATCH }, (__, n) => hash(1_000 * i + n)));
const leavesOf = (i: number) => LEAVES[i]!;
const RECORDS = Array.from({ length: MOST }, (_, i): BookRecord => ({
  book: sampleId<BookId>(0x9000 + i),
  firstSeq: BigInt(5 * i + 1),
  lastSeq: BigInt(5 * i + BATCH),
  previousHead: i === 0 ? NO_HEAD : hash(i),
  batchRoot: mth(leavesOf(i)),
}));
const LOG = Array.from({ length: 5 }, (_, n) => hash(900_000 + n));

/** For the first so many books: the whole way of record `n` of the batch of book `at`, in a log of six, to its commitment. */
function waysOf(count: number) {
  const tree = anchorTree(RECORDS.slice(0, count));
  const head = appendLeaf(headOf(LOG), tree.leaf);
  const wayOf = (at: number, n: number): LogProof => ({
    firstSeq: RECORDS[at]!.firstSeq,
    lastSeq: RECORDS[at]!.lastSeq,
    previousHead: RECORDS[at]!.previousHead,
    batchPath: inclusionPath(leavesOf(at), n),
    bookIndex: at,
    bookCount: count,
    bookPath: tree.path(at),
    anchorIndex: 5n,
    count: head.count,
    peaks: head.peaks,
    peakPath: [LOG[4]!],
  });
  return { wayOf, expected: toHex(commitment(head)) };
}

describe('an anchor of many books', () => {
  it('proves a record of every book among 1 to 130 to the head of the log, and to no other leaf, book, place or path', () => {
    for (let count = 1; count <= MOST; count++) {
      const { wayOf, expected } = waysOf(count);
      for (let at = 0; at < count; at++) {
        const { book, firstSeq } = RECORDS[at]!;
        const proof = wayOf(at, at % BATCH);
        const [leaf, seq] = [leavesOf(at)[at % BATCH]!, firstSeq + BigInt(at % BATCH)];
        const verdict = checkLogProof(leaf, book, seq, proof);
        assert.ok(verdict.fault === null && toHex(verdict.commitment) === expected, `book ${at} of ${count}`);
        const another = { ...proof, bookIndex: (at + 1) % count };
        if (count > 1) assert.notEqual(checkLogProof(leaf, book, seq, another).fault, null, `book ${at} as ${another.bookIndex} of ${count}`);
        if (at % 7 > 0) continue;
        assert.equal(checkLogProof(leaf, book, seq, { ...proof, bookPath: [...proof.bookPath, leaf] }).fault, 'bookPath');
        if (count > 1) assert.equal(checkLogProof(leaf, book, seq, { ...proof, bookPath: proof.bookPath.slice(1) }).fault, 'bookPath');
        assert.equal(checkLogProof(leaf, RECORDS[(at + 1) % MOST]!.book, seq, proof).fault, 'peakPath');
      }
    }
  }).timeout(60_000);

  it('has the tree of RFC 9162 over its book records, in the order of the books, however they are handed over', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(RECORDS, { minLength: 1 }), (some) => {
        const tree = anchorTree(some);
        const sorted = RECORDS.filter((record) => some.includes(record));
        const hashes = sorted.map(bookRecordHash);
        assert.deepEqual(tree.books, sorted);
        assert.deepEqual(tree.leaf, mth(hashes));
        const at = some.length >> 1;
        assert.deepEqual(tree.path(at), inclusionPath(hashes, at));
        // As a receipt shows it, without the number of books.
        assert.deepEqual(rootFromSteps(hashes[at]!, stepsOf(BigInt(at), BigInt(hashes.length), tree.path(at))), tree.leaf);
      }),
      { numRuns: 60 },
    );
  });

  it('is what the shared vectors say', () => {
    const vectors = JSON.parse(readFileSync(new URL('../../vectors/books.json', import.meta.url), 'utf8')) as Record<
      'books' | 'previousHeads' | 'batchRoots' | 'records' | 'leaves',
      Hex[]
    >;
    const records = vectors.books.map((book, i): BookRecord => {
      const seq = BigInt(1 + 7 * i);
      const [previousHead, batchRoot] = [fromHex(vectors.previousHeads[i]!), fromHex(vectors.batchRoots[i]!)];
      return { book: uuidFromBytes<BookId & string>(fromHex(book).slice(0, 16)), firstSeq: seq, lastSeq: seq, previousHead, batchRoot };
    });
    assert.equal(records.length, MOST);
    assert.deepEqual(records.map((record) => toHex(bookRecordHash(record))), vectors.records); // prettier-ignore
    vectors.leaves.forEach((leaf, i) => {
      assert.equal(toHex(mth(vectors.records.slice(0, i + 1).map(fromHex))), leaf);
      assert.equal(treeFault(fromHex(leaf), records.slice(0, i + 1)), null);
    });
  });

  it('takes one record a book: two of one book are our own bug', () => {
    assert.throws(() => anchorTree([RECORDS[0]!, { ...RECORDS[1]!, book: RECORDS[0]!.book }]), /one record a book/);
    assert.throws(() => anchorTree([]), /assertion failed/);
  });

  it('is seen through where somebody shows other records than those under the leaf', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: MOST - 1 }), fc.nat(), fc.nat(), (count, seed, other) => {
        const books = RECORDS.slice(0, count);
        const leaf = anchorTree(books).leaf;
        const hidden = seed % count;
        assert.equal(treeFault(leaf, books), null);
        assert.equal(treeFault(leaf, books.toSpliced(hidden, 1)), 'otherLeaf');
        assert.equal(treeFault(leaf, [...books, RECORDS[count]!]), 'otherLeaf');
        assert.equal(treeFault(leaf, books.with(hidden, { ...books[hidden]!, batchRoot: hash(7) })), 'otherLeaf');
        // Under a leaf that is made of them just so, it is the rule of the tree that is broken.
        const [a, b] = [Math.min(hidden, other % count), Math.max(hidden, other % count)];
        if (a < b) {
          const swapped = books.with(a, books[b]!).with(b, books[a]!);
          assert.equal(treeFault(mth(swapped.map(bookRecordHash)), swapped), 'outOfOrder');
          const twice = books.with(b, { ...books[b]!, book: books[a]!.book });
          assert.equal(treeFault(mth(twice.map(bookRecordHash)), twice), 'bookTwice');
        }
      }),
      { numRuns: 60 },
    );
    assert.equal(treeFault(NO_HEAD, []), 'empty');
    for (const [firstSeq, lastSeq] of [
      [0n, 1n],
      [3n, 2n],
      [1n, 1n << 64n],
      [-1n, 4n],
    ] as const)
      // prettier-ignore
      assert.equal(treeFault(NO_HEAD, [{ ...RECORDS[0]!, firstSeq, lastSeq }]), 'notARange');
  });

  it('has for each position of a book one record, the first that follows what came before it', () => {
    const [first, other] = [{ ...RECORDS[0]!, lastSeq: 4n }, { ...RECORDS[0]!, batchRoot: hash(8) }]; // prettier-ignore
    assert.ok(follows(first, NO_BATCH) && follows(other, NO_BATCH));
    const end = { lastSeq: first.lastSeq, bookRecord: bookRecordHash(first) };
    const next = { ...RECORDS[0]!, firstSeq: 5n, lastSeq: 5n, previousHead: end.bookRecord };
    assert.ok(follows(next, end));
    // The position is taken; a gap; another past; and a batch that goes on behind the record that came too late.
    for (const wrong of [other, { ...next, firstSeq: 6n, lastSeq: 6n }, { ...next, previousHead: bookRecordHash(other) }, { ...next, previousHead: NO_HEAD }])
      assert.ok(!follows(wrong, end));
  });

  it('shares no hash with a record, a field or a node: its leaves have a tag of their own', () => {
    const record = RECORDS[1]!;
    const hashes = [bookRecordHash(record), merkleTree(record.batchRoot).root, mth([record.previousHead, record.batchRoot])].map(toHex);
    assert.equal(new Set(hashes).size, hashes.length);
  });
});
