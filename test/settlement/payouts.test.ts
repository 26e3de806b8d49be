import assert from 'node:assert/strict';
import { MAX_AMOUNT, Problem, type Hex, type TransferId } from '#base';
import type { MinedReceipt, Outbox, OutboxId, OutboxTransaction } from '#chain';
import type { Custody, Outcome } from '#custody';
import { chartAccount, legIdOf, PENDING, POST_PENDING, SETTLES, TRANSFER_CODES } from '#ledger/core';
import { advancePayments, projectRecords, type Payment } from '#payments';
import {
  allInstructions,
  closeWindow,
  openInstructions,
  payoutsOf,
  payoutTransactionId,
  tickSettlement,
  type PayoutProgress,
  type SettlementDependencies,
  type VaultState,
} from '#settlement';
import { orderFile } from '../support/order.ts';
import { EUR, freshId, testTrade, TOKENS, USD, VAULT, type Trade } from '../support/trade.ts';

const SIGNATURE = `0x${'5c'.repeat(65)}` as const;
const PAID_BY: { readonly txHash: Hex; readonly blockNumber: bigint } = { txHash: `0x${'aa'.repeat(32)}`, blockNumber: 50n };
const TTL_S = 3_600;
const RETRY_MS = 60_000;
/** The first after the day of these tests. */
const MIDNIGHT_S = 1_800_057_600;

