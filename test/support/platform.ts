import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, newId, toHex, type AssetNo, type Clock, type Hex, type OrderId, type PayeeId, type TimeMs } from '#base';
import { SETTLEMENT_VAULT_ABI, TEST_STABLECOIN_ABI, type OutboxProgress } from '#chain';
import { decodeErrorResult, type Abi } from 'viem';
import { loadOrCreateKey } from '#custody';
import { addressOf } from '#custody/intents';
import { addPayee, registerMerchant, registerWallet } from '#identity';
import { chartAccount } from '#ledger/core';
import { parseRates } from '#payments/core';
import { paymentsOfOrder, submitOrderFile, type Payment, type SubmittedOrder } from '#payments';
import { allInstructions, payoutsOf } from '#settlement';
import { startPlatform, type AssetWanted, type OpenSigners, type PassReport, type Platform, type PlatformEvent, type PlatformOptions } from '#main';
import { getPublicKey } from '@noble/secp256k1';
import { loadExample, type ExamplePayee } from '../../scripts/example/example.ts';
import { exampleMerchant, type ExampleMerchantClient } from '../../scripts/example/merchant.ts';
import { localWorld, type LocalWorld } from '../../scripts/job/issuer.ts';
import { devKey, startTestChain, type TestChain } from '../chain/anvil.ts';
import { testSigners } from './custody.ts';
import { orderFile } from './order.ts';
import { testDatabase, type TestDatabase } from './postgres.ts';

/** Blocks on top that make one final; deeper than any reorganisation of these tests. */
export const FINALITY = 6;
export const DOLLAR = 1 as AssetNo;
const ISSUER = devKey(1);
const random = (length: number) => new Uint8Array(randomBytes(length));
const FAR_S = 4_000_000_000n;
const DOLLARS: AssetWanted = { asset: DOLLAR, symbol: 'tUSD', decimals: 6, peg: 'USD' };

/** The system's clock moved ahead, or held still at a moment that has to be met to the millisecond. */
export class TestClock implements Clock {
  #aheadMs = 0;
  #stillMs: TimeMs | null = null;

  nowMs(): TimeMs {
    return this.#stillMs ?? Date.now() + this.#aheadMs;
  }

  advance(byMs: number): void {
    this.#aheadMs += byMs;
  }

  /** null: it goes on. */
  standAt(nowMs: TimeMs | null): void {
    this.#stillMs = nowMs;
  }
}

export interface TestPayee extends ExamplePayee {
  readonly dollars: string;
}

/** The product's own platform on a chain of its own that mines only when told, with one funded or unfunded merchant. */
export interface TestPlatform {
  readonly chain: TestChain;
  readonly stateDir: string;
  readonly db: TestDatabase;
  readonly clock: TestClock;
  readonly platform: Platform;
  readonly events: PlatformEvent[];
  readonly world: LocalWorld;
  readonly token: Hex;
  readonly merchant: ExampleMerchantClient;
  /** One pass, then one block with whatever it sent. */
  step(): Promise<PassReport>;
  /** Steps until it is so; fails after a hundred. */
  until(what: string, isSo: () => Promise<boolean>): Promise<void>;
  /** Lets whoever is not us act: transactions are mined as they come meanwhile. */
  outside<Result>(work: () => Promise<Result>): Promise<Result>;
  /** A stranger's transaction, in a block of its own. */
  foreign(to: Hex, data: Hex): Promise<'success' | 'reverted'>;
  /** The name of the contract's error where it would refuse this call now; null where it would not. */
  refusalOf(to: Hex, data: Hex, rpcUrl?: string): Promise<string | null>;
  /** Both clocks, the platform's and the chain's. */
  advance(seconds: number): Promise<void>;
  /** Deposits by authorisation and waits for the credit. */
  fund(dollars: bigint): Promise<void>;
  /** A signed order over fresh payees, as far as their holds. */
  order(amounts: readonly string[], currency?: string): Promise<{ readonly submitted: SubmittedOrder; readonly payees: readonly TestPayee[] }>;
  payments(order: OrderId): Promise<Payment[]>;
  sent(purpose: string, to: OutboxProgress['to']): OutboxProgress[];
  balanceOf(holder: Hex): Promise<bigint>;
  /** Credits less debits of the merchant's account: posted, and what his holds keep of it. */
  money(): Promise<{ readonly posted: bigint; readonly held: bigint }>;
  /** The book against the chain, to the last unit. */
  reconcile(): Promise<void>;
  /** The process ends. */
  stop(): Promise<void>;
  /** It ends where it has not, and another begins on the same database, state folder and chain. */
  restart(signers: OpenSigners): Promise<void>;
  close(): Promise<void>;
}

