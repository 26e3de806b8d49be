import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  anchorTree,
  appendLeaf,
  bookRecordHash,
  commitment,
  consistencyProof,
  EMPTY_LOG,
  headOf,
  inclusionPath,
  logRoot,
  mth,
  NO_HEAD,
  peakOver,
  peakPath,
  recordLeaf,
  type BookRecord,
  type Hash,
  type LogHead,
} from '#anchor/core';
import { concat, fromHex, toHex, uintBytes } from '#base';
import { BOOK, CHAIN_ID, id, sampleFieldsRoot, sampleRecords, word } from './records.ts';

const SIZES = 64;
/** Proofs of larger trees are in the digest only: the files stay readable. */
const WRITTEN_SIZES = 12;

/** Leaf i of the abstract trees: keccak(i as u256), the same in Solidity as keccak256(abi.encode(i)). */
const LEAVES: readonly Hash[] = Array.from({ length: SIZES }, (_, i) => keccak_256(uintBytes(i, 32)));

interface Proof {
  readonly size: number;
  readonly at: number;
  readonly path: readonly Hash[];
}

function* inclusions(): Generator<Proof> {
  for (let size = 1; size <= SIZES; size++) for (let at = 0; at < size; at++) yield { size, at, path: inclusionPath(LEAVES.slice(0, size), at) };
}

function* consistencies(): Generator<Proof> {
  for (let size = 1; size <= SIZES; size++) for (let at = 1; at <= size; at++) yield { size, at, path: consistencyProof(LEAVES.slice(0, size), at) };
}

/** Binds every proof of every size in one word: keccak over (size u8 || index u8 || hashes) of all, in order. */
function digest(proofs: Iterable<Proof>): string {
  return toHex(keccak_256(concat(...[...proofs].map(({ size, at, path }) => concat(Uint8Array.of(size, at), ...path)))));
}

function written(proofs: Iterable<Proof>) {
  return [...proofs].filter(({ size }) => size <= WRITTEN_SIZES).map(({ size, at, path }) => ({ size, at, path: path.map(toHex) }));
}

function heads(): LogHead[] {
  const all: LogHead[] = [EMPTY_LOG];
  for (const leaf of LEAVES) all.push(appendLeaf(all.at(-1) ?? EMPTY_LOG, leaf));
  return all;
}

/** An instruction's whole way up: leaf, batch, book tree of three, log of five, to the commitment. */
function wholeProof() {
  const records = sampleRecords();
  const leaves = records.map((record) => recordLeaf({ chainId: CHAIN_ID, book: BOOK }, record, sampleFieldsRoot(record)));
  const at = records.findIndex(({ kind }) => kind === 'instruction');
  const record: BookRecord = { book: BOOK, firstSeq: 1n, lastSeq: BigInt(records.length), previousHead: NO_HEAD, batchRoot: mth(leaves) };
  const others: BookRecord[] = [1, 0xffffff].map((n) => ({ ...record, book: id(n), batchRoot: fromHex(word(`other book ${n}`)) }));
  const tree = anchorTree([record, ...others]);
  const bookAt = tree.books.indexOf(record);
  const log = [...LEAVES.slice(0, 3), tree.leaf, LEAVES[4]!];
  const head = headOf(log);
  return {
    about:
      'Record leaf -> batchRoot -> book record -> anchor leaf -> peak -> commitment. batch.index = seq - firstSeq of batch.size = lastSeq - firstSeq + 1; log.path ends at log.peaks[log.peak].',
    record: { seq: records[at]!.seq.toString(), leaf: toHex(leaves[at]!), nowMs: records[at]!.nowMs, fieldsRoot: toHex(sampleFieldsRoot(records[at]!)) },
    batch: { index: at, size: leaves.length, path: inclusionPath(leaves, at).map(toHex), root: toHex(record.batchRoot) },
    book: {
      book: BOOK,
      firstSeq: '1',
      lastSeq: record.lastSeq.toString(),
      previousHead: toHex(NO_HEAD),
      recordHash: toHex(bookRecordHash(record)),
      index: bookAt,
      size: 3,
      path: tree.path(bookAt).map(toHex),
    },
    log: {
      leaf: toHex(tree.leaf),
      index: 3,
      count: 5,
      peaks: head.peaks.map(toHex),
      peak: peakOver(3n, 5n).peak,
      path: peakPath(log, 3).map(toHex),
      root: toHex(logRoot(head)),
      commitment: toHex(commitment(head)),
    },
  };
}

/** merkle.json, log.json and proof.json. */
export function proofVectors(): Record<string, unknown> {
  return {
    'merkle.json': {
      about:
        'RFC 9162 trees with node = keccak(0x01 || left || right) over leaf i = keccak256(abi.encode(i)). roots[n - 1] is MTH of the first n. inclusion: path of leaf `at` in `size`. consistency: from `at` leaves to `size`. The digests bind all proofs of sizes 1..64: keccak over (size u8 || at u8 || path) in order of size, then at (from 0, and from 1).',
      leaves: LEAVES.map(toHex),
      roots: LEAVES.map((_, i) => toHex(mth(LEAVES.slice(0, i + 1)))),
      inclusionDigest: digest(inclusions()),
      consistencyDigest: digest(consistencies()),
      inclusion: written(inclusions()),
      consistency: written(consistencies()),
    },
    'log.json': {
      about:
        'The log as LedgerAnchor sees it: heads[n] after n leaves of merkle.json; commitment = keccak(abi.encodePacked(uint256 count, peaks)), of the empty log keccak of the word 0; root = peaks bagged from the right (null for the empty log). paths: leaf `index` to its peak in a log of `count`.',
      commitments: heads().map((head) => toHex(commitment(head))),
      heads: heads().map((head) => ({ count: Number(head.count), peaks: head.peaks.map(toHex), root: head.count === 0n ? null : toHex(logRoot(head)) })),
      paths: [1, 2, 5, 7, 12].flatMap((count) =>
        Array.from({ length: count }, (_, index) => ({
          count,
          index,
          peak: peakOver(BigInt(index), BigInt(count)).peak,
          path: peakPath(LEAVES.slice(0, count), index).map(toHex),
        })),
      ),
    },
    'proof.json': wholeProof(),
  };
}
