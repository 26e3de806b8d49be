import { strict as assert } from 'node:assert';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { consistencyProof, inclusionPath, mth, nodeHash, rootFromSteps, sameHash, stepsOf, verifyConsistency, verifyInclusion, type Hash } from '#anchor/core';
import { Problem, uintBytes } from '#base';

const SIZES = 64;
const LEAVES = Array.from({ length: SIZES }, (_, i) => keccak_256(uintBytes(i, 32)));
const ROOTS = LEAVES.map((_, i) => mth(LEAVES.slice(0, i + 1)));

function flipped(hash: Hash, at: number): Hash {
  const copy = hash.slice();
  copy[at % 32]! ^= 1 << (at % 8);
  return copy;
}

function bitFlips(path: readonly Hash[]): Hash[][] {
  return path.map((hash, i) => path.with(i, flipped(hash, i * 5)));
}

function wrongLengths(path: readonly Hash[]): Hash[][] {
  return [[...path, LEAVES[0]!], [LEAVES[0]!, ...path], ...(path.length > 0 ? [path.slice(1), path.slice(0, -1)] : [])];
}

describe('the Merkle tree of RFC 9162 over keccak', () => {
  it('splits at the largest power of two smaller than n (section 2.1.1)', () => {
    const [a, b, c, d, e] = LEAVES as [Hash, Hash, Hash, Hash, Hash];
    assert.deepEqual(ROOTS[0], a);
    assert.deepEqual(ROOTS[2], nodeHash(nodeHash(a, b), c));
    assert.deepEqual(ROOTS[4], nodeHash(nodeHash(nodeHash(a, b), nodeHash(c, d)), e));
  });

  it('is directed: swapped children are another node', () => {
    assert.notDeepEqual(nodeHash(LEAVES[0]!, LEAVES[1]!), nodeHash(LEAVES[1]!, LEAVES[0]!));
  });

  it('proves every leaf of every size from 1 to 64 and refuses each flipped, missing or added hash', () => {
    for (let size = 1; size <= SIZES; size++) {
      const root = ROOTS[size - 1]!;
      for (let index = 0; index < size; index++) {
        const path = inclusionPath(LEAVES.slice(0, size), index);
        const check = (leaf: Hash, proof: readonly Hash[], target: Hash) => verifyInclusion(leaf, BigInt(index), BigInt(size), proof, target);
        assert.ok(check(LEAVES[index]!, path, root), `leaf ${index} of ${size}`);
        assert.deepEqual(rootFromSteps(LEAVES[index]!, stepsOf(BigInt(index), BigInt(size), path)), root, `leaf ${index} of ${size}, by its steps`);
        assert.ok(!check(flipped(LEAVES[index]!, index), path, root));
        assert.ok(!check(LEAVES[index]!, path, flipped(root, index)));
        for (const wrong of [...bitFlips(path), ...wrongLengths(path)]) assert.ok(!check(LEAVES[index]!, wrong, root), `leaf ${index} of ${size}`);
      }
    }
  }).timeout(120_000);

  it('refuses every path shown for another index of the same tree, and an index outside it', () => {
    for (let size = 1; size <= 20; size++) {
      for (let index = 0; index < size; index++) {
        const path = inclusionPath(LEAVES.slice(0, size), index);
        for (let other = -1; other <= size + 1; other++) {
          if (other === index) continue;
          assert.ok(!verifyInclusion(LEAVES[index]!, BigInt(other), BigInt(size), path, ROOTS[size - 1]!), `${index} shown as ${other} of ${size}`);
        }
      }
    }
  });

  it('proves that every head of 1 to 64 leaves extends every one before it and refuses each flipped, missing or added hash', () => {
    for (let newSize = 1; newSize <= SIZES; newSize++) {
      for (let oldSize = 1; oldSize <= newSize; oldSize++) {
        const proof = consistencyProof(LEAVES.slice(0, newSize), oldSize);
        const [oldRoot, newRoot] = [ROOTS[oldSize - 1]!, ROOTS[newSize - 1]!];
        const check = (hashes: readonly Hash[], from: Hash, to: Hash) => verifyConsistency(BigInt(oldSize), BigInt(newSize), from, to, hashes);
        assert.ok(check(proof, oldRoot, newRoot), `${oldSize} to ${newSize}`);
        assert.ok(!check(proof, flipped(oldRoot, newSize), newRoot), `${oldSize} to ${newSize} with another old root`);
        assert.ok(!check(proof, oldRoot, flipped(newRoot, oldSize)), `${oldSize} to ${newSize} with another new root`);
        for (const wrong of [...bitFlips(proof), ...wrongLengths(proof)]) assert.ok(!check(wrong, oldRoot, newRoot), `${oldSize} to ${newSize}`);
      }
    }
  }).timeout(120_000);

  it('refuses every consistency proof shown for sizes that demand another length', () => {
    const lengthOf = (oldSize: number, newSize: number) => consistencyProof(LEAVES.slice(0, newSize), oldSize).length;
    for (let newSize = 2; newSize <= 16; newSize++) {
      for (let oldSize = 1; oldSize < newSize; oldSize++) {
        const proof = consistencyProof(LEAVES.slice(0, newSize), oldSize);
        for (let claimed = oldSize + 1; claimed <= 34; claimed++) {
          if (lengthOf(oldSize, claimed) === proof.length) continue;
          assert.ok(
            !verifyConsistency(BigInt(oldSize), BigInt(claimed), ROOTS[oldSize - 1]!, ROOTS[newSize - 1]!, proof),
            `${oldSize} to ${newSize} as ${claimed}`,
          );
        }
      }
    }
  });

  it('takes no head for an extension of a larger one, of an empty one, or of itself by a proof that is not empty', () => {
    const root = ROOTS[4]!;
    assert.ok(!verifyConsistency(6n, 5n, ROOTS[5]!, root, []));
    assert.ok(!verifyConsistency(0n, 5n, root, root, []));
    assert.ok(!verifyConsistency(0n, 5n, root, root, [LEAVES[0]!]));
    assert.ok(!verifyConsistency(5n, 5n, root, root, [LEAVES[0]!]));
    assert.ok(!verifyConsistency(5n, 5n, root, ROOTS[5]!, []));
    assert.throws(() => consistencyProof(LEAVES.slice(0, 5), 6), Problem);
    assert.throws(() => consistencyProof(LEAVES.slice(0, 5), 0), Problem);
  });

  it('refuses hashes that are not 32 bytes long', () => {
    const path = inclusionPath(LEAVES.slice(0, 4), 1);
    assert.ok(!verifyInclusion(LEAVES[1]!, 1n, 4n, path.with(0, path[0]!.slice(1)), ROOTS[3]!));
    assert.ok(!verifyInclusion(LEAVES[1]!.slice(1), 1n, 4n, path, ROOTS[3]!));
    assert.ok(!sameHash(new Uint8Array(0), new Uint8Array(0)));
  });

  it('verifies positions of logs far beyond 32 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 60n }), fc.bigInt({ min: 0n, max: 2n ** 60n }), (size, seed) => {
        // A path of the length that the size demands leads somewhere; one of another length nowhere.
        const index = seed % size;
        const lengths = Array.from({ length: 64 }, (_, n) => n).filter((n) => {
          const path = Array.from({ length: n }, (__, i) => LEAVES[i]!);
          return verifyInclusion(LEAVES[0]!, index, size, path, walk(LEAVES[0]!, index, size, path));
        });
        assert.equal(lengths.length, 1);
      }),
      { numRuns: 20 },
    );
  });
});

/** The root by the definition of section 2.1.1 seen from the leaf: at each split the sibling is on the other side. */
function walk(leaf: Hash, index: bigint, size: bigint, path: readonly Hash[]): Hash {
  if (size === 1n) return leaf;
  let k = 1n;
  while (k * 2n < size) k *= 2n;
  const [sibling, rest] = [path.at(-1) ?? leaf, path.slice(0, -1)];
  return index < k ? nodeHash(walk(leaf, index, k, rest), sibling) : nodeHash(sibling, walk(leaf, index - k, size - k, rest));
}
