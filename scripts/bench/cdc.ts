/**
 * What it costs the writer of a book that others follow it, in processor time of its server, which unlike throughput says little of what else the machine does:
 * the same transfers on a server that keeps no logical log, on one that does, and on one that is followed. And how soon a follower has what was committed.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { assert, newId, systemClock, type AccountId, type AssetNo, type BookId, type RandomBytes, type TransferId } from '#base';
import { follow, openHeads } from '#cdc';
import { openDatabase, startPostgres } from '#db';
import { openBook } from '#ledger';
import type { TransferCommand } from '#ledger/core';

export const title = 'Following a book';

const ROUNDS = 5;
const BATCHES = 12;
const BATCH = 8_000;
const ACCOUNTS = 1_000;
const SINGLES = 300;
/** Of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const MS_A_TICK = 10;

const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));
const accounts = Array.from({ length: ACCOUNTS }, () => newId<AccountId>(Date.now(), random));

interface Contestant {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly isFollowed: boolean;
}

const CONTESTANTS: readonly Contestant[] = [
  { name: 'wal_level = replica', settings: { wal_level: 'replica' }, isFollowed: false },
  { name: 'wal_level = logical', settings: {}, isFollowed: false },
  { name: '**wal_level = logical, followed**', settings: {}, isFollowed: true },
];

interface Running extends Contestant {
  round(): Promise<{ readonly writerUs: number; readonly senderUs: number; readonly perSecond: number; readonly walBytes: number }>;
  latenciesMs(): Promise<number[]>;
  close(): Promise<void>;
}

function transfers(count: number): TransferCommand[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: 'transfer',
    id: newId<TransferId>(Date.now(), random),
    debit: accounts[(i * 7) % ACCOUNTS]!,
    credit: accounts[(i * 13 + 1) % ACCOUNTS]!,
    asset: 1 as AssetNo,
    amount: 1n,
    code: 99,
  })).filter(({ debit, credit }) => debit !== credit) as TransferCommand[];
}

/** User and system time of a process. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_A_TICK;
}

async function start(contestant: Contestant): Promise<Running> {
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const server = await startPostgres({ stateDir, settings: { max_wal_size: '8GB', shared_buffers: '256MB', ...contestant.settings } });
  const database = await openDatabase({ url: server.url });
  const owner = new pg.Pool({ connectionString: server.url, max: 1 });
  const book = await openBook({ database, bookId: newId<BookId>(Date.now(), random), clock: systemClock });
  await book.submit([{ kind: 'openAsset', asset: 1 as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: 'T' }]);
  await book.submit(accounts.map((id) => ({ kind: 'openAccount', id, asset: 1 as AssetNo, code: 20 })));
  const seen = new Map<string, number>();
  const heads = contestant.isFollowed ? openHeads({ url: server.url, clock: systemClock, random }) : undefined;
  const isReady = () => !heads || heads.isStreaming();
  while (!isReady()) await sleep(20);
  const handle = async (_: unknown, records: readonly { readonly id?: string }[]) => {
    for (const { id } of records) if (id !== undefined) seen.set(id, performance.now());
  };
  const following = heads && follow({ database, source: book, heads, consumer: { name: 'bench', handle: handle as never } });
  const pidOf = async (condition: string) =>
    (await owner.query<{ pid: number }>(`select pid from pg_stat_activity where datname = current_database() and ${condition} order by pid limit 1`)).rows[0]
      ?.pid;
  const writer = (await owner.query<{ pid: number }>(`select pid from pg_locks where locktype = 'advisory' and granted limit 1`)).rows[0]?.pid;
  assert(writer !== undefined, 'the writer holds its lock');
  const sender = await pidOf(`backend_type = 'walsender'`);
  const wal = async () => BigInt((await owner.query<{ at: string }>(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as at`)).rows[0]!.at);

  return {
    ...contestant,
    round: async () => {
      const batches = Array.from({ length: BATCHES }, () => transfers(BATCH));
      const count = batches.reduce((sum, batch) => sum + batch.length, 0);
      await owner.query('checkpoint');
      const [writerMs, senderMs, walFrom, fromMs] = [cpuMs(writer), sender ? cpuMs(sender) : 0, await wal(), performance.now()];
      for (const batch of batches) await book.submit(batch);
      const tookMs = performance.now() - fromMs;
      const last = batches.at(-1).at(-1).id;
      const isThrough = () => !contestant.isFollowed || seen.has(last);
      while (!isThrough()) await sleep(5);
      seen.clear();
      return {
        writerUs: ((cpuMs(writer) - writerMs) * 1000) / count,
        senderUs: sender ? ((cpuMs(sender) - senderMs) * 1000) / count : 0,
        perSecond: (count * 1000) / tookMs,
        walBytes: Number((await wal()) - walFrom) / count,
      };
    },
    latenciesMs: async () => {
      const waits: number[] = [];
      for (let i = 0; i < SINGLES; i++) {
        const [transfer] = transfers(1);
        await book.submit([transfer!]);
        const committed = performance.now();
        while (!seen.has(transfer!.id)) await new Promise((resolve) => setImmediate(resolve));
        waits.push(Math.max(0, seen.get(transfer!.id)! - committed));
        await sleep(2);
      }
      return waits.sort((a, b) => a - b);
    },
    close: async () => {
      await following?.close();
      await heads?.close();
      await book.close();
      await owner.end();
      await database.close();
      await server.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

export async function run(): Promise<string> {
  const running: Running[] = [];
  try {
    for (const contestant of CONTESTANTS) running.push(await start(contestant));
    for (const each of running) await each.round();
    const rounds = new Map(running.map((each) => [each, [] as Awaited<ReturnType<Running['round']>>[]]));
    for (let round = 0; round < ROUNDS; round++) for (const each of running) rounds.get(each)!.push(await each.round());
    const lines = running.map((each) => {
      const of = (name: 'writerUs' | 'senderUs' | 'perSecond' | 'walBytes') => median(rounds.get(each)!.map((round) => round[name]));
      return `| ${each.name} | ${of('writerUs').toFixed(2)} | ${each.isFollowed ? of('senderUs').toFixed(2) : ''} | ${Math.round(of('walBytes'))} | ${Math.round(of('perSecond')).toLocaleString('en')} |`;
    });
    const waits = await running.at(-1).latenciesMs();
    return `${BATCHES} batches of ${BATCH.toLocaleString('en')} transfers over ${ACCOUNTS.toLocaleString('en')} accounts a round, medians of ${ROUNDS} interleaved rounds, durable. Processor time a transfer of the writer's server process, and of the one that
decodes the log for the stream; bytes of log a transfer. Throughput is with the follower reading along on the same cores.

| server | writer, us | decoding, us | log, bytes | transfers a second |
|--|--:|--:|--:|--:|
${lines.join('\n')}

From the answer to a single transfer to the moment its record is with the follower, in ms, ${SINGLES} transfers one by one: p50 ${median(waits).toFixed(1)}, p99 ${waits[Math.floor(waits.length * 0.99)]!.toFixed(1)}.`;
  } finally {
    for (const each of running) await each.close();
  }
}
