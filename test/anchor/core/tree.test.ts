import { strict as assert } from 'node:assert';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { inclusionPath, merkleTree, mth, verifyInclusion } from '#anchor/core';
import { concat, uintBytes } from '#base';

const LEAVES = Array.from({ length: 300 }, (_, i) => keccak_256(uintBytes(i, 32)));

describe('the tree over flat memory', () => {
  it('has the root and the paths of RFC 9162 at every size from 1 to 64', () => {
    for (let size = 1; size <= 64; size++) {
      const leaves = LEAVES.slice(0, size);
      const tree = merkleTree(concat(...leaves));
      assert.deepEqual(tree.root, mth(leaves), `size ${size}`);
      for (let index = 0; index < size; index++) {
        assert.deepEqual(tree.path(index), inclusionPath(leaves, index), `leaf ${index} of ${size}`);
        assert.deepEqual(tree.leaf(index), leaves[index]);
      }
    }
  }).timeout(120_000);

  it('proves any leaf of any size against the root by definition', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (size, seed) => {
        const tree = merkleTree(concat(...LEAVES.slice(0, size)));
        const index = seed % size;
        assert.ok(verifyInclusion(LEAVES[index]!, BigInt(index), BigInt(size), tree.path(index), tree.root));
        assert.deepEqual(tree.root, mth(LEAVES.slice(0, size)));
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a leaf that it has not', () => {
    const tree = merkleTree(concat(...LEAVES.slice(0, 3)));
    assert.throws(() => tree.path(3), /assertion failed/);
    assert.throws(() => tree.leaf(-1), /assertion failed/);
  });
});
