import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, uintBytes } from '#base';
import { inclusionPath, nodeHash, rootFromPath, sameHash, type Hash } from './merkle.ts';

/**
 * The head of the anchored log: a Merkle Mountain Range over anchor leaves.
 * `peaks` are the roots of the full subtrees, largest (leftmost) first: one for each bit of `count`.
 */
export interface LogHead {
  readonly count: bigint;
  readonly peaks: readonly Hash[];
}

export const EMPTY_LOG: LogHead = { count: 0n, peaks: [] };

function bitCount(n: bigint): number {
  return n.toString(2).replaceAll('0', '').length;
}

/** One peak of 32 bytes for each bit of the count, as LedgerAnchor demands. */
export function isLogHead(head: LogHead): boolean {
  return head.count >= 0n && head.peaks.length === bitCount(head.count) && head.peaks.every((peak) => peak.length === 32);
}

/** What LedgerAnchor does with a new leaf: it merges with every peak of its own size, from the right. */
export function appendLeaf({ count, peaks }: LogHead, leaf: Hash): LogHead {
  const rest = [...peaks];
  let merged = leaf;
  for (let bits = count; (bits & 1n) === 1n; bits >>= 1n) merged = nodeHash(rest.pop()!, merged);
  return { count: count + 1n, peaks: [...rest, merged] };
}

export function headOf(leaves: readonly Hash[]): LogHead {
  return leaves.reduce(appendLeaf, EMPTY_LOG);
}

/** commitment = keccak(count u256 || peak_0 || peak_1 || ...), the one word LedgerAnchor stores. */
export function commitment({ count, peaks }: LogHead): Hash {
  return keccak_256(concat(uintBytes(count, 32), ...peaks));
}

/** The peaks bagged from the right: equal to MTH(all anchor leaves) (RFC 9162 section 2.1.1). */
export function logRoot({ peaks }: LogHead): Hash {
  assert(peaks.length > 0, 'an empty log has no root');
  return peaks.reduceRight((acc, peak) => nodeHash(peak, acc));
}

/** Which peak stands over leaf `index` of a log of `count`, where its subtree starts, and how many leaves it has. */
export function peakOver(index: bigint, count: bigint): { readonly peak: number; readonly start: bigint; readonly size: bigint } {
  assert(index >= 0n && index < count, `no leaf ${index} in a log of ${count}`);
  let start = 0n;
  let peak = 0;
  for (let bit = BigInt(count.toString(2).length - 1); ; bit--) {
    const size = 1n << bit;
    if ((count & size) === 0n) continue;
    if (index < start + size) return { peak, start, size };
    start += size;
    peak++;
  }
}

/** Siblings from anchor leaf `index` up to its peak in the log of exactly these leaves: what the contracts are shown. */
export function peakPath(leaves: readonly Hash[], index: number): Hash[] {
  const { start, size } = peakOver(BigInt(index), BigInt(leaves.length));
  return inclusionPath(leaves.slice(Number(start), Number(start + size)), index - Number(start));
}

/** Whether the leaf stands at `index` under the head, by a path to its peak of exactly that peak's height. */
export function verifyInHead(leaf: Hash, index: bigint, path: readonly Hash[], head: LogHead): boolean {
  if (!isLogHead(head) || index < 0n || index >= head.count) return false;
  const { peak, start, size } = peakOver(index, head.count);
  const reached = rootFromPath(leaf, index - start, size, path);
  return reached !== null && sameHash(reached, head.peaks[peak]!);
}