describe('a window, its instructions and their payouts', () => {
  let trade: Trade;
  let payments: readonly Payment[];
  let deps: SettlementDependencies;
  let progress: PayoutProgress[];
  /** Of the vault, for dollars: the most it pays in one transaction and in a day, and what it has paid today. */
  let cap: bigint;
  let perDay: bigint;
  let spentToday: bigint;
  /** The world behind the edge: what the signers answer, what the log has, what the final chain says, and what was sent. */
  let world: { outcome: Outcome; isAnchored: boolean; vault: VaultState; sent: Map<OutboxId, { data: Hex; state: OutboxTransaction['state'] }> };

  beforeEach(async () => {
    trade = await testTrade();
    progress = [];
    [cap, perDay, spentToday] = [10n ** 30n, 10n ** 30n, 0n];
    const vault: VaultState = { blockNumber: 100n, timestampS: 1_800_000_000n, done: false, paid: new Map(), cancelled: new Set() };
    world = { outcome: { status: 'signed', signature: SIGNATURE }, isAnchored: true, vault, sent: new Map() };
    const receipt = { hash: PAID_BY.txHash, blockNumber: 50n } as MinedReceipt;
    const outbox: Pick<Outbox, 'enqueue' | 'transaction'> = {
      enqueue: async ({ id, data }) => {
        const known = world.sent.get(id);
        if (known && known.data !== data) throw new Problem('chain/transaction-differs', 'Another one.');
        if (!known) world.sent.set(id, { data, state: 'sent' });
        return known ? 'exists' : 'created';
      },
      transaction: async (id) => ({ id, state: world.sent.get(id)!.state, receipt }) as OutboxTransaction,
    };
    const custody: Pick<Custody, 'requestSignature' | 'outcome'> = {
      requestSignature: async () => ({ id: 'r' as Awaited<ReturnType<Custody['requestSignature']>>['id'] }),
      outcome: async () => world.outcome,
    };
    let proofs = 0;
    deps = {
      database: trade.db.database,
      book: trade.book,
      bookId: trade.bookId,
      clock: trade.clock,
      custody: custody as Custody,
      outbox: outbox as Outbox,
      retryAfterMs: RETRY_MS,
      payoutTtlS: TTL_S,
      payeesATransaction: async () => 255,
      vaultAddress: VAULT,
      allowanceOf: async (token) => {
        const { blockNumber, timestampS } = world.vault;
        const [perTransaction, daily] = TOKENS.get(token) === USD ? [cap, perDay] : [10n ** 30n, 10n ** 30n];
        return { blockNumber, timestampS, perTransaction, perDay: daily, spentToday };
      },
      tokens: new Map([...TOKENS].map(([token, asset]) => [asset, token])),
      vault: { chainId: 31337n, address: VAULT, stateOf: async () => world.vault, retryCall: (_, indexes) => `0xbb${indexes.map((i) => `0${i}`).join('')}` },
      // Each proof is against the log as it stands, so no two are alike.
      log: { isAnchored: async () => world.isAnchored, payCall: async () => (world.isAnchored ? `0xaa${String(10 + proofs++)}` : undefined) },
      report: (step) => progress.push(step),
    };
    for (const account of ['A', 'B']) await trade.payee(account);
    await trade.payee('C', EUR);
    await trade.fund(USD, 100_000_000n);
    await trade.liquidity(EUR, 10n ** 20n);
    const line = (account: string, currency: string) => ({ name: account, account, currency, amount: '10.00' });
    payments = await trade.submit(orderFile('M-1', [line('A', 'USD'), line('B', 'USD'), line('C', 'EUR')]));
    await advancePayments(trade.coordinator);
  });
  afterEach(() => trade.close());

  const close = () => closeWindow({ ...deps, vault: VAULT });
  const tick = () => tickSettlement(deps);
  const instructions = () => allInstructions(trade.db.database.pool, trade.bookId);
  const payouts = async () => (await Promise.all((await instructions()).map(({ id }) => payoutsOf(trade.db.database.pool, id)))).flat();
  const finish = () => {
    for (const transaction of world.sent.values()) transaction.state = 'final';
  };
  async function states(): Promise<readonly string[]> {
    await projectRecords(trade.coordinator);
    return trade.states(payments);
  }

  it('a window becomes one list of payments an asset, booked once however often it is looked at', async () => {
    const window = await close();
    await tick();
    const made = await instructions();
    assert.deepEqual(
      made.map(({ asset, words, total, notAfterS }) => [asset, words.length, total, notAfterS]),
      [
        [USD, 2, 20_000_000n, window.nowMs / 1000 + TTL_S],
        [EUR, 1, 10n ** 19n, window.nowMs / 1000 + TTL_S],
      ],
    );
    const head = await trade.book.head();
    await trade.db.owner.query("delete from cairn.record_cursor where reader = 'settlement'");
    for (let i = 0; i < 3; i++) await tick();
    assert.deepEqual(await trade.book.head(), head);
    assert.equal((await instructions()).length, 2);
    assert.deepEqual(await states(), ['instructed', 'instructed', 'instructed']);
  });

  it('a second window takes nothing that the first one took', async () => {
    await close();
    await tick();
    await close();
    await tick();
    assert.equal((await instructions()).length, 2);
    assert.equal((await payouts()).length, 3);
  });

  it('nothing is told to the vault before its leaf is anchored and its signers agree', async () => {
    await close();
    world.isAnchored = false;
    await tick();
    assert.equal(world.sent.size, 0);
    world.isAnchored = true;
    world.outcome = { status: 'pending' };
    await tick();
    world.outcome = { status: 'refused', rule: 'cap', reason: 'too much' };
    await tick();
    assert.equal(world.sent.size, 0);
    assert.ok(progress.some(({ step, detail }) => step === 'refused' && detail === 'cap: too much'));
    world.outcome = { status: 'signed', signature: SIGNATURE };
    await tick();
    assert.equal(world.sent.size, 2);
    await tick();
    assert.equal(world.sent.size, 2);
  });

  it('asked again after a crash that forgot the answer, the vault is told once', async () => {
    await close();
    await tick();
    await trade.db.owner.query("update cairn.instruction set state = 'booked', attempts = 0");
    await tick();
    assert.equal(world.sent.size, 2);
    assert.deepEqual([...new Set((await instructions()).map(({ state, attempts }) => `${state} ${attempts}`))], ['paying 1']);
  });

  it('posts who was paid and voids who was not until the final chain is past the last moment', async () => {
    await close();
    await tick();
    world.vault = { ...world.vault, done: true, paid: new Map([[0, PAID_BY]]) };
    finish();
    await tick();
    assert.deepEqual(await states(), ['settled', 'instructed', 'settled']);
    const [instruction] = await instructions();
    world.vault = { ...world.vault, timestampS: BigInt(instruction!.notAfterS) };
    await tick();
    assert.deepEqual(await states(), ['settled', 'instructed', 'settled']);
    world.vault = { ...world.vault, timestampS: BigInt(instruction!.notAfterS) + 1n };
    await tick();
    assert.deepEqual(await states(), ['settled', 'returned', 'settled']);
    assert.equal((await openInstructions(trade.db.database.pool, trade.bookId)).length, 0);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
    assert.equal((await trade.balance('vault', USD)).posted, -90_000_000n);
    const head = await trade.book.head();
    await trade.db.owner.query("update cairn.payout set state = case when tx_hash is null then 'open' else 'paid' end");
    await trade.db.owner.query("update cairn.instruction set state = 'paying'");
    await tick();
    assert.deepEqual(await trade.book.head(), head, 'a crash after the book and before the rows books nothing twice');
    assert.deepEqual((await payouts()).map(({ state }) => state).sort(), ['booked', 'booked', 'returned']);
  });

  it('gives back at once what was finally cancelled, and never what was paid', async () => {
    await close();
    await tick();
    world.vault = { ...world.vault, done: true, paid: new Map([[0, PAID_BY]]), cancelled: new Set([1]) };
    await tick();
    assert.deepEqual(await states(), ['settled', 'returned', 'settled']);
  });

  it('tries again whom the token refused, when it is time, one transaction at a time, and not after the last moment', async () => {
    await close();
    await tick();
    world.vault = { ...world.vault, done: true, paid: new Map([[0, PAID_BY]]) };
    finish();
    await tick();
    const [instruction] = await instructions();
    const attempt = (n: number) => world.sent.get(payoutTransactionId(instruction!.id, n));
    assert.equal(attempt(1), undefined);
    trade.clock.advance(RETRY_MS);
    await tick();
    assert.equal(attempt(1)?.data, '0xbb01');
    trade.clock.advance(RETRY_MS);
    await tick();
    assert.equal(attempt(2), undefined, 'the one before is still on its way');
    finish();
    await tick();
    assert.equal(attempt(2)?.data, '0xbb01');
    const unpaid = (await payouts()).find(({ index, instruction: of }) => of === instruction!.id && index === 1);
    assert.deepEqual([unpaid?.state, unpaid?.tries], ['failed', 2]);
    finish();
    trade.clock.advance(TTL_S * 1000);
    await tick();
    assert.equal(attempt(3), undefined);
  });

  it('a hold without a payee stops nobody: it is given back at once and told once, and the others are paid', async () => {
    const [debit, credit] = [chartAccount(trade.bookId, 'merchant', USD, trade.merchant), chartAccount(trade.bookId, 'vault', USD)];
    const hold = { kind: 'transfer', debit, credit, asset: USD, amount: 7n, code: TRANSFER_CODES.payout, flags: PENDING | SETTLES } as const;
    const ids = [freshId<TransferId>(), freshId<TransferId>()];
    const booked = await trade.book.submit([
      { ...hold, id: ids[0]! },
      { ...hold, id: ids[1]!, code: TRANSFER_CODES.fee, reference: payments[0]!.payment },
    ]);
    assert.ok(booked.every(({ code }) => code === 'created'));
    await close();
    await tick();
    assert.deepEqual(
      (await instructions()).map(({ words }) => words.length),
      [2, 1],
    );
    for (const id of ids) assert.equal((await trade.book.hold(id))?.status, 'voided');
    await trade.db.owner.query("delete from cairn.record_cursor where reader = 'settlement'");
    const head = await trade.book.head();
    await tick();
    assert.deepEqual(await trade.book.head(), head);
    assert.equal(progress.filter(({ step }) => step === 'leftOut').length, 2);
    world.vault = { ...world.vault, done: true, paid: new Map([0, 1].map((index) => [index, PAID_BY])) };
    await tick();
    assert.deepEqual(await states(), ['settled', 'settled', 'settled']);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
  });

  it('pays what is left of a hold of which a part was posted before the window, also when it is looked at again after', async () => {
    const [first] = payments;
    const pendingId = legIdOf(first!.payment, 0);
    const post = (amount: bigint) => trade.book.submit([{ kind: 'transfer', id: freshId(), pendingId, amount, flags: POST_PENDING }]);
    assert.equal((await post(4_000_000n))[0]?.code, 'created');
    await close();
    await tick();
    assert.equal((await instructions())[0]!.total, 16_000_000n);
    assert.equal((await payouts())[0]!.amount, 6_000_000n);
    world.vault = { ...world.vault, done: true, paid: new Map([0, 1].map((index) => [index, PAID_BY])) };
    await tick();
    await trade.db.owner.query("delete from cairn.record_cursor where reader = 'settlement'");
    await tick();
    assert.equal((await instructions()).length, 2);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
  });

  it('what is booked keeps its time and its lists, whatever a restart has set since', async () => {
    cap = 10_000_000n;
    await close();
    await tick();
    const made = (await instructions()).map(({ id, notAfterS }) => ({ id, notAfterS }));
    await trade.db.owner.query('delete from cairn.payout');
    await trade.db.owner.query('delete from cairn.instruction');
    await trade.db.owner.query("delete from cairn.record_cursor where reader = 'settlement'");
    deps = { ...deps, payoutTtlS: TTL_S * 2 };
    cap = 10n ** 30n;
    perDay = 1n;
    await tick();
    assert.deepEqual(
      (await instructions()).map(({ id, notAfterS }) => ({ id, notAfterS })),
      made,
    );
  });

  it('no list comes to more than the vault pays in one transaction, and each that is above it is in one of its own', async () => {
    cap = 19_999_999n;
    await close();
    await tick();
    assert.deepEqual(
      (await instructions()).map(({ asset, total }) => [asset, total]),
      [
        [USD, 10_000_000n],
        [USD, 10_000_000n],
        [EUR, 10n ** 19n],
      ],
    );
  });

  it('what the day has no room for waits for the next one, with time enough to be paid then, and says so once', async () => {
    [cap, perDay] = [10_000_000n, 15_000_000n];
    const paid = new Set<Hex>();
    const stateOf = async (id: Hex) => (paid.has(id) ? { ...world.vault, done: true, paid: new Map([[0, PAID_BY]]) } : world.vault);
    deps = { ...deps, vault: { ...deps.vault, stateOf } };
    await close();
    await tick();
    const [first, second] = await instructions();
    for (const { notAfterS } of await instructions()) assert.equal(notAfterS, MIDNIGHT_S + TTL_S);
    const waiting = async () => (await instructions()).map(({ state, waitsFor }) => (waitsFor === null ? state : waitsFor.replace(/^.*(\d{4}-\S+Z).*$/, '$1')));
    const midnight = new Date(MIDNIGHT_S * 1000).toISOString();
    assert.deepEqual(await waiting(), ['paying', midnight, 'paying'], 'the first is on its way and counts');
    assert.equal((await payouts()).find(({ instruction }) => instruction === second!.id)?.waitsFor?.includes(midnight), true);
    finish();
    paid.add(first!.id);
    spentToday = 10_000_000n;
    trade.clock.advance(RETRY_MS);
    for (let i = 0; i < 3; i++) await tick();
    assert.deepEqual(await waiting(), ['closed', midnight, 'paying'], 'and counts when it is paid');
    assert.equal(progress.filter(({ step }) => step === 'waiting').length, 1);
    assert.deepEqual((await states()).slice(0, 2), ['settled', 'instructed'], 'nothing is given back while it can still be paid');
    const before = world.sent.size;
    world.vault = { ...world.vault, timestampS: BigInt(MIDNIGHT_S) };
    spentToday = 0n;
    await tick();
    assert.deepEqual(await waiting(), ['closed', 'paying', 'paying']);
    assert.equal(world.sent.size, before + 1);
  });

  it('a second window has time for what the first one still has to pay', async () => {
    [cap, perDay] = [10_000_000n, 10_000_000n];
    await close();
    await tick();
    await trade.submit(orderFile('M-2', [{ name: 'A', account: 'A', currency: 'USD', amount: '9.00' }]));
    await advancePayments(trade.coordinator);
    await close();
    await tick();
    assert.deepEqual(
      (await instructions()).map(({ total, notAfterS }) => [total, (notAfterS - TTL_S - MIDNIGHT_S) / 86_400]),
      [
        [10_000_000n, 0],
        [10_000_000n, 0],
        [10n ** 19n, 0],
        [9_000_000n, 1],
      ],
    );
  });

  it('what is above a cap that was lowered since is told to nobody, goes out once the cap is raised, and is given back only after its time', async () => {
    cap = 5_000_000n;
    await close();
    await tick();
    await tick();
    assert.equal(world.sent.size, 1, 'only the euros');
    assert.deepEqual(
      progress.filter(({ step }) => step === 'waiting').map(({ detail }) => detail.includes('caps of 5000000 minor units')),
      [true, true],
    );
    cap = 10_000_000n;
    await tick();
    assert.equal(world.sent.size, 3);
    assert.ok((await instructions()).every(({ waitsFor }) => waitsFor === null));
    cap = 5_000_000n;
    for (const transaction of world.sent.values()) transaction.state = 'failed';
    trade.clock.advance(RETRY_MS);
    await tick();
    assert.equal((await instructions()).filter(({ waitsFor }) => waitsFor !== null).length, 2);
    const { notAfterS } = (await instructions())[0]!;
    world.vault = { ...world.vault, timestampS: BigInt(notAfterS) };
    await tick();
    assert.deepEqual(await states(), ['instructed', 'instructed', 'instructed']);
    world.vault = { ...world.vault, timestampS: BigInt(notAfterS) + 1n };
    await tick();
    assert.deepEqual(await states(), ['returned', 'returned', 'returned']);
  });

  it('an instruction that its signers never agreed to is given back when its time is finally over', async () => {
    world.outcome = { status: 'refused', rule: 'cap', reason: 'too much' };
    const window = await close();
    await tick();
    world.vault = { ...world.vault, timestampS: BigInt(window.nowMs / 1000 + TTL_S) };
    await tick();
    assert.deepEqual(await states(), ['instructed', 'instructed', 'instructed'], 'in its last second it can still be paid');
    world.vault = { ...world.vault, timestampS: world.vault.timestampS + 1n };
    await tick();
    assert.deepEqual(await states(), ['returned', 'returned', 'returned']);
    assert.equal((await openInstructions(trade.db.database.pool, trade.bookId)).length, 0);
    assert.equal((await trade.balance('merchant', USD)).pending, 0n);
    assert.equal(world.sent.size, 0);
  });

  it('never takes a hold for closed that somebody else has closed', async () => {
    await close();
    await tick();
    for (let leg = 0; ; leg++) {
      const pendingId = legIdOf(payments[0]!.payment, leg);
      if (!(await trade.book.hold(pendingId))) break;
      const post = { kind: 'transfer', id: freshId<TransferId>(), pendingId, amount: MAX_AMOUNT, flags: POST_PENDING } as const;
      assert.equal((await trade.book.submit([post]))[0]?.code, 'created');
    }
    world.vault = { ...world.vault, done: true, paid: new Map([0, 1].map((index) => [index, PAID_BY])) };
    await assert.rejects(tick(), (problem: Problem) => problem.code === 'settlement/hold-not-closed');
    assert.notEqual((await payouts()).find(({ payment }) => payment === payments[0]!.payment)?.state, 'booked');
  });
});
