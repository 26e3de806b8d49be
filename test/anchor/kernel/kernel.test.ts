import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { messageHashes } from '#anchor/core';

function nobleHashes(messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.map((message) => keccak_256(message)));
}

describe('the keccak kernel', () => {
  it('is compiled from the source beside it, as every other kernel is', () => {
    const run = spawnSync(process.execPath, ['scripts/kernel.ts', '--check'], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  }).timeout(120_000);

  it('hashes messages of every length from 0 to 420, three blocks and their edges, as noble does', () => {
    const messages = Array.from({ length: 421 }, (_, length) => Uint8Array.from({ length }, (__, i) => i * 31 + length));
    assert.deepEqual(Buffer.from(messageHashes(messages)), nobleHashes(messages));
    assert.deepEqual(Buffer.from(messageHashes([...messages].reverse())), nobleHashes([...messages].reverse()));
  });

  it('hashes any list of messages as noble does, however their lengths pair up', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 12 }), (messages) => {
        assert.deepEqual(Buffer.from(messageHashes(messages)), nobleHashes(messages));
      }),
      { numRuns: 200 },
    );
  });

  it('gives the same answers after it has grown for a large input and been given back', () => {
    const large = Uint8Array.from({ length: 40_000_000 }, (_, i) => i);
    const small = Uint8Array.of(1, 2, 3);
    assert.equal(messageHashes([large]).length, 32);
    assert.deepEqual(Buffer.from(messageHashes([small])), nobleHashes([small]));
  });
});
