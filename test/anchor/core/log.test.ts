import { strict as assert } from 'node:assert';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { appendLeaf, commitment, EMPTY_LOG, headOf, isLogHead, logRoot, mth, peakOver, peakPath, verifyInHead, type LogHead } from '#anchor/core';
import { toHex, uintBytes } from '#base';

const SIZES = 64;
const LEAVES = Array.from({ length: SIZES }, (_, i) => keccak_256(uintBytes(i, 32)));

describe('the anchored log', () => {
  it('has the root of RFC 9162 at every size from 1 to 64, by merging peaks alone', () => {
    let head: LogHead = EMPTY_LOG;
    for (const [i, leaf] of LEAVES.entries()) {
      head = appendLeaf(head, leaf);
      assert.ok(isLogHead(head));
      assert.deepEqual(logRoot(head), mth(LEAVES.slice(0, i + 1)), `size ${i + 1}`);
    }
  });

  it('commits to count and peaks, so that equal peaks of another count are another log', () => {
    const head = headOf(LEAVES.slice(0, 4));
    assert.notDeepEqual(commitment(head), commitment({ ...head, count: 8n }));
    assert.equal(toHex(commitment(EMPTY_LOG)), toHex(keccak_256(new Uint8Array(32))));
  });

  it('proves every leaf of every size to its peak, and to no other place, count or peak', () => {
    for (let size = 1; size <= SIZES; size++) {
      const head = headOf(LEAVES.slice(0, size));
      for (let index = 0; index < size; index++) {
        const path = peakPath(LEAVES.slice(0, size), index);
        const leaf = LEAVES[index]!;
        assert.ok(verifyInHead(leaf, BigInt(index), path, head), `leaf ${index} of ${size}`);
        assert.ok(!verifyInHead(leaf, BigInt(index ^ 1), path, head), `leaf ${index} of ${size} beside its place`);
        assert.ok(!verifyInHead(leaf, BigInt(index), [...path, leaf], head));
        if (path.length > 0) assert.ok(!verifyInHead(leaf, BigInt(index), path.slice(1), head));
        const { peak } = peakOver(BigInt(index), BigInt(size));
        assert.ok(!verifyInHead(leaf, BigInt(index), path, { ...head, peaks: head.peaks.with(peak, leaf.slice().reverse()) }));
      }
      assert.ok(!verifyInHead(LEAVES[0]!, BigInt(size), [], head), 'an index outside the log');
      assert.ok(!verifyInHead(LEAVES[0]!, -1n, [], head), 'an index before the log');
    }
  }).timeout(120_000);

  it('refuses a head with a peak too many or too few', () => {
    const head = headOf(LEAVES.slice(0, 5));
    const path = peakPath(LEAVES.slice(0, 5), 0);
    assert.ok(!verifyInHead(LEAVES[0]!, 0n, path, { ...head, peaks: [...head.peaks, LEAVES[9]!] }));
    assert.ok(!verifyInHead(LEAVES[0]!, 0n, path, { ...head, peaks: head.peaks.slice(0, 1) }));
  });
});
