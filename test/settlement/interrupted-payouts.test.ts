import { strict as assert } from 'node:assert';
import { Problem, type AssetNo, type Hex } from '#base';
import type { OutboxTransaction, Rebuilt } from '#chain';
import type { Outcome } from '#custody';
import { advancePayments, projectRecords, type Payment } from '#payments';
import {
  allInstructions,
  closeWindow,
  payoutsOf,
  payoutTransactionId,
  provePayout,
  rebuildPayout,
  tickSettlement,
  type SettlementDependencies,
  type VaultState,
} from '#settlement';
import { orderFile } from '../support/order.ts';
import { EUR, freshId, testTrade, TOKENS, USD, VAULT, type Trade } from '../support/trade.ts';

const TTL_S = 60;
const RETRY_MS = 5_000;
const SIGNATURE: Hex = `0x${'5a'.repeat(65)}`;
const SUCCESSORS: Hex = `0x${'5b'.repeat(65)}`;
const TX: Hex = `0x${'c1'.repeat(32)}`;

interface Sent {
  readonly data: Hex;
  state: OutboxTransaction['state'];
  block: bigint | null;
  failure?: string;
}

/** The chain's edge in memory: an outbox that only remembers, a vault whose final state the test writes, a log and a signer that answer when told to. */
class Edge {
  readonly sent = new Map<string, Sent>();
  answer: Outcome = { status: 'signed', signature: SIGNATURE };
  block = 100n;
  timestampS = 0n;
  done = false;
  readonly paid = new Map<number, { txHash: Hex; blockNumber: bigint }>();
  readonly cancelled = new Set<number>();
  /** Stands in the call data of pay: it differs as soon as the log grows. */
  logSize = 1;
  /** Whose call data of pay was asked for. */
  readonly signatures: Hex[] = [];

  state(): VaultState {
    return { blockNumber: this.block, timestampS: this.timestampS, done: this.done, paid: new Map(this.paid), cancelled: new Set(this.cancelled) };
  }

  pay(...indexes: readonly number[]): void {
    this.done = true;
    for (const index of indexes) this.paid.set(index, { txHash: TX, blockNumber: this.block });
    for (const transaction of this.sent.values()) if (transaction.state === 'intent') Object.assign(transaction, { state: 'final', block: this.block });
  }
}