/** What differs from a platform whose keys are those of a test, at the example's rates. */
export interface TestPlatformOptions {
  readonly signers?: OpenSigners;
  /** A file of rates, asked whenever something is quoted. */
  readonly rates?: () => unknown;
}

export async function testPlatform({ signers = testSigners, rates }: TestPlatformOptions = {}): Promise<TestPlatform> {
  // Two blocks on top make one final for whoever goes by the chain's own word, such as signer nodes.
  const chain = await startTestChain('--slots-in-an-epoch', '1');
  const db = await testDatabase();
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-platform-'));
  const relayer = addressOf(getPublicKey(await loadOrCreateKey(join(stateDir, 'keys'), 'relayer', random), false));
  await chain.request('anvil_setBalance', relayer, '0x21e19e0c9bab2400000');
  await chain.request('evm_setAutomine', true);
  const mining = setInterval(() => void chain.mine().catch(() => undefined), 20);
  const events: PlatformEvent[] = [];
  const clock = new TestClock();
  const example = loadExample();
  const options: Omit<PlatformOptions, 'signers'> = {
    stateDir,
    databaseUrl: db.url,
    rpcUrl: chain.rpcUrl,
    finality: { kind: 'depth', blocks: FINALITY },
    deployConsent: true,
    deployerKey: ISSUER,
    assets: [DOLLARS],
    payments: {
      screen: () => ({ decision: 'clear', hits: [], listHash: toHex(new Uint8Array(32)) }),
      tariff: () => example.tariff,
      rates: () => parseRates(rates?.() ?? example.rates, clock.nowMs()),
    },
    clock,
    policy: { sealAfterMs: 0, payoutTtlS: 7_200, retryAfterMs: 600_000, timelockDelayS: 1 },
    onEvent: (event) => events.push(event),
  };
  let platform = await startPlatform({ ...options, signers });
  /** False after a start that was refused. */
  let isRunning = true;
  clearInterval(mining);
  await chain.request('evm_setAutomine', false);
  const world = localWorld(platform.client, ISSUER);
  const person = example.merchants[0]!;
  const merchant = exampleMerchant(person, { chainId: platform.client.chainId, vault: platform.deployment.vault });
  const token = platform.deployment.tokens[0]!.address;
  await registerMerchant(platform.directory, person.name, await merchant.signMerchantKey(FAR_S));
  await registerWallet(platform.directory, await merchant.signWallet(FAR_S));
  const account = chartAccount(platform.bookId, 'merchant', DOLLAR, person.id);

  const step = async () => {
    const report = await platform.pass();
    await chain.mine();
    return report;
  };
  const until = async (what: string, isSo: () => Promise<boolean>) => {
    for (let i = 0; i < 100; i++) {
      if (await isSo()) return;
      await step();
    }
    assert.fail(`it never came about that ${what}`);
  };
  const outside = async <Result>(work: () => Promise<Result>) => {
    await chain.request('evm_setAutomine', true);
    try {
      return await work();
    } finally {
      await chain.request('evm_setAutomine', false);
    }
  };
  const stranger = addressOf(getPublicKey(fromHex(devKey(3)), false));
  const foreign = async (to: Hex, data: Hex) => {
    const hash = await chain.request('eth_sendTransaction', { from: stranger, to, data, gas: '0x400000' });
    await chain.mine();
    const { status } = (await chain.request('eth_getTransactionReceipt', hash)) as { status: Hex };
    return status === '0x1' ? ('success' as const) : ('reverted' as const);
  };
  const refusalOf = async (to: Hex, data: Hex, rpcUrl = chain.rpcUrl) => {
    const call = { jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{ from: stranger, to, data, gas: '0x400000' }, 'latest'] };
    const answer = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(call) });
    const { error } = (await answer.json()) as { error?: { message: string; data?: Hex } };
    if (!error) return null;
    if (!error.data || error.data === '0x') return error.message;
    return decodeErrorResult({ abi: [...SETTLEMENT_VAULT_ABI, ...TEST_STABLECOIN_ABI] as Abi, data: error.data }).errorName;
  };
  const money = async () => {
    const found = await platform.book.account(account);
    return { posted: (found?.creditsPosted ?? 0n) - (found?.debitsPosted ?? 0n), held: found?.debitsPending ?? 0n };
  };
  const balanceOf = (holder: Hex) => world.balanceOf(token, holder);
  const payments = (order: OrderId) => paymentsOfOrder(db.database.pool, order);

  const stop = async () => {
    if (isRunning) await platform.close();
    isRunning = false;
  };

  return {
    chain,
    stateDir,
    db,
    clock,
    get platform() {
      return platform;
    },
    events,
    world,
    token,
    merchant,
    step,
    until,
    outside,
    foreign,
    refusalOf,
    money,
    balanceOf,
    payments,
    advance: async (seconds) => {
      clock.advance(seconds * 1000);
      await chain.request('evm_increaseTime', seconds);
      await chain.mine();
    },
    fund: async (dollars) => {
      const before = (await money()).posted;
      const value = dollars * 1_000_000n;
      await outside(async () => {
        await world.mint(token, merchant.wallet, value);
        const domain = await world.tokenDomain(token);
        const deposit = await merchant.authorizationDeposit({ token: domain, value, deadline: FAR_S + BigInt(events.length) });
        await world.depositWithAuthorization(platform.deployment.vault, deposit);
      });
      await until('the deposit is credited', async () => (await money()).posted === before + value);
    },
    order: async (amounts, currency = 'USD') => {
      const payees = amounts.map((dollars) => newPayee(person.id, dollars));
      for (const payee of payees) await addPayee(platform.directory, await merchant.signPayee(payee, token, FAR_S), false);
      const id = newId<OrderId>(clock.nowMs(), random);
      const file = {
        id,
        merchant: person.id,
        file: '',
        bytes: orderFile(
          id,
          payees.map((payee) => ({ ...payee, currency, amount: payee.dollars })),
        ),
        outcomes: null,
      };
      const authorisation = await merchant.signOrder(file, account, FAR_S);
      const submitted = await submitOrderFile(platform.directory, { merchant: person.id, file: file.bytes, authorisation });
      await platform.pass();
      // Nothing is taken while what was booked before a leap of the clock waits for its anchor.
      await until('the order is taken', async () => (await payments(id)).every(({ state }) => state !== 'received'));
      return { submitted, payees };
    },
    sent: (purpose, to) =>
      events.flatMap((event) => (event.kind === 'transaction' && event.progress.purpose === purpose && event.progress.to === to ? [event.progress] : [])),
    reconcile: async () => {
      const { bookId, book, deployment, database } = platform;
      const vault = await book.account(chartAccount(bookId, 'vault', DOLLAR));
      assert.equal((vault?.debitsPosted ?? 0n) - (vault?.creditsPosted ?? 0n), await balanceOf(deployment.vault), 'the book and the chain');
      assert.equal(vault?.creditsPending ?? 0n, 0n, 'nothing is held any more');
      for (const instruction of await allInstructions(database.pool, bookId)) {
        assert.equal(instruction.state, 'closed');
        for (const { state } of await payoutsOf(database.pool, instruction.id)) assert.ok(state === 'booked' || state === 'returned', state);
      }
    },
    stop,
    restart: async (other) => {
      await stop();
      platform = await startPlatform({ ...options, signers: other });
      isRunning = true;
    },
    close: async () => {
      await stop();
      await db.close();
      chain.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function newPayee(merchant: ExamplePayee['merchant'], dollars: string): TestPayee {
  const address = toHex(random(20));
  const account = `ACC${toHex(random(8)).slice(2).toUpperCase()}`;
  return {
    id: newId<PayeeId>(Date.now(), random),
    merchant,
    name: `Payee ${account}`,
    account,
    country: null,
    asset: 'tUSD',
    settlementAddress: address,
    dollars,
  };
}

/** Minor units of dollars written with two decimals. */
export function units(dollars: string): bigint {
  return BigInt(dollars.replace('.', '')) * 10_000n;
}
