import assert from 'node:assert/strict';
import { dealParties, digestOf } from '../support/dealer.ts';
import { testChain } from '../../../support/chain.ts';
import { recoversOnChain, signHonestly, signMany, subsets } from './honest.ts';
import { q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { uintBytes } from '#base';

describe('honest signers', function () {
  // Nothing here waits for anything; how long it computes is the machine's affair.
  this.timeout(0);

  it('T-03 sign 200 times, in all pairs of 2-of-3 and all triples of 3-of-5, and three libraries take every signature', () => {
    assert.equal(signMany(200, (index) => digestOf(`honest ${index}`)).length, 200);
  });

  it('T-03 sign in every quorum of every t of n up to 3 of 5', () => {
    for (const t of [2, 3])
      for (let n = t; n <= 5; n++) for (const quorum of subsets(dealParties(t, n).parties, t)) signHonestly(quorum, digestOf(`${t} of ${n}`));
  });

  it('T-03 sign the digests at the edges of the order, which libraries and the EVM take as well', async () => {
    const { rpc } = await testChain();
    const edges = [0n, 1n, q - 1n, q, 2n ** 256n - 1n];
    for (const [t, n] of [
      [2, 3],
      [3, 5],
    ] as const) {
      const quorums = subsets(dealParties(t, n).parties, t);
      for (const [index, edge] of edges.entries()) {
        const digest = uintBytes(edge, 32);
        await recoversOnChain(rpc, { digest, signed: signHonestly(quorums[index % 3]!, digest) });
      }
    }
  });

  it('T-16 sign by every child of the path they agreed on', () => {
    const { parties } = dealParties(2, 2);
    const keys = [[], [0], [1], [0, 1], [2 ** 31 - 1]].map((path) => signHonestly(parties, digestOf('child'), path).publicKey);
    assert.equal(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size, 5);
  });
});
