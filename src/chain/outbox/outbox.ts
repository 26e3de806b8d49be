import { privateKeyToAccount } from 'viem/accounts';
import { assert, isHex, type Clock, type Hex } from '#base';
import type { Database, Queryable } from '#db';
import { lower } from '../client/logs.ts';
import type { ChainClient } from '../client/types.ts';
import { RelayerLock } from './lock.ts';
import { nonceAt } from './observe.ts';
import { Pass, type Facts } from './pass.ts';
import { MAX_TRANSACTION_GAS, type OutboxContext, type OutboxPoint, type OutboxPolicy } from './send.ts';
import { isOnItsWay, isTerminal } from './states.ts';
import { OutboxStore } from './store.ts';
import type { Build, Outbox, OutboxId, OutboxProgress, OutboxTransaction, Rebuild, TickReport, TransactionRequest } from './types.ts';

export interface OutboxOptions {
  readonly database: Database;
  readonly client: ChainClient;
  /** 32 bytes. It pays gas and has no role in any contract. */
  readonly relayerKey: Hex;
  readonly clock: Clock;
  readonly policy?: Partial<OutboxPolicy>;
  /** Told of every change after it is stored. */
  readonly onProgress?: (progress: OutboxProgress) => void;
  /** For tests: called where a process that dies has the most to lose. */
  readonly checkpoint?: (point: OutboxPoint) => void;
}

const DEFAULT_POLICY: OutboxPolicy = {
  replaceAfterMs: 60_000,
  maxFeePerGas: 500_000_000_000n,
  maxInFlight: 16,
  gasMarginPercent: 25n,
  maxGas: MAX_TRANSACTION_GAS,
};

/** Takes nothing and sends nothing until the first tick; the relayer's lock is taken then. */
export function createOutbox(options: OutboxOptions): Outbox {
  assert(isHex(options.relayerKey, 32), 'a relayer key has 32 bytes');
  const { database, client, clock, onProgress = () => undefined, checkpoint = () => undefined } = options;
  const account = privateKeyToAccount(options.relayerKey);
  const relayer = lower(account.address);
  const store = new OutboxStore(database, client.chainId, relayer);
  const lock = new RelayerLock(database, client.chainId, relayer);
  const context: OutboxContext = { client, store, account, clock, policy: { ...DEFAULT_POLICY, ...options.policy }, checkpoint };
  const rebuilders = new Map<string, Rebuild>();
  const builders = new Map<string, { readonly changedBy: string; readonly build: Build }>();
  const memory = { foreignSince: new Map<OutboxId, number>(), sentAt: new Map<OutboxId, { readonly hash: Hex; readonly block: bigint }>() };
  const waiting = new Map<OutboxId, Set<() => void>>();
  let last: Promise<unknown> = Promise.resolve();

  function report(progress: OutboxProgress): void {
    onProgress(progress);
    if (isTerminal(progress.to)) for (const wake of waiting.get(progress.id) ?? []) wake();
  }

  async function tickOnce(): Promise<TickReport> {
    await lock.hold();
    const finalBlock = await client.finalBlock();
    // Before the nonce: a block that comes between the two takes nothing, rather than pass something over.
    const { number: headBlock } = await client.head();
    const facts: Facts = { finalBlock, headBlock, latestNonce: await nonceAt(client, relayer, 'latest') };
    const pass = new Pass(context, facts, { rebuilders, builders }, memory, report);
    const open = await store.open();
    if (open.length > 0) await run(pass, open, facts);
    if (pass.troubles[0]) throw pass.troubles[0];
    return { changes: pass.changes, open: open.length === 0 ? 0 : (await store.open()).length };
  }

  async function run(pass: Pass, open: readonly OutboxTransaction[], { latestNonce }: Facts): Promise<void> {
    const held = new Set(open.flatMap(({ nonce }) => (nonce === null ? [] : [nonce])));
    let next = [...held].reduce((highest, nonce) => (nonce >= highest ? nonce + 1n : highest), latestNonce);
    // A node keeps what comes behind a gap, but mines none of it.
    for (let nonce = latestNonce; nonce < next; nonce++) if (!held.has(nonce)) await pass.apart(() => pass.fillGap(nonce));
    for (const transaction of open) if (transaction.nonce !== null) await pass.apart(() => pass.advance(transaction));
    const after = await store.open();
    const inFlight = after.filter(({ state }) => isOnItsWay(state)).map(({ purpose }) => purpose);
    // What a proof waits for here, and whoever of the same purpose was asked for after it waits too: so there is an end to it.
    const awaited = new Set<string>();
    for (const transaction of after) {
      if (transaction.state !== 'intent' || transaction.notBeforeMs > clock.nowMs()) continue;
      if (inFlight.length >= context.policy.maxInFlight) return;
      const changedBy = builders.get(transaction.purpose)?.changedBy ?? null;
      if (changedBy !== null && inFlight.includes(changedBy)) awaited.add(changedBy);
      if (awaited.has(changedBy ?? transaction.purpose)) continue;
      await pass.apart(() => pass.start(transaction, next, inFlight.length === 0));
      // What was signed has its nonce, though the node may not have taken it.
      if ((await store.byId(transaction.id)).nonce === null) continue;
      next += 1n;
      inFlight.push(transaction.purpose);
    }
  }

  async function waitFinal(id: OutboxId, signal?: AbortSignal): Promise<OutboxTransaction> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wakers = waiting.get(id) ?? new Set();
    const abort = (): void => reject(signal?.reason as Error);
    // An abort during the look is told by throwIfAborted or by nobody.
    promise.catch(() => undefined);
    // Registered before the look, so that nothing can end between the two.
    waiting.set(id, wakers.add(resolve));
    signal?.addEventListener('abort', abort);
    try {
      signal?.throwIfAborted();
      const now = await store.byId(id);
      if (isTerminal(now.state)) return now;
      await promise;
      return await store.byId(id);
    } finally {
      signal?.removeEventListener('abort', abort);
      wakers.delete(resolve);
      if (wakers.size === 0) waiting.delete(id);
    }
  }

  return {
    relayer,
    enqueue: (request: TransactionRequest, within?: Queryable) => store.insert(request, clock.nowMs(), within),
    transaction: (id) => store.byId(id),
    tick() {
      const tick = last.then(tickOnce, tickOnce);
      last = tick;
      return tick;
    },
    waitFinal,
    rebuildWith(purpose, rebuild) {
      assert(!rebuilders.has(purpose), `two owners for ${purpose}`);
      rebuilders.set(purpose, rebuild);
    },
    buildWith(purpose, changedBy, build) {
      assert(!builders.has(purpose), `two builders for ${purpose}`);
      builders.set(purpose, { changedBy, build });
    },
    async close() {
      await last.catch(() => undefined);
      await lock.release();
    },
  };
}
