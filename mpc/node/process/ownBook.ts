/** The node's own book, and its watch over the timelock: what its operators configured, put together with what it has signed. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { BookId, Clock, Problem, RandomBytes } from '#base';
import { addressOf, intentFromJson } from '#custody/intents';
import type { AuditLog } from '../audit/audit.ts';
import { openNodeBook, readMerchants, readRateBands, type NodeBook, type Registration } from '../book/book.ts';
import { call, type Group } from '../ceremony/ceremony.ts';
import { epochDataOf, type KeyRing, type Signer } from '../session/session.ts';
import type { NodeStore } from '../store/store.ts';
import { Watcher, type WatchEvent } from '../watch/watch.ts';
import type { NodeConfig } from './config.ts';
import type { Metrics } from './health.ts';
import { nodeName, REMEMBERED } from './peerHeads.ts';

type BookConfig = NonNullable<NodeConfig['book']>;

/** A few blocks of a public chain, and a fraction of any delay that is meant to protect; a node that leads has time for a session with a silent peer. */
const WATCH = { everyMs: 15_000, turnMs: 60_000 };
const PRESENCE_MS = 2_000;

/** What a file of the operators holds now, followed while the node runs. */
export type Follow = <T>(name: 'merchants' | 'rates', path: string, parse: (text: string) => T) => Promise<() => T>;

/** The book with the node's own memory of what it signed: what it did not agree to, it cancels. */
export async function openBook(
  folder: string,
  config: BookConfig,
  {
    store,
    ring,
    following,
    onFatal,
  }: { readonly store: NodeStore; readonly ring: KeyRing; readonly following: Follow; readonly onFatal: (problem: Problem) => void },
): Promise<NodeBook> {
  const { merchantsFile, ratesFile, chain, maxAheadMs } = config;
  const { needed, ...rest } = chain;
  const merchants = await following('merchants', merchantsFile, readMerchants);
  const rates = ratesFile === null ? () => null : await following('rates', ratesFile, readRateBands);
  await mkdir(join(folder, 'book'), { recursive: true, mode: 0o700 });
  return openNodeBook({
    folder: join(folder, 'book'),
    agreed: () => store.governed.map((json) => intentFromJson(json)).filter((intent) => intent.kind === 'governance'),
    addressOf: (role) => {
      const record = ring.epochs().findLast(({ status, data }) => status === 'ACTIVE' && epochDataOf({ data }).role === role);
      return record && addressOf(epochDataOf(record).epoch.publicKey);
    },
    registration: registrationOf(config),
    merchants,
    rates,
    chain: { ...rest, ...(needed === undefined ? {} : { needed }) },
    maxAheadMs,
    onFatal,
  });
}

export function watchEvery({ watch }: BookConfig): number {
  return (watch ?? WATCH).everyMs;
}

export function watchOver(options: {
  readonly config: BookConfig;
  readonly group: Group;
  readonly book: NodeBook;
  readonly signer: Signer;
  readonly audit: AuditLog;
  readonly sessionMs: number;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly alarm: (problem: Problem) => void;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onFatal: (problem: Problem) => void;
}): Watcher {
  const { config, metrics, log, alarm, ...rest } = options;
  return new Watcher({
    ...rest,
    registration: registrationOf(config),
    nameOf: nodeName,
    turnMs: (config.watch ?? WATCH).turnMs,
    presenceMs: PRESENCE_MS,
    isThere: (peer, timeoutMs) => call(options.group, peer, REMEMBERED, new Uint8Array(), { timeoutMs, resendForMs: 0 }),
    onEvent: (event) => told(event, { metrics, log, alarm }),
  });
}

function told(
  event: WatchEvent,
  { metrics, log, alarm }: { readonly metrics: Metrics; readonly log: Logger; readonly alarm: (problem: Problem) => void },
): void {
  switch (event.kind) {
    case 'alarm':
      return alarm(event.problem);
    case 'step':
      return log.warn(event.facts, event.text);
    case 'looked':
      metrics.objections.set(event.objections);
      metrics.ownerWei.set(Number(event.balanceWei));
      return metrics.watchedAt.set(event.atMs / 1_000);
  }
}

function registrationOf({ registration }: BookConfig): Registration {
  return { ...registration, chainId: BigInt(registration.chainId), book: registration.book as BookId, fromBlock: BigInt(registration.fromBlock) };
}
