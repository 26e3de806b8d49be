import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, Problem } from '#base';

/** A 32-byte hash. */
export type Hash = Uint8Array;

const NODE_PREFIX = Uint8Array.of(0x01);

/** Interior node: keccak(0x01 || left || right), directed (RFC 9162 section 2.1.1). */
export function nodeHash(left: Hash, right: Hash): Hash {
  return keccak_256(concat(NODE_PREFIX, left, right));
}

export function sameHash(a: Hash, b: Hash): boolean {
  return a.length === 32 && b.length === 32 && a.every((byte, i) => byte === b[i]);
}

/** k of RFC 9162 section 2.1.1: the largest power of two smaller than n, for n > 1. */
export function largestPowerBelow(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

/** MTH(D[n]) over leaf hashes, n >= 1 (RFC 9162 section 2.1.1). */
export function mth(leaves: readonly Hash[]): Hash {
  assert(leaves.length > 0, 'a tree has at least one leaf');
  if (leaves.length === 1) return leaves[0]!;
  const k = largestPowerBelow(leaves.length);
  return nodeHash(mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

/** PATH(m, D[n]), RFC 9162 section 2.1.3.1: siblings from the leaf upwards. */
export function inclusionPath(leaves: readonly Hash[], index: number): Hash[] {
  assert(Number.isInteger(index) && index >= 0 && index < leaves.length, `no leaf ${index} among ${leaves.length}`);
  if (leaves.length === 1) return [];
  const k = largestPowerBelow(leaves.length);
  if (index < k) return [...inclusionPath(leaves.slice(0, k), index), mth(leaves.slice(k))];
  return [...inclusionPath(leaves.slice(k), index - k), mth(leaves.slice(0, k))];
}

/**
 * The root that this path leads to (RFC 9162 section 2.1.3.2), or null where index, size and the length of the path do not fit each other.
 * A proof is only as good as its size: take it from something hashed, never from the prover alone.
 */
export function rootFromPath(leaf: Hash, index: bigint, size: bigint, path: readonly Hash[]): Hash | null {
  if (index < 0n || index >= size) return null;
  if ([leaf, ...path].some((hash) => hash.length !== 32)) return null;
  let [fn, sn, r] = [index, size - 1n, leaf];
  for (const p of path) {
    if (sn === 0n) return null;
    if ((fn & 1n) === 1n || fn === sn) {
      r = nodeHash(p, r);
      // A right-hand border node has no sibling on some levels: they add nothing to the path (step 4.b).
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n ? r : null;
}

/** A sibling and the side it stands on. */
export interface Step {
  readonly side: 'left' | 'right';
  readonly hash: Hash;
}

/** An inclusion path with its sides written out, for a tree whose size nothing binds: where a leaf stands there says nothing, only that it is there. */
export function stepsOf(index: bigint, size: bigint, path: readonly Hash[]): Step[] {
  let [fn, sn] = [index, size - 1n];
  return path.map((hash): Step => {
    const isRight = (fn & 1n) === 1n || fn === sn;
    if (isRight) while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    [fn, sn] = [fn >> 1n, sn >> 1n];
    return { side: isRight ? 'left' : 'right', hash };
  });
}

export function rootFromSteps(leaf: Hash, steps: readonly Step[]): Hash {
  return steps.reduce((r, { side, hash }) => (side === 'left' ? nodeHash(hash, r) : nodeHash(r, hash)), leaf);
}

export function verifyInclusion(leaf: Hash, index: bigint, size: bigint, path: readonly Hash[], root: Hash): boolean {
  const reached = rootFromPath(leaf, index, size, path);
  return reached !== null && sameHash(reached, root);
}

/** SUBPROOF(m, D[n], b), RFC 9162 section 2.1.4.1; `known` is b: the old root is the subtree itself. */
function subproof(m: number, leaves: readonly Hash[], known: boolean): Hash[] {
  if (m === leaves.length) return known ? [] : [mth(leaves)];
  const k = largestPowerBelow(leaves.length);
  if (m <= k) return [...subproof(m, leaves.slice(0, k), known), mth(leaves.slice(k))];
  return [...subproof(m - k, leaves.slice(k), false), mth(leaves.slice(0, k))];
}

/** PROOF(m, D[n]), RFC 9162 section 2.1.4.1: that the first `oldSize` leaves are what they were. */
export function consistencyProof(leaves: readonly Hash[], oldSize: number): Hash[] {
  if (oldSize < 1 || oldSize > leaves.length) throw new Problem('anchor/no-such-proof', `There is no head of ${oldSize} leaves in a log of ${leaves.length}.`);
  return subproof(oldSize, leaves, true);
}

/** RFC 9162 section 2.1.4.2, and beyond it: equal sizes take an empty proof and equal roots; an empty log is no head, so nothing is consistent with it. */
export function verifyConsistency(oldSize: bigint, newSize: bigint, oldRoot: Hash, newRoot: Hash, proof: readonly Hash[]): boolean {
  if (oldSize < 1n || oldSize > newSize) return false;
  if ([oldRoot, newRoot, ...proof].some((hash) => hash.length !== 32)) return false;
  if (oldSize === newSize) return proof.length === 0 && sameHash(oldRoot, newRoot);
  if (proof.length === 0) return false;
  const isPowerOfTwo = (oldSize & (oldSize - 1n)) === 0n;
  const [first, ...rest] = isPowerOfTwo ? [oldRoot, ...proof] : proof;
  let [fn, sn] = [oldSize - 1n, newSize - 1n];
  while ((fn & 1n) === 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [first!, first!];
  for (const c of rest) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      [fr, sr] = [nodeHash(c, fr), nodeHash(c, sr)];
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = nodeHash(sr, c);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && sameHash(fr, oldRoot) && sameHash(sr, newRoot);
}
