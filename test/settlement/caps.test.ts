import assert from 'node:assert/strict';
import { encodeFunctionData } from 'viem';
import type { OrderId } from '#base';
import { SETTLEMENT_VAULT_ABI } from '#chain';
import { parseRates } from '#payments/core';
import { createServices } from '#services';
import { allInstructions, payoutOfPayment } from '#settlement';
import { loadExample } from '../../scripts/example/example.ts';
import { FINALITY, testPlatform, units, type TestPlatform } from '../support/platform.ts';

const DAY_S = 86_400;
const example = loadExample();

describe('the vault’s caps, end to end', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  before(async () => {
    test = await testPlatform();
    await test.fund(10_000n);
    // Noon, so that no midnight comes but the one that the test brings.
    await test.advance(DAY_S + DAY_S / 2 - (Math.floor(test.clock.nowMs() / 1000) % DAY_S));
    await test.chain.mine(FINALITY);
  });
  after(() => test.close());

  const states = async (order: OrderId) => (await test.payments(order)).map(({ state }) => state);

  /** The timelock's own call, without its delay. */
  async function setCaps(perTransaction: string, perDay: string): Promise<void> {
    const { timelock, vault } = test.platform.deployment;
    const data = encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'setCaps', args: [test.token, units(perTransaction), units(perDay)] });
    await test.chain.request('anvil_setBalance', timelock, '0xde0b6b3a7640000');
    await test.chain.request('anvil_impersonateAccount', timelock);
    await test.chain.request('eth_sendTransaction', { from: timelock, to: vault, data, gas: '0x100000' });
    await test.chain.mine(FINALITY + 1);
  }

  it('refuse before anything is held what they could never pay, and let the rest wait for its day without one transaction that fails', async () => {
    await setCaps('50.00', '60.00');
    const services = createServices({ ...test.platform, tariff: () => example.tariff, rates: () => parseRates(example.rates, 0) });
    const before = await test.money();
    const over = await test.order(['50.01']);
    assert.deepEqual(await states(over.submitted.order.order), ['refused']);
    assert.equal((await test.payments(over.submitted.order.order))[0]!.reasonCode, 'payments/over-transaction-cap');
    assert.deepEqual(await test.money(), before);

    const { submitted, payees } = await test.order(['40.00', '30.00']);
    const { order } = submitted.order;
    const [, second] = await test.payments(order);
    assert.ok(await test.platform.closeWindow());
    await test.until('the first is settled', async () => (await states(order))[0] === 'settled');
    for (let i = 0; i < 5; i++) await test.step();
    assert.deepEqual(await states(order), ['settled', 'instructed']);
    const waitsFor = (await payoutOfPayment(test.platform.database.pool, second!.payment))?.waitsFor;
    const { notAfterS } = (await allInstructions(test.platform.database.pool, test.platform.bookId)).at(-1);
    const midnightS = Math.ceil(test.clock.nowMs() / 1000 / DAY_S) * DAY_S;
    assert.match(waitsFor ?? '', new RegExp(new Date(midnightS * 1000).toISOString()));
    const view = await services.payments.getPayment(second!.payment);
    assert.deepEqual(
      [view!.state, view!.reasonCode, view!.reason],
      ['instructed', 'settlement/waits-for-caps', waitsFor],
      'the merchant sees what it waits for',
    );
    const payoutCheck = async () => (await services.status.status()).checks.find(({ name }) => name === 'payouts');
    assert.deepEqual(await payoutCheck(), { name: 'payouts', ok: true, detail: `1 waiting; the first: ${waitsFor}` });
    assert.equal(notAfterS, midnightS + 7_200, 'it has the time to be paid that any other has, from its day on');
    assert.equal(test.events.filter((event) => event.kind === 'payout' && event.progress.step === 'waiting').length, 1);

    await test.advance(midnightS + 60 - Math.floor(test.clock.nowMs() / 1000));
    await test.chain.mine(FINALITY);
    await test.until('the second is settled', async () => (await states(order))[1] === 'settled');
    for (const { settlementAddress, dollars } of payees) assert.equal(await test.balanceOf(settlementAddress), units(dollars));
    assert.deepEqual(test.sent('pay', 'failed'), []);
    assert.equal((await services.payments.getPayment(second!.payment))!.reasonCode, null);
    assert.equal((await payoutCheck())?.detail, 'no list waits for the vault’s caps');
    assert.deepEqual(
      test.events.flatMap((event) => (event.kind === 'transaction' && event.progress.note?.includes('Over') ? [event.progress.note] : [])),
      [],
    );
    await test.reconcile();
  });
});
