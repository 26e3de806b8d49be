import assert from 'node:assert/strict';
import { MAX_AMOUNT, Problem, type WindowId } from '#base';
import { closingIdOf, FINAL_POST, legIdOf, LINKED, POST_PENDING, VOID_PENDING, type Command } from '#ledger/core';
import { advancePayments, eventsOf, findPayment, projectRecords, type Payment } from '#payments';
import { orderFile } from '../support/order.ts';
import { freshId, testTrade, USD, type Trade } from '../support/trade.ts';

describe('what payments learn from the book', () => {
  let trade: Trade;
  let payment: Payment;
  beforeEach(async () => {
    trade = await testTrade();
    await trade.payee('A');
    await trade.fund(USD, 100_000_000n);
    [payment] = (await trade.submit(orderFile('M-1', [{ name: 'A', account: 'A', currency: 'USD', amount: '10.00' }]))) as [Payment];
  });
  afterEach(() => trade.close());

  const project = () => projectRecords(trade.coordinator);
  const state = async () => (await findPayment(trade.db.database.pool, payment.payment))!.state;
  const events = async () => (await eventsOf(trade.db.database.pool, payment.payment)).map((event) => event.state);
  const closeWindow = () => trade.book.submit([{ kind: 'window', window: freshId<WindowId>() }]);
  async function legs() {
    const ids = [];
    for (let leg = 0; await trade.book.hold(legIdOf(payment.payment, leg)); leg++) ids.push(legIdOf(payment.payment, leg));
    return ids;
  }
  async function close(flags: number, amount: bigint): Promise<void> {
    const holds = await legs();
    const commands = holds.map<Command>((id, i) => ({
      kind: 'transfer',
      id: closingIdOf(id),
      pendingId: id,
      amount,
      flags: flags | (i < holds.length - 1 ? LINKED : 0),
    }));
    for (const { code } of await trade.book.submit(commands)) assert.equal(code, 'created');
  }

  /** Forgets how far the readers were: everything is seen a second time. */
  async function again(): Promise<void> {
    await trade.db.owner.query('delete from cairn.record_cursor');
    const before = await events();
    await project();
    assert.deepEqual(await events(), before);
  }

  it('is instructed by the window that took it and settled by the posting of its hold', async () => {
    await advancePayments(trade.coordinator);
    await project();
    assert.equal(await state(), 'held');
    await closeWindow();
    await project();
    assert.equal(await state(), 'instructed');
    await close(POST_PENDING | FINAL_POST, MAX_AMOUNT);
    await project();
    assert.equal(await state(), 'settled');
    assert.equal(await project(), 0);
    await again();
    assert.deepEqual(await events(), ['received', 'screened', 'quoted', 'held', 'instructed', 'settled']);
  });

  it('is returned, with the reason, by the voiding of its hold', async () => {
    await advancePayments(trade.coordinator);
    await closeWindow();
    const instruction = `0x${'01'.repeat(32)}` as const;
    await trade.book.submit((await legs()).map((transfer) => ({ kind: 'release', transfer, instruction, index: 0, reason: 1 })));
    await close(VOID_PENDING, 0n);
    await project();
    const returned = await findPayment(trade.db.database.pool, payment.payment);
    assert.deepEqual([returned?.state, returned?.reasonCode], ['returned', 'payments/not-payable']);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
    await again();
  });

  it('expires with its hold, and a window that closes later does not take it', async () => {
    await advancePayments(trade.coordinator);
    trade.clock.advance(3_600_000);
    await trade.book.expireDue();
    await closeWindow();
    await project();
    assert.equal(await state(), 'expired');
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
    await again();
  });

  it('follows its hold though it learns of it only after the window closed, or even after it was paid', async () => {
    for (const isPaid of [false, true]) {
      const book = {
        ...trade.book,
        submit: async (...args: Parameters<typeof trade.book.submit>) => {
          await trade.book.submit(...args);
          throw new Problem('store/unreachable', 'The answer never came.');
        },
      };
      await assert.rejects(advancePayments({ ...trade.coordinator, book }));
      assert.equal(await state(), 'quoted');
      await closeWindow();
      if (isPaid) await close(POST_PENDING | FINAL_POST, MAX_AMOUNT);
      await project();
      await advancePayments(trade.coordinator);
      assert.equal(await state(), isPaid ? 'settled' : 'instructed');
      await project();
      [payment] = (await trade.submit(orderFile('M-2', [{ name: 'A', account: 'A', currency: 'USD', amount: '11.00' }]))) as [Payment];
    }
  });
});
