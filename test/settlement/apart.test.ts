import assert from 'node:assert/strict';
import { Problem, type AssetNo, type Hex, type PaymentId, type TransferId } from '#base';
import type { Outbox, OutboxId, OutboxTransaction } from '#chain';
import type { Custody } from '#custody';
import type { Book } from '#ledger';
import { chartAccount, legIdOf, PENDING, SETTLES, TRANSFER_CODES } from '#ledger/core';
import { advancePayments } from '#payments';
import { allInstructions, closeWindow, tickSettlement, type SettlementDependencies, type VaultState } from '#settlement';
import { orderFile } from '../support/order.ts';
import { EUR, freshId, testTrade, TOKENS, USD, VAULT, type Trade } from '../support/trade.ts';

/** What the book takes in one request, here. */
const MAX_COMMANDS = 1_000;

describe('what a window or a list of payouts is in trouble with', () => {
  let trade: Trade;
  let deps: SettlementDependencies;
  let sent: OutboxId[];
  /** The vault's cap on dollars, and the instructions of which the chain says nothing. */
  let cap: bigint;
  let silent: Set<Hex>;

  const refused = (what: string): Problem => new Problem('chain/refused-by-node', `The node refused ${what}.`);
  const close = () => closeWindow({ ...deps, vault: VAULT });
  const tick = () => tickSettlement(deps);
  const instructions = () => allInstructions(trade.db.database.pool, trade.bookId);
  const counts = async () => (await instructions()).map(({ words }) => words.length);
  const told = async (): Promise<string> => {
    try {
      await tick();
      return 'nothing';
    } catch (error) {
      assert.ok(error instanceof Problem, String(error));
      return error.message;
    }
  };
  const order = async (name: string, currency = 'USD'): Promise<void> => {
    const payments = await trade.submit(orderFile(name, [{ name: currency, account: currency, currency, amount: '10.00' }]));
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['held']);
  };

  beforeEach(async () => {
    trade = await testTrade();
    sent = [];
    cap = 10n ** 30n;
    silent = new Set();
    const state: VaultState = { blockNumber: 100n, timestampS: 1_800_000_000n, done: false, paid: new Map(), cancelled: new Set() };
    const outbox: Pick<Outbox, 'enqueue' | 'transaction'> = {
      enqueue: async ({ id }) => (sent.push(id), 'created'),
      transaction: async (id) => ({ id, state: 'sent', receipt: null }) as unknown as OutboxTransaction,
    };
    const custody: Pick<Custody, 'requestSignature' | 'outcome'> = {
      requestSignature: async () => ({ id: freshId() }),
      outcome: async () => ({ status: 'signed', signature: `0x${'5c'.repeat(65)}` }),
    };
    const book: Book = {
      ...trade.book,
      submit: (commands) => (commands.length > MAX_COMMANDS ? Promise.reject(new Problem('ledger/batch-too-large', 'Too many.')) : trade.book.submit(commands)),
    };
    deps = {
      database: trade.db.database,
      book,
      bookId: trade.bookId,
      clock: trade.clock,
      custody: custody as Custody,
      outbox: outbox as Outbox,
      retryAfterMs: 60_000,
      payoutTtlS: 3_600,
      payeesATransaction: async () => 255,
      vaultAddress: VAULT,
      allowanceOf: async (token) => {
        const perTransaction = TOKENS.get(token) === USD ? cap : 10n ** 30n;
        return { blockNumber: 100n, timestampS: 1_800_000_000n, perTransaction, perDay: 10n ** 30n, spentToday: 0n };
      },
      tokens: new Map([...TOKENS].map(([token, asset]) => [asset, token])),
      vault: {
        chainId: 31337n,
        address: VAULT,
        stateOf: async (id) => (silent.has(id) ? Promise.reject(refused(id)) : state),
        retryCall: () => '0xbb',
      },
      log: { isAnchored: async () => true, payCall: async () => '0xaa' },
      report: () => undefined,
    };
    await trade.payee('USD');
    await trade.payee('EUR', EUR);
    await trade.fund(USD, 100_000_000n);
    await trade.liquidity(EUR, 10n ** 20n);
  });
  afterEach(() => trade.close());

  it('keeps no other list from being paid, and is told when the pass is over: one in its own words, several together', async () => {
    for (const [name, currency] of [
      ['M-1', 'USD'],
      ['M-2', 'EUR'],
    ] as const)
      await order(name, currency);
    await close();
    deps = { ...deps, log: { ...deps.log, isAnchored: async () => false } };
    assert.equal(await told(), 'nothing');
    const [first, second] = await instructions();
    deps = { ...deps, log: { ...deps.log, isAnchored: async () => true } };
    silent.add(first!.id);
    assert.equal(await told(), refused(first!.id).message);
    assert.deepEqual(
      (await instructions()).map(({ state }) => state),
      ['booked', 'paying'],
    );
    silent.add(second!.id);
    const both = await told();
    assert.ok(both.startsWith('settlement/several-in-trouble: 2 '));
    for (const { id } of [first!, second!]) assert.ok(both.includes(refused(id).message));
    silent.clear();
    assert.equal(await told(), 'nothing');
    assert.equal(sent.length, 2);
  });

  it('keeps no other window from being closed and booked, and what it took is paid once it is mended', async () => {
    await order('M-1');
    const bad = await close();
    const window: Book['window'] = async (id) => (id === bad.window ? Promise.reject(refused(id)) : trade.book.window(id));
    const whole = deps;
    deps = { ...deps, book: { ...deps.book, window } };
    assert.equal(await told(), refused(bad.window).message);
    await order('M-2', 'EUR');
    assert.notEqual((await close()).window, bad.window);
    for (let i = 0; i < 2; i++) assert.equal(await told(), refused(bad.window).message);
    assert.deepEqual(
      (await instructions()).map(({ asset, state }) => [asset, state]),
      [[EUR, 'paying']],
    );
    deps = whole;
    for (let i = 0; i < 2; i++) assert.equal(await told(), 'nothing');
    assert.deepEqual(
      (await instructions()).map(({ asset, state }) => [asset, state]),
      [
        [EUR, 'paying'],
        [USD, 'paying'],
      ],
    );
  });

  /** Holds in dollars, each of 7 minor units, with payees of their own. */
  async function hold(count: number): Promise<void> {
    const [debit, credit] = [chartAccount(trade.bookId, 'merchant', USD, trade.merchant), chartAccount(trade.bookId, 'vault', USD)];
    const payee = (i: number) => JSON.stringify({ address: `0x${(i + 1).toString(16).padStart(40, '0')}` });
    const results = await trade.book.submit(
      Array.from({ length: count }, (_, i) => {
        const reference = freshId<PaymentId>();
        const id: TransferId = legIdOf(reference, 0);
        const fields = { payee: payee(i) };
        const asset: AssetNo = USD;
        return {
          kind: 'transfer',
          id,
          debit,
          credit,
          asset,
          amount: 7n,
          code: TRANSFER_CODES.payout,
          flags: PENDING | SETTLES,
          reference,
          fields,
          subject: trade.merchant,
        } as const;
      }),
    );
    assert.ok(results.every(({ code }) => code === 'created'));
  }

  it('is not the number of its lists, though each hold that is above the cap has one of its own', async () => {
    await hold(MAX_COMMANDS + 1);
    cap = 6n;
    await close();
    assert.equal(await told(), 'nothing');
    assert.deepEqual(
      await counts(),
      Array.from({ length: MAX_COMMANDS + 1 }, () => 1),
    );
  });

  it('is no list a hold where the cap is nothing at all', async () => {
    await hold(600);
    cap = 0n;
    await close();
    assert.equal(await told(), 'nothing');
    assert.deepEqual(await counts(), [255, 255, 90]);
  });

  it('is not a crash between two requests to the book: the lists that were booked stand, and today’s cap makes the others', async () => {
    await hold(MAX_COMMANDS + 400);
    cap = 13n;
    await close();
    let requests = 0;
    const whole = deps;
    const isLate: Book['submit'] = (commands) =>
      commands[0]?.kind === 'instruction' && ++requests > 1 ? Promise.reject(refused('a second request')) : whole.book.submit(commands);
    deps = { ...deps, book: { ...deps.book, submit: isLate } };
    assert.equal(await told(), refused('a second request').message);
    cap = 14n;
    deps = whole;
    assert.equal(await told(), 'nothing');
    assert.deepEqual(await counts(), [...Array.from({ length: MAX_COMMANDS }, () => 1), ...Array.from({ length: 200 }, () => 2)]);
  });
});
