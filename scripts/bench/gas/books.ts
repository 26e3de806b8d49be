import { assert, derivedId, toHex, uuidBytes, type BookId } from '#base';
import {
  anchorTree,
  appendLeaf,
  bookRecordHash,
  commitment,
  EMPTY_LOG,
  inclusionPath,
  mth,
  NO_HEAD,
  peakPath,
  type AnchorTree,
  type Hash,
  type LogHead,
} from '#anchor/core';
import { anchorData, deployAnchor, spread, word, type Spread } from './anchors.ts';
import type { Compiled, Evm } from './evm.ts';
import { proofArguments } from './payouts.ts';

/** What so many books under one leaf cost. */
export interface BooksLine {
  readonly books: number;
  /** Gas of the whole transaction. */
  readonly anchor: Spread;
  /** Bytes of call data: of anchor(), and of verifyRecord() with a proof in it, each the most there was. */
  readonly anchorBytes: number;
  readonly proofBytes: number;
  /** Gas of following a proof, over the books: a free view for whoever asks. */
  readonly view: Spread;
}

/** Leaves of the log, and records of a batch. */
export const ANCHORS = 100;
export const BATCH = 64;

interface SampleBook {
  readonly book: BookId;
  /** Of every batch: what the records are costs nothing. */
  readonly leaves: readonly Hash[];
  readonly batchRoot: Hash;
}

function sampleBook(at: number): SampleBook {
  const leaves = Array.from({ length: BATCH }, (_, record) => word(`record of book ${at}`, record));
  return { book: derivedId<BookId>(word('book of the gas report', at)), leaves, batchRoot: mth(leaves) };
}

/** The tree of the next batch of every book, each behind the record that it had before. */
function nextTree(books: readonly SampleBook[], before: AnchorTree | undefined, index: number): AnchorTree {
  const heads = new Map(before?.books.map((record) => [record.book, bookRecordHash(record)]));
  return anchorTree(
    books.map(({ book, batchRoot }) => ({
      book,
      firstSeq: BigInt(index * BATCH + 1),
      lastSeq: BigInt((index + 1) * BATCH),
      previousHead: heads.get(book) ?? NO_HEAD,
      batchRoot,
    })),
  );
}

/** Anchors so many books a hundred times from the empty log on; then has the contract follow a record of each from the last leaf but one. */
export async function anchorBooks(evm: Evm, contract: (name: string) => Compiled, count: number): Promise<BooksLine> {
  const anchor = await deployAnchor(evm, contract('LedgerAnchor'));
  const meter = await evm.deploy(contract('VerificationGas'), []);
  const books = Array.from({ length: count }, (_, at) => sampleBook(at));
  const trees: AnchorTree[] = [];
  const [anchors, views]: [bigint[], bigint[]] = [[], []];
  let [head, anchorBytes, proofBytes]: [LogHead, number, number] = [EMPTY_LOG, 0, 0];
  for (let index = 0; index < ANCHORS; index++) {
    const tree = nextTree(books, trees.at(-1), index);
    const data = await anchorData(evm, anchor, head, tree.leaf);
    anchors.push(await evm.send(anchor.address, data));
    anchorBytes = Math.max(anchorBytes, data.length / 2 - 1);
    head = appendLeaf(head, tree.leaf);
    trees.push(tree);
  }
  for (const { book, leaves } of books) {
    const [leaf, seq, proof] = proofOf(trees, head, book, leaves);
    const args = [toHex(leaf), toHex(uuidBytes(book)), seq, proof];
    assert((await anchor.read('verifyRecord', args)) === 0, 'the contract finds the record in its log');
    proofBytes = Math.max(proofBytes, anchor.data('verifyRecord', args).length / 2 - 1);
    const [used, fault] = (await meter.read('record', [toHex(commitment(head)), ...args])) as [bigint, number];
    assert(fault === 0, 'and so does the same library with a meter around it');
    views.push(used);
  }
  return { books: count, anchor: spread(anchors), anchorBytes, proofBytes, view: spread(views) };
}

/** Of a record in the middle of the book's batch in the last anchor but one. */
function proofOf(
  trees: readonly AnchorTree[],
  { count, peaks }: LogHead,
  book: BookId,
  leaves: readonly Hash[],
): readonly [leaf: Hash, seq: bigint, proof: Record<string, unknown>] {
  const anchorIndex = trees.length - 2;
  const tree = trees[anchorIndex]!;
  const bookIndex = tree.books.findIndex((record) => record.book === book);
  const { firstSeq, lastSeq, previousHead } = tree.books[bookIndex]!;
  const place = BATCH / 2;
  const proof = proofArguments({
    firstSeq,
    lastSeq,
    previousHead,
    batchPath: inclusionPath(leaves, place),
    bookIndex,
    bookCount: tree.books.length,
    bookPath: tree.path(bookIndex),
    anchorIndex: BigInt(anchorIndex),
    count,
    peaks,
    peakPath: peakPath(
      trees.map(({ leaf }) => leaf),
      anchorIndex,
    ),
  });
  return [leaves[place]!, firstSeq + BigInt(place), proof];
}
