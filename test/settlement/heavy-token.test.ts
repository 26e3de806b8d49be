import assert from 'node:assert/strict';
import type { Hex } from '#base';
import { allInstructions } from '#settlement';
import { testPlatform, type TestPlatform } from '../support/platform.ts';

/** A token in whose place whatever it is asked takes 180,000 gas and is answered with 1: counts down from 6,900, 26 gas a turn. Below what the vault offers a transfer. */
const HEAVY: Hex = '0x611af45b6001900380600357600160005260206000f3';

const PAYEES = 95;

describe('a token whose transfers take much gas', function () {
  this.timeout(300_000);
  let test: TestPlatform;
  before(async () => {
    test = await testPlatform();
  });
  after(() => test.close());

  it('is paid to as many as a transaction has gas for, in as many lists as that takes, and keeps no anchor from the chain', async () => {
    const { platform, chain, token } = test;
    await test.fund(1_000n);
    // All in one list would take more than the 16,777,216 of EIP-7825.
    const { submitted } = await test.order(Array.from({ length: PAYEES }, () => '1.00'));
    await chain.request('anvil_setCode', token, HEAVY);
    await platform.closeWindow();
    const instructions = () => allInstructions(platform.database.pool, platform.bookId);
    await test.until('every list is paid', async () => (await instructions()).length > 0 && (await instructions()).every(({ state }) => state === 'closed'));
    const counts = (await instructions()).map(({ words }) => words.length);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      PAYEES,
    );
    assert.equal(counts.length, 2);
    const states = (await test.payments(submitted.order.order)).map(({ state }) => state);
    assert.deepEqual(new Set(states), new Set(['settled']));
    assert.deepEqual(test.sent('pay', 'failed'), []);
    await platform.sealAll();
    await test.until('all that was booked is in a block', async () => (await platform.greatestUnanchoredAgeMs()) === 0);
  });
});