describe('a payout that a crash or a revert interrupted', () => {
  let trade: Trade;
  let edge: Edge;
  let deps: SettlementDependencies;
  let steps: string[];
  let payments: readonly Payment[];

  beforeEach(async () => {
    trade = await testTrade();
    edge = new Edge();
    steps = [];
    deps = dependencies();
    await trade.fund(USD, 1_000_000_000n);
    await trade.liquidity(EUR, 10n ** 21n);
    await trade.payee('HOME-1');
    await trade.payee('HOME-2');
    await trade.payee('ABROAD', EUR);
    const line = (account: string, currency: string) => ({ account, name: `Owner of ${account}`, currency, amount: '100.00' });
    payments = await trade.submit(orderFile(freshId(), [line('HOME-1', 'USD'), line('HOME-2', 'USD')]));
    await advancePayments(trade.coordinator);
  });
  afterEach(() => trade.close());

  function dependencies(): SettlementDependencies {
    const { database, book, bookId, clock } = trade.coordinator;
    const notHere = async (): Promise<never> => assert.fail('settlement asks this of nobody');
    return {
      database,
      book,
      bookId,
      clock,
      retryAfterMs: RETRY_MS,
      payoutTtlS: TTL_S,
      payeesATransaction: async () => 255,
      vaultAddress: VAULT,
      allowanceOf: async () => ({ blockNumber: edge.block, timestampS: edge.timestampS, perTransaction: 10n ** 30n, perDay: 10n ** 30n, spentToday: 0n }),
      tokens: new Map([...TOKENS].map(([token, asset]) => [asset, token])),
      custody: {
        address: notHere,
        requestSignature: async () => ({ id: freshId() }),
        outcome: async () => edge.answer,
        health: async () => ({ ok: true, detail: 'a stand-in' }),
      },
      outbox: {
        relayer: VAULT,
        enqueue: async ({ id, data }) => {
          const known = edge.sent.get(id);
          if (known && known.data !== data) throw new Problem('chain/transaction-differs', 'another content');
          if (known) return 'exists';
          edge.sent.set(id, { data, state: 'intent', block: null });
          return 'created';
        },
        transaction: async (id) => {
          const { state, block, failure } = edge.sent.get(id)!;
          const receipt = block === null ? null : { hash: TX, blockNumber: block };
          return {
            state,
            receipt,
            failure: failure ? { reason: 'reverted', error: { name: failure, args: [] }, revertData: '0x' } : null,
          } as OutboxTransaction;
        },
        tick: notHere,
        waitFinal: notHere,
        rebuildWith: () => undefined,
        buildWith: () => undefined,
        close: notHere,
      },
      vault: {
        chainId: 31337n,
        address: VAULT,
        stateOf: async () => edge.state(),
        retryCall: (_, indexes) => `0xee${indexes.map((index) => index.toString(16).padStart(2, '0')).join('')}`,
      },
      log: {
        isAnchored: async () => true,
        payCall: async (_, signature) => (edge.signatures.push(signature), `0xaa${edge.logSize.toString(16).padStart(2, '0')}`),
      },
      report: ({ step }) => steps.push(step),
    };
  }

  const tick = () => tickSettlement(deps);
  const states = async () => (await projectRecords(trade.coordinator), trade.states(payments));
  const instruction = async () => (await allInstructions(deps.database.pool, deps.bookId)).at(-1);
  const payouts = async () => (await payoutsOf(deps.database.pool, (await instruction()).id)).map(({ state }) => state);
  const calls = () => [...edge.sent.values()].map(({ data }) => data);
  const headSeq = async () => (await trade.book.head()).seq;
  const held = async () => (await trade.balance('merchant', USD)).pending;

  async function closed(): Promise<void> {
    await closeWindow({ ...deps, vault: VAULT });
    await tick();
  }

  /** Told to pay, and the moment before the deadline on both clocks. */
  async function told(): Promise<void> {
    await closed();
    edge.timestampS = BigInt((await instruction()).notAfterS) - 1n;
  }

  async function after(seconds: number): Promise<void> {
    edge.block += 1n;
    edge.timestampS = BigInt((await instruction()).notAfterS + seconds);
  }

  /** What a process that dies at once leaves: everything that was booked, and none of the notes made after it. */
  const forget = (from: string, to: string) => trade.db.owner.query('update cairn.payout set state = $2 where state = $1', [from, to]);

  it('is sent once, though the process died after it was stored and the log has grown since', async () => {
    edge.answer = { status: 'pending' };
    await closed();
    const { id } = await instruction();
    edge.sent.set(payoutTransactionId(id, 0), { data: '0xaa00', state: 'intent', block: null });
    edge.answer = { status: 'signed', signature: SIGNATURE };
    await tick();
    await tick();
    assert.deepEqual(calls(), ['0xaa00']);
    assert.deepEqual([(await instruction()).state, (await instruction()).attempts], ['paying', 1]);
  });

  it('is posted once, though the process died before it noted that', async () => {
    await told();
    edge.pay(0, 1);
    await tick();
    const { seq } = await trade.book.head();
    await forget('booked', 'paid');
    await trade.db.owner.query("update cairn.instruction set state = 'paying'");
    edge.block += 7n;
    await tick();
    assert.deepEqual(await payouts(), ['booked', 'booked']);
    assert.equal(await headSeq(), seq);
    assert.deepEqual(await states(), ['settled', 'settled']);
  });

  it('of a first transaction that failed is paid by another with the proof as it is now', async () => {
    await told();
    for (const transaction of edge.sent.values()) transaction.state = 'failed';
    edge.logSize = 2;
    trade.clock.advance(RETRY_MS);
    await tick();
    assert.deepEqual(calls(), ['0xaa01', '0xaa02']);
  });

  it('that the vault’s former signer signed is signed anew by the one of now, and paid by another transaction', async () => {
    await told();
    for (const transaction of edge.sent.values()) Object.assign(transaction, { state: 'failed', failure: 'WrongSigner' });
    edge.answer = { status: 'pending' };
    trade.clock.advance(RETRY_MS);
    await tick();
    assert.equal(calls().length, 1, 'not by the former signature');
    edge.answer = { status: 'signed', signature: SUCCESSORS };
    edge.logSize = 2;
    await tick();
    assert.deepEqual(calls(), ['0xaa01', '0xaa02']);
    assert.deepEqual(edge.signatures, [SIGNATURE, SUCCESSORS]);
    assert.equal((await instruction()).signature, SUCCESSORS);
  });

  it('is given back only when the deadline has passed in a final block, to the second, and whatever our clock says', async () => {
    await told();
    edge.pay(0);
    await tick();
    trade.clock.advance(10 * TTL_S * 1000);
    await after(0);
    await tick();
    assert.deepEqual(await states(), ['settled', 'instructed']);
    await after(1);
    await tick();
    assert.deepEqual(
      [await states(), await payouts()],
      [
        ['settled', 'returned'],
        ['booked', 'returned'],
      ],
    );
    assert.equal(await held(), 0n);
    assert.equal(await tick(), 0);
  });

  it('is given back once, though the process died before it noted that and the chain has gone on', async () => {
    await told();
    await after(1);
    await tick();
    const { seq } = await trade.book.head();
    const balance = await trade.balance('merchant', USD);
    assert.deepEqual(balance, { posted: 1_000_000_000n, pending: 0n });
    await forget('returned', 'open');
    await trade.db.owner.query("update cairn.instruction set state = 'paying'");
    await after(9);
    await tick();
    assert.deepEqual(await payouts(), ['returned', 'returned']);
    assert.equal(await headSeq(), seq);
    assert.deepEqual(await trade.balance('merchant', USD), balance);
    assert.deepEqual(await states(), ['returned', 'returned']);
  });

  it('over two assets posts or gives back every leg of it', async () => {
    const [first] = await trade.submit(orderFile(freshId(), [{ account: 'ABROAD', name: 'Owner of ABROAD', currency: 'EUR', amount: '50.00' }]));
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states([first!]), ['held']);
    await told();
    const both = await allInstructions(deps.database.pool, deps.bookId);
    assert.deepEqual(
      both.map(({ asset, words, index }) => [asset, words.length, index]),
      [
        [USD, 2, 0],
        [EUR, 1, 1],
      ],
    );
    edge.pay(0, 1);
    await tick();
    await projectRecords(trade.coordinator);
    assert.deepEqual(await trade.states([first!]), ['settled']);
    for (const [role, asset] of ROLES) assert.equal((await trade.balance(role, asset)).pending, 0n, `${role} of ${asset}`);
    assert.ok((await trade.balance('feeIncome', USD)).posted > 0n);
    assert.equal((await trade.balance('vault', EUR)).posted, 50n * 10n ** 18n - 10n ** 21n);
  });

  it('that reverted is proven anew while it is the first, and given up where it was paid or its time is over', async () => {
    await told();
    const { id } = await instruction();
    const first = payoutTransactionId(id, 0);
    const refusedBy = (name: string) => ({ reason: 'reverted', error: { name, args: [] }, revertData: '0x' }) as const;
    const rebuilt = (of = first, failure = refusedBy('NotInLog')): Promise<Rebuilt> => rebuildPayout(deps, of, failure);
    edge.logSize = 3;
    assert.deepEqual(await rebuilt(), { kind: 'replace', data: '0xaa03' });
    assert.deepEqual([await provePayout(deps, first), await provePayout(deps, payoutTransactionId(id, 1))], ['0xaa03', null]);
    assert.deepEqual(await rebuilt(payoutTransactionId(id, 1)), { kind: 'giveUp' });
    for (const cap of ['OverDailyCap', 'OverTransactionCap', 'WrongSigner']) assert.deepEqual(await rebuilt(first, refusedBy(cap)), { kind: 'giveUp' });
    edge.done = true;
    assert.deepEqual(await rebuilt(), { kind: 'giveUp' });
    assert.equal(await provePayout(deps, first), null);
    edge.done = false;
    trade.clock.advance(TTL_S * 1000);
    assert.deepEqual(await rebuilt(), { kind: 'giveUp' });
    assert.deepEqual(calls(), ['0xaa01']);
  });
});

const ROLES: readonly (readonly ['merchant' | 'vault' | 'feeIncome' | 'fxPosition' | 'fxSpreadIncome' | 'rounding', AssetNo])[] = (
  ['merchant', 'vault', 'feeIncome', 'fxPosition', 'fxSpreadIncome', 'rounding'] as const
).flatMap((role) => [[role, USD] as const, [role, EUR] as const]);
