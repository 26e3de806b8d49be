import assert from 'node:assert/strict';
import { Problem } from '#base';
import { chartAccount } from '#ledger/core';
import { advancePayments, eventsOf, findPayment, type Payment } from '#payments';
import type { Payee } from '#identity';
import type { QuoteEvidence } from '#payments/core';
import { orderFile } from '../support/order.ts';
import { EUR, testTrade, USD, type Trade } from '../support/trade.ts';

const DOLLAR = 1_000_000n;
const line = (account: string, amount = '10.00', currency = 'USD', endToEndId?: string) => ({
  name: `Owner of ${account}`,
  account,
  currency,
  amount,
  ...(endToEndId ? { endToEndId } : {}),
});

describe('the way of a payment to its hold', () => {
  let trade: Trade;
  beforeEach(async () => (trade = await testTrade()));
  afterEach(() => trade.close());

  const advance = () => advancePayments(trade.coordinator);
  const now = async ({ payment }: Payment) => (await findPayment(trade.db.database.pool, payment))!;
  const reasons = async (payments: readonly Payment[]) => (await Promise.all(payments.map(now))).map(({ reasonCode }) => reasonCode);
  async function ordered(...lines: ReturnType<typeof line>[]): Promise<readonly Payment[]> {
    return trade.submit(orderFile(`M-${Math.random()}`, lines));
  }

  it('screens, quotes and holds, and doing it again changes nothing', async () => {
    await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const payments = await ordered(line('A'));
    await advance();
    const head = await trade.book.head();
    const [held] = await Promise.all(payments.map(now));
    assert.deepEqual(
      (await eventsOf(trade.db.database.pool, held!.payment)).map(({ state }) => state),
      ['received', 'screened', 'quoted', 'held'],
    );
    const { price } = JSON.parse(held!.quote!) as QuoteEvidence;
    assert.equal((await trade.balance('merchant', USD)).pending, -BigInt(price.total));
    for (let i = 0; i < 3; i++) assert.equal(await advance(), 0);
    assert.deepEqual([await now(held!), await trade.book.head()], [held, head]);
  });

  it('goes on after a crash at any answer of the book, and holds once', async () => {
    await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const payments = await ordered(line('A'));
    const book = {
      ...trade.book,
      submit: async (...args: Parameters<typeof trade.book.submit>) => {
        await trade.book.submit(...args);
        throw new Problem('store/unreachable', 'The answer never came.');
      },
    };
    await assert.rejects(advancePayments({ ...trade.coordinator, book }));
    assert.deepEqual(await trade.states(payments), ['quoted']);
    const head = await trade.book.head();
    // However late: the quote is long over, the hold is not.
    trade.clock.advance(1_000_000);
    await advance();
    assert.deepEqual(await trade.states(payments), ['held']);
    assert.deepEqual(await trade.book.head(), head);
  });

  it('refuses a payee who is not in the directory, or on a list, before any money is held', async () => {
    await trade.fund(USD, 100n * DOLLAR);
    const unknown = await ordered(line('A'));
    await advance();
    assert.deepEqual(await reasons(unknown), ['payments/no-settlement-address']);
    await trade.payee('B');
    const hit = { list: 'ofac', matched: 'OWNER OF B', reason: 'Sanctioned' };
    for (const [decision, code] of [
      ['refuse', 'payments/payee-listed'],
      ['review', 'payments/needs-review'],
    ] as const) {
      trade.screening = { decision, hits: [hit], listHash: `0x${'00'.repeat(32)}` };
      const payments = await ordered(line('B'));
      await advance();
      assert.deepEqual(await reasons(payments), [code]);
      assert.match((await now(payments[0]!)).reason!, /OWNER OF B/);
    }
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
  });

  it('refuses the same payment in a second file while the first lives, and takes it after the first was refused', async () => {
    await trade.payee('A');
    const poor = await ordered(line('A', '10.00', 'USD', 'SAME'));
    await advance();
    assert.deepEqual(await reasons(poor), ['payments/insufficient-funds']);
    await trade.fund(USD, 100n * DOLLAR);
    const first = await ordered(line('A', '10.00', 'USD', 'SAME'));
    await advance();
    const second = await ordered(line('A', '10.00', 'USD', 'SAME'));
    await advance();
    assert.deepEqual([await trade.states(first), await trade.states(second)], [['held'], ['refused']]);
    assert.deepEqual(await reasons(second), ['payments/duplicate-payment']);
    assert.match((await now(second[0]!)).reason!, new RegExp(first[0]!.payment));
    const other = await ordered(line('A', '10.01', 'USD', 'SAME'));
    await advance();
    assert.deepEqual(await trade.states(other), ['held']);
  });

  it('quotes again what was not held before its quote ran out', async () => {
    await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const payments = await ordered(line('A'));
    const { book, clock } = trade;
    const delays = [900_000];
    const slow = {
      ...book,
      hold: async (id: Payment['hold']) => {
        clock.advance(delays.pop() ?? 0);
        return book.hold(id);
      },
    };
    await advancePayments({ ...trade.coordinator, book: slow });
    const { payment } = payments[0]!;
    assert.deepEqual(
      (await eventsOf(trade.db.database.pool, payment)).map(({ state }) => state),
      ['received', 'screened', 'quoted', 'screened', 'quoted', 'held'],
    );
    const { expiresAtMs } = JSON.parse((await now(payments[0]!)).quote!) as QuoteEvidence;
    assert.ok(expiresAtMs > clock.nowMs());
  });

  it('waits for rates that are stale, as long as an hour, and refuses what still cannot be quoted then', async () => {
    await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const payments = await ordered(line('A'));
    const stale = () => ({ ...trade.coordinator.rates(), validUntilMs: 0 });
    const outage = () => advancePayments({ ...trade.coordinator, rates: stale });
    await outage();
    assert.deepEqual(await trade.states(payments), ['screened']);
    assert.equal(await advance(), 0);
    trade.clock.advance(5_000);
    await advance();
    assert.deepEqual(await trade.states(payments), ['held']);
    const { pending } = await trade.balance('merchant', USD);
    const unlucky = await ordered(line('A', '11.00'));
    await outage();
    trade.clock.advance(3_599_999);
    await outage();
    assert.deepEqual(await trade.states(unlucky), ['screened'], 'not an hour yet');
    trade.clock.advance(5_000);
    await outage();
    assert.deepEqual([await trade.states(unlucky), await reasons(unlucky)], [['refused'], ['payments/rates-expired']]);
    assert.match((await now(unlucky[0]!)).reason!, /The rates .* ended at .*\. None came for an hour\.$/);
    assert.equal((await trade.balance('merchant', USD)).pending, pending, 'nothing is held for it');
    assert.equal(await advance(), 0, 'and it is over');
    const again = await ordered(line('A', '11.00'));
    await advance();
    assert.deepEqual(await trade.states(again), ['held'], 'ordered anew it is paid');
  });

  it('refuses at once a currency that the rates in force do not quote', async () => {
    await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const unpriced = await ordered(line('A', '10.00', 'ISK'));
    await advance();
    assert.deepEqual([await trade.states(unpriced), await reasons(unpriced)], [['refused'], ['payments/no-rate']]);
    assert.match((await now(unpriced[0]!)).reason!, /have none for ISK/);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
  });

  it('holds for the entry that is in force at the record of the hold, also where the merchant replaces it in that moment', async () => {
    const old = await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const payments = await ordered(line('A'));
    let looks = 0;
    let replacing: Promise<Payee> | undefined;
    const payeeOf: typeof trade.coordinator.payeeOf = async (merchant, account) => {
      const found = await trade.coordinator.payeeOf(merchant, account);
      // Screening looks, the quote looks, and then the hold: the replacement has every chance to be in the book before it.
      if (++looks === 3) {
        replacing = trade.payee('A');
        await Promise.race([replacing, new Promise((resolve) => setTimeout(resolve, 300))]);
      }
      return found;
    };
    await advancePayments({ ...trade.coordinator, payeeOf });
    const newer = await replacing!;
    const [held] = await Promise.all(payments.map(now));
    assert.deepEqual([held!.state, held!.payee], ['held', old.payee]);
    const replaced = await trade.book.byKey(`payee:${newer.payee}`);
    assert.ok(held!.holdSeq! < replaced!.seq, `held in record ${held!.holdSeq}, replaced in record ${replaced!.seq}`);
    const next = await ordered(line('A', '11.00'));
    await advance();
    assert.equal((await now(next[0]!)).payee, newer.payee);
  });

  it('refuses what the vault could never pay at once, or in a day, before any money is held, and names the cap', async () => {
    await trade.payee('A');
    await trade.payee('B', EUR);
    await trade.fund(USD, 100n * DOLLAR);
    await trade.liquidity(EUR, 10n ** 20n);
    trade.caps = { perTransaction: 10n * DOLLAR, perDay: 15n * DOLLAR };
    const fits = await ordered(line('A', '10.00'));
    const over = await ordered(line('A', '10.01'));
    await advance();
    assert.deepEqual([await trade.states(fits), await trade.states(over)], [['held'], ['refused']]);
    assert.deepEqual(await reasons(over), ['payments/over-transaction-cap']);
    assert.match((await now(over[0]!)).reason!, /at most 10\.000000 tUSD in one transaction; this payment is 10\.010000 tUSD/);
    trade.caps = { perTransaction: 20n * DOLLAR, perDay: 15n * DOLLAR };
    const daily = await ordered(line('A', '15.01'));
    await advance();
    assert.deepEqual(await reasons(daily), ['payments/over-daily-cap']);
    assert.match((await now(daily[0]!)).reason!, /at most 15\.000000 tUSD a day; this payment is 15\.010000 tUSD/);
    // What the payee gets counts, in his asset, and not what the merchant pays.
    trade.caps = { perTransaction: 10n ** 19n, perDay: 10n ** 19n };
    const abroad = await ordered(line('B', '10.00', 'EUR'), line('B', '10.01', 'EUR'));
    await advance();
    assert.deepEqual(await trade.states(abroad), ['held', 'refused']);
    assert.deepEqual(await reasons(abroad), [null, 'payments/over-transaction-cap']);
    // Raised, and ordered anew: it is no duplicate of what was refused.
    trade.caps = { perTransaction: 20n * DOLLAR, perDay: 20n * DOLLAR };
    const again = await ordered(line('A', '15.01'));
    await advance();
    assert.deepEqual(await trade.states(again), ['held']);
  });

  it('holds as many as there is money for, in order, and says what the others lack', async () => {
    for (const account of ['A', 'B', 'C']) await trade.payee(account);
    await trade.fund(USD, 25n * DOLLAR);
    const payments = await ordered(line('A'), line('B'), line('C'));
    await advance();
    assert.deepEqual(await trade.states(payments), ['held', 'held', 'refused']);
    assert.equal((await now(payments[2]!)).reasonCode, 'payments/insufficient-funds');
    assert.match((await now(payments[2]!)).reason!, /needs \d+ minor units with its fee; the account has \d+ available/);
    await trade.fund(USD, 100n * DOLLAR);
    assert.equal(await advance(), 0);
  });

  it('refuses for liquidity and holds nothing where the FX position is short, though the merchant has the money', async () => {
    await trade.payee('A', EUR);
    await trade.fund(USD, 100n * DOLLAR);
    const short = await ordered(line('A', '10.00', 'EUR'));
    await advance();
    assert.deepEqual(await reasons(short), ['payments/no-liquidity']);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
    await trade.liquidity(EUR, 10n ** 19n);
    const enough = await ordered(line('A', '10.00', 'EUR'));
    await advance();
    assert.deepEqual(await trade.states(enough), ['held']);
    assert.equal((await trade.balance('fxPosition', EUR)).pending, -(10n ** 19n));
    const more = await ordered(line('A', '0.01', 'EUR'));
    await advance();
    assert.deepEqual(await reasons(more), ['payments/no-liquidity']);
  });

  it('stops where the book refuses for any other reason', async () => {
    await trade.payee('A');
    await trade.fund(USD, 100n * DOLLAR);
    const payments = await ordered(line('A'));
    const id = chartAccount(trade.bookId, 'merchant', USD, trade.merchant);
    await trade.book.submit([{ kind: 'closeAccount', id }]);
    await advance();
    assert.deepEqual(await reasons(payments), ['payments/hold-refused']);
  });
});
