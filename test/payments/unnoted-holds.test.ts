import { strict as assert } from 'node:assert';
import { advancePayments, projectRecords } from '#payments';
import { closeWindow } from '#settlement';
import { orderFile } from '../support/order.ts';
import { freshId, testTrade, TOKENS, USD, VAULT, type Trade } from '../support/trade.ts';

/** A process that dies between the book's answer and the note in the payment's own row leaves a hold that only the book knows. */
describe('a hold that a crash kept from being noted', () => {
  let trade: Trade;
  beforeEach(async () => void (trade = await testTrade()));
  afterEach(() => trade.close());

  /** Two held payments, the first of which is put back to what its row said before its hold was booked. */
  async function crashed(meanwhile: () => Promise<unknown> = async () => {}) {
    await trade.fund(USD, 1_000_000_000n);
    for (const account of ['ACME-1', 'ACME-2']) await trade.payee(account);
    const lines = ['ACME-1', 'ACME-2'].map((account) => ({ account, name: `Owner of ${account}`, currency: 'USD', amount: '100.00' }));
    const payments = await trade.submit(orderFile(freshId(), lines));
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['held', 'held']);
    await meanwhile();
    const [lost] = payments;
    await trade.db.owner.query('alter table cairn.payment disable trigger user');
    await trade.db.owner.query("update cairn.payment set state = 'quoted', version = version - 1, hold_seq = null where payment = $1", [lost!.payment]);
    await trade.db.owner.query("delete from cairn.payment_event where payment = $1 and state = 'held'", [lost!.payment]);
    await trade.db.owner.query('alter table cairn.payment enable trigger user');
    assert.deepEqual(await trade.states(payments), ['quoted', 'held']);
    return payments;
  }

  const window = () =>
    closeWindow({
      ...trade.coordinator,
      vault: VAULT,
      tokens: new Map([...TOKENS].map(([token, asset]) => [asset, token])),
      payoutTtlS: 60,
    });

  it('is noted from the book before the window that took it', async () => {
    const payments = await crashed();
    await window();
    await projectRecords(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['instructed', 'instructed']);
    await advancePayments(trade.coordinator);
    await projectRecords(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['instructed', 'instructed']);
  });

  it('is noted from the book before its expiry', async () => {
    const payments = await crashed();
    trade.clock.advance(3_600_001);
    await trade.book.expireDue();
    await projectRecords(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['expired', 'expired']);
    assert.deepEqual(await trade.balance('merchant', USD), { posted: 1_000_000_000n, pending: 0n });
  });

  it('expires though the reader is past the record of the hold', async () => {
    await crashed(() => projectRecords(trade.coordinator));
    trade.clock.advance(3_600_001);
    await trade.book.expireDue();
    await projectRecords(trade.coordinator);
    const { rows } = await trade.db.owner.query('select state, hold_seq is not null as noted from cairn.payment');
    assert.deepEqual(
      rows,
      [1, 2].map(() => ({ state: 'expired', noted: true })),
    );
  });

  it('keeps nobody from the records after it where its payment has ended already', async () => {
    const payments = await crashed();
    await trade.db.owner.query("update cairn.payment set state = 'refused', version = version + 1, reason_code = 'x', reason = 'x' where state = 'quoted'");
    trade.clock.advance(3_600_001);
    await trade.book.expireDue();
    await projectRecords(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['refused', 'expired']);
  });

  it('is noted by whoever asks for it again, with nothing held twice', async () => {
    const payments = await crashed();
    const { seq } = await trade.book.head();
    const before = await trade.balance('merchant', USD);
    // The quote is long over: the hold counts all the same.
    trade.clock.advance(600_000);
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['held', 'held']);
    assert.deepEqual(await trade.balance('merchant', USD), before);
    assert.equal((await trade.book.head()).seq, seq);
  });
});
