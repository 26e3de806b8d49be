import { strict as assert } from 'node:assert';
import { openTreeBuilder } from '#anchor';
import { joinTrees, merkleTree, verifyInclusion } from '#anchor/core';

function leavesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size * 32 }, (_, i) => Math.imul(i + 1, 2_654_435_761) >>> 24);
}

describe('the tree builder', () => {
  it('builds on two threads the tree that one thread builds', async () => {
    const builder = openTreeBuilder();
    for (const size of [1, 1_000, 65_536, 70_001, 131_071, 131_073]) {
      const leaves = leavesOf(size);
      const [tree, expected] = [await builder.build(leaves), merkleTree(leaves)];
      assert.deepEqual(tree.root, expected.root, `size ${size}`);
      for (const index of [0, size >> 2, size >> 1, size - 1]) {
        assert.deepEqual(tree.path(index), expected.path(index));
        assert.ok(verifyInclusion(tree.leaf(index), BigInt(index), BigInt(size), tree.path(index), tree.root));
      }
    }
    await builder.close();
  });

  it('joins two trees only where they are the halves of one', () => {
    const [three, four] = [merkleTree(leavesOf(3)), merkleTree(leavesOf(4))];
    assert.deepEqual(joinTrees(four, three).size, 7);
    assert.throws(() => joinTrees(three, four), /assertion failed/);
  });
});
