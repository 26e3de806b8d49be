import assert from 'node:assert/strict';
import { join } from 'node:path';
import { getPublicKey } from '@noble/secp256k1';
import { encodeFunctionData } from 'viem';
import { newId, Problem, systemClock, type BookId, type Hex } from '#base';
import { SETTLEMENT_VAULT_ABI } from '#chain';
import { loadOrCreateKey } from '#custody';
import { addressOf } from '#custody/intents';
import type { OpenReplication } from '#db';
import type { Command } from '#ledger/core';
import { createServices } from '#services';
import type { PlatformEvent } from '../src/main.ts';
import { createFaults, headsOf } from '../src/pass.ts';
import { loadExample } from '../scripts/example/example.ts';
import { DOLLAR, testPlatform, type TestPlatform } from './support/platform.ts';
import { until } from './support/until.ts';

describe('a pass over all that is under way', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  before(async () => {
    test = await testPlatform();
    await test.fund(1_000n);
  });
  after(() => test.close());

  it('finds every entry and its payment of one mind, and tells until a person has looked where they are not', async () => {
    const { submitted } = await test.order(['10.00']);
    const [payment] = await test.payments(submitted.order.order);
    assert.equal(payment!.state, 'held');
    assert.deepEqual(test.platform.faults(), []);

    // Somebody changes the payment behind our backs, and everything is compared once more.
    const tamper = (hold: string) =>
      test.db.owner.query(
        `begin; set local session_replication_role = replica; update cairn.payment set hold = '${hold}' where payment = '${payment!.payment}'; commit`,
      );
    await tamper(newId<BookId>(1, (length) => new Uint8Array(length)));
    await test.db.owner.query("delete from cairn.record_cursor where reader = 'reconciliation'");
    for (let pass = 0; pass < 2; pass++) {
      await test.platform.pass();
      assert.deepEqual(test.platform.faults(), [
        `reconciliation: payments/book-disagrees: There is no payment for record ${payment!.holdSeq}, by which money was held.`,
      ]);
    }
    await tamper(payment!.hold);
    await test.platform.pass();
    assert.deepEqual(test.platform.faults(), []);
  });

  it('tells that a contract is paused, for as long as it is, and says in the status that it is not well', async () => {
    const { anchor, vault } = test.platform.deployment;
    const example = loadExample();
    const services = createServices({ ...test.platform, faults: () => test.platform.faults(), tariff: () => example.tariff, rates: () => assert.fail() });
    const work = async () => (await services.status.status()).checks.find(({ name }) => name === 'work');
    const as = async (from: Hex, to: Hex, functionName: 'pause' | 'unpause') => {
      await test.chain.request('anvil_setBalance', from, '0xde0b6b3a7640000');
      await test.chain.request('anvil_impersonateAccount', from);
      const data = encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName });
      await test.chain.request('eth_sendTransaction', { from, to, data, gas: '0x100000' });
      await test.chain.mine(1);
    };
    const guardian = addressOf(getPublicKey(await loadOrCreateKey(join(test.stateDir, 'keys'), 'guardian', () => assert.fail()), false));
    const told = () => test.events.filter((event) => event.kind === 'fault' && event.part === 'contracts').length;

    for (const contract of [anchor, vault]) await as(guardian, contract, 'pause');
    for (let pass = 0; pass < 2; pass++) await test.platform.pass();
    assert.match(test.platform.faults().join(), /chain\/paused: The guardian paused the anchor and the vault\./);
    assert.equal((await work())?.ok, false);
    assert.equal(told(), 1);
    await assert.rejects(test.fund(1n), /chain\/reverted: .* reverted: IsPaused\(\)\./);

    for (const contract of [anchor, vault]) await as(test.platform.deployment.timelock, contract, 'unpause');
    await test.platform.pass();
    assert.deepEqual(test.platform.faults(), []);
    assert.equal((await work())?.ok, true);
  });

  it('comes at once when something new is in the book, and no sooner than it has to otherwise', async () => {
    const { platform } = test;
    await platform.pass();
    let rested = 0;
    // Longer than the test may take: whoever is not woken waits in vain.
    const resting = platform.rest(600_000).then(() => rested++);
    assert.equal(rested, 0);
    const command: Command = { kind: 'openAccount', id: newId(Date.now(), (length) => new Uint8Array(length).fill(7)), asset: DOLLAR, code: 20 };
    assert.equal((await platform.book.submit([command]))[0]!.code, 'created');
    await until(() => rested === 1, 'the end of the rest');
    await resting;

    await platform.pass();
    const stop = new AbortController();
    const stopped = platform.rest(600_000, stop.signal);
    stop.abort();
    await stopped;
    await platform.rest(30);
  });
});

describe('what fails beside a pass', () => {
  it('is told once a reason, stands while it lasts, and is gone when the part works again', () => {
    const told: PlatformEvent[] = [];
    const faults = createFaults((event) => told.push(event));
    const away = () => new Problem('store/unreachable', 'Nobody is there.');
    for (let look = 0; look < 3; look++) faults.fails('webhook deliveries', away());
    faults.fails('webhook events', away());
    assert.equal(told.length, 2);
    faults.fails('webhook deliveries', new Problem('store/busy', 'A table is locked.'));
    assert.equal(told.length, 3);
    assert.deepEqual(faults.texts(), ['webhook deliveries: store/busy: A table is locked.', 'webhook events: store/unreachable: Nobody is there.']);
    faults.works('webhook deliveries');
    assert.deepEqual(faults.texts(), ['webhook events: store/unreachable: Nobody is there.']);
    faults.fails('webhook deliveries', away());
    assert.equal(told.length, 4);
  });
});

describe('who is told when the book moves', () => {
  it('warns, once, where the server keeps its log without end', async () => {
    for (const isKeptWithoutEnd of [true, false]) {
      const texts: string[] = [];
      let opened = 0;
      // A stream that breaks as soon as it is there.
      const open: OpenReplication = async () => (
        opened++,
        { isKeptWithoutEnd, send: () => undefined, ended: Promise.resolve(null), close: async () => undefined }
      );
      const onEvent = (event: PlatformEvent) => void (event.kind === 'warning' && texts.push(event.text));
      const heads = headsOf('postgres://nobody@127.0.0.1:1/none', { clock: systemClock, random: (length) => new Uint8Array(length), onEvent, open });
      await until(() => opened === 2, 'another stream');
      await heads.close();
      assert.equal(texts.filter((text) => text.includes('max_slot_wal_keep_size')).length, isKeptWithoutEnd ? 1 : 0);
    }
  });
});
