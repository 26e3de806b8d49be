import assert from 'node:assert/strict';
import { dealParties, digestOf } from '../support/dealer.ts';
import { signHonestly, signMany, subsets } from './honest.ts';
import { q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { uintBytes } from '#base';

describe('honest signers', function () {
  // Nothing here waits for anything; how long it computes is the machine's affair.
  this.timeout(0);

  it('T-03 sign 200 times, in all pairs of 2-of-3 and all triples of 3-of-5, and three libraries take every signature', () => {
    assert.equal(
      signMany(200, (index) => digestOf(`honest ${index}`)),
      200,
    );
  });

  it('T-03 sign the digests at the edges of the order', () => {
    const { parties } = dealParties(2, 3);
    const quorums = subsets(parties, 2);
    for (const [index, digest] of [0n, 1n, q - 1n, q, 2n ** 256n - 1n].entries()) signHonestly(quorums[index % 3]!, uintBytes(digest, 32));
  });

  it('T-16 sign by every child of the path they agreed on', () => {
    const { parties } = dealParties(2, 2);
    const keys = [[], [0], [1], [0, 1], [2 ** 31 - 1]].map((path) => signHonestly(parties, digestOf('child'), path).publicKey);
    assert.equal(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size, 5);
  });
});
