import assert from 'node:assert/strict';
import { testChain } from '../../../support/chain.ts';
import { digestOf } from '../support/dealer.ts';
import { recoversOnChain, signMany } from './honest.ts';

describe('honest signers, for long', function () {
  this.timeout(0);

  it('T-03 sign 2,000 times, in all pairs of 2-of-3 and all triples of 3-of-5, and three libraries and the EVM take every signature', async () => {
    const made = signMany(2_000, (index) => digestOf(`long ${index}`));
    assert.equal(made.length, 2_000);
    const { rpc } = await testChain();
    for (const each of made) await recoversOnChain(rpc, each);
  });
});
