import assert from 'node:assert/strict';
import { newId, Problem, systemClock, type BookId } from '#base';
import type { OpenReplication } from '#db';
import type { Command } from '#ledger/core';
import type { PlatformEvent } from '../src/main.ts';
import { createFaults, headsOf } from '../src/pass.ts';
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
