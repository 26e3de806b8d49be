import { privateKeyToAccount } from 'viem/accounts';
import { assert, isHex, type Clock, type Hex } from '#base';
import type { Database, Queryable } from '#db';
import { lower } from '../client/logs.ts';
import type { ChainClient } from '../client/types.ts';
import { RelayerLock } from './lock.ts';
import { nonceAt } from './observe.ts';
import { Pass } from './pass.ts';
import type { OutboxContext, OutboxPoint, OutboxPolicy } from './send.ts';
import { isTerminal } from './states.ts';
import { OutboxStore } from './store.ts';
import type { Outbox, OutboxId, OutboxProgress, OutboxTransaction, Rebuild, TickReport, TransactionRequest } from './types.ts';

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

const DEFAULT_POLICY: OutboxPolicy = { replaceAfterMs: 60_000, maxFeePerGas: 500_000_000_000n, maxInFlight: 16, gasMarginPercent: 25n };

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
  const foreignSince = new Map<OutboxId, number>();
  const waiting = new Map<OutboxId, Set<() => void>>();
  let last: Promise<unknown> = Promise.resolve();

  function report(progress: OutboxProgress): void {
    onProgress(progress);
    if (isTerminal(progress.to)) for (const wake of waiting.get(progress.id) ?? []) wake();
  }

  async function tickOnce(): Promise<TickReport> {
    await lock.hold();
    const facts = { finalBlock: await client.finalBlock(), latestNonce: await nonceAt(client, relayer, 'latest') };
    const pass = new Pass(context, facts, rebuilders, foreignSince, report);
    const open = await store.open();
    if (open.length > 0) await run(pass, open, facts.latestNonce);
    return { changes: pass.changes, open: open.length === 0 ? 0 : (await store.open()).length };
  }

  async function run(pass: Pass, open: readonly OutboxTransaction[], latestNonce: bigint): Promise<void> {
    const held = new Set(open.flatMap(({ nonce }) => (nonce === null ? [] : [nonce])));
    let next = [...held].reduce((highest, nonce) => (nonce >= highest ? nonce + 1n : highest), latestNonce);
    // A node keeps what comes behind a gap, but mines none of it.
    for (let nonce = latestNonce; nonce < next; nonce++) if (!held.has(nonce)) await pass.fillGap(nonce);
    for (const transaction of open) if (transaction.nonce !== null) await pass.advance(transaction);
    const after = await store.open();
    let inFlight = after.filter(({ state }) => state === 'signed' || state === 'sent' || state === 'orphaned').length;
    for (const transaction of after) {
      if (transaction.state !== 'intent' || transaction.notBeforeMs > clock.nowMs()) continue;
      if (inFlight >= context.policy.maxInFlight) return;
      if (!(await pass.start(transaction, next, inFlight === 0))) continue;
      next += 1n;
      inFlight += 1;
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
    async close() {
      await last.catch(() => undefined);
      await lock.release();
    },
  };
}
