/**
 * Transfers a second through the store, beside two references of the same run: TPC-B (pgbench's script, 8 clients, prepared statements) and the raw
 * insert floor (unnest INSERT into a table with a primary key). Everything durable: fsync and synchronous_commit on.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { assert, newId, systemClock, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import { execute, openDatabase, query, startPostgres, type NamedStatement } from '#db';
import { openBook, type Book } from '#ledger';
import type { TransferCommand } from '#ledger/core';

export const title = 'The ledger';

const ROUNDS = 5;
const CLIENTS = 8;
/** pgbench's scale: 100,000 accounts, 10 tellers and a branch each. */
const SCALE = 20;
const SECONDS = 3;

interface Measured {
  readonly perSecond: number;
  /** Of a caller's wait, in milliseconds, where callers wait one by one. */
  readonly p99Ms?: number;
}

interface Contestant {
  readonly name: string;
  readonly measure: () => Promise<Measured>;
}

/** A program's own generator is enough: what is measured is the store. The seed keeps runs alike. */
let seed = 42;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

function fresh<Id extends TransferId | AccountId | BookId>(): Id {
  return newId<Id>(Date.now(), (length) => new Uint8Array(randomBytes(length)));
}

function statement(name: string, text: string): NamedStatement {
  return { name: `bench.${name}`, text };
}

/* TPC-B as pgbench has it (its documentation, "tpcb-like"), each of its statements prepared. */

const TPCB = {
  begin: statement('begin', 'begin'),
  account: statement('account', 'update bench_accounts set abalance = abalance + $1::int4 where aid = $2::int4'),
  look: statement('look', 'select abalance from bench_accounts where aid = $1::int4'),
  teller: statement('teller', 'update bench_tellers set tbalance = tbalance + $1::int4 where tid = $2::int4'),
  branch: statement('branch', 'update bench_branches set bbalance = bbalance + $1::int4 where bid = $2::int4'),
  history: statement('history', 'insert into bench_history (tid, bid, aid, delta, mtime) values ($1::int4, $2::int4, $3::int4, $4::int4, current_timestamp)'),
  end: statement('end', 'end'),
};

const PREPARE = `
  create table bench_branches (bid int primary key, bbalance int, filler char(88)) with (fillfactor = 100);
  create table bench_tellers (tid int primary key, bid int, tbalance int, filler char(84)) with (fillfactor = 100);
  create table bench_accounts (aid int primary key, bid int, abalance int, filler char(84)) with (fillfactor = 100);
  create table bench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
  insert into bench_branches select n, 0, '' from generate_series(1, ${SCALE}) n;
  insert into bench_tellers select n, (n - 1) / 10 + 1, 0, '' from generate_series(1, ${SCALE * 10}) n;
  insert into bench_accounts select n, (n - 1) / 100000 + 1, 0, '' from generate_series(1, ${SCALE * 100_000}) n;
  create table bench_floor (id uuid primary key, debit uuid not null, credit uuid not null, amount int8 not null);
  analyze;
`;

async function tpcb(pool: pg.Pool): Promise<Measured> {
  const end = performance.now() + SECONDS * 1000;
  let done = 0;
  const client = async (): Promise<void> => {
    const connection = await pool.connect();
    while (performance.now() < end) {
      const [aid, bid, tid, delta] = [1 + random(SCALE * 100_000), 1 + random(SCALE), 1 + random(SCALE * 10), random(10_001) - 5_000];
      await execute(connection, TPCB.begin);
      await execute(connection, TPCB.account, [delta, aid]);
      await query(connection, TPCB.look, [aid]);
      await execute(connection, TPCB.teller, [delta, tid]);
      await execute(connection, TPCB.branch, [delta, bid]);
      await execute(connection, TPCB.history, [tid, bid, aid, delta]);
      await execute(connection, TPCB.end);
      done += 1;
    }
    connection.release();
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { perSecond: (done * 1000) / (performance.now() - start) };
}

/* The floor: the same ids and amounts, nothing decided, nothing kept but the rows. */

const FLOOR = statement('floor', 'insert into bench_floor select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int8[])');

async function floor(pool: pg.Pool, accounts: readonly AccountId[], batches: number, size: number): Promise<Measured> {
  const work = Array.from({ length: batches }, () => transfers(accounts, size)).map((batch) => [
    batch.map((t) => t.id),
    batch.map((t) => t.debit),
    batch.map((t) => t.credit),
    batch.map((t) => t.amount),
  ]);
  const start = performance.now();
  for (const params of work) await execute(pool, FLOOR, params);
  return { perSecond: (batches * size * 1000) / (performance.now() - start) };
}

/* The store. */

function transfers(accounts: readonly AccountId[], count: number): TransferCommand[] {
  return Array.from({ length: count }, () => {
    const debit = random(accounts.length);
    const credit = (debit + 1 + random(accounts.length - 1)) % accounts.length;
    const amount = BigInt(1 + random(1_000_000));
    return { kind: 'transfer', id: fresh<TransferId>(), debit: accounts[debit]!, credit: accounts[credit]!, asset: 1 as AssetNo, amount, code: 99 };
  });
}

async function accountsOf(book: Book, count: number): Promise<AccountId[]> {
  const ids = Array.from({ length: count }, () => fresh<AccountId>());
  for (let i = 0; i < count; i += 5_000) {
    const results = await book.submit(ids.slice(i, i + 5_000).map((id) => ({ kind: 'openAccount', id, asset: 1 as AssetNo, code: 20 })));
    assert(
      results.every((result) => result.code === 'created'),
      'the accounts of the benchmark are opened',
    );
  }
  return ids;
}

async function batches(book: Book, accounts: readonly AccountId[], count: number, size: number): Promise<Measured> {
  const work = Array.from({ length: count }, () => transfers(accounts, size));
  const start = performance.now();
  for (const batch of work) {
    const results = await book.submit(batch);
    assert(
      results.every((result) => result.code === 'created'),
      'every transfer of the benchmark is booked',
    );
  }
  return { perSecond: (count * size * 1000) / (performance.now() - start) };
}

async function callers(book: Book, accounts: readonly AccountId[], count: number): Promise<Measured> {
  const end = performance.now() + SECONDS * 1000;
  const waits: number[] = [];
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const asked = performance.now();
      await book.submit(transfers(accounts, 1));
      waits.push(performance.now() - asked);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: count }, caller));
  const perSecond = (waits.length * 1000) / (performance.now() - start);
  return { perSecond, p99Ms: waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)]! };
}

/* The run. */

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function table(contestants: readonly Contestant[], measured: ReadonlyMap<string, readonly Measured[]>): string {
  const speed = (name: string): number => median(measured.get(name)!.map((round) => round.perSecond));
  const [reference, bound] = [speed(contestants[0]!.name), speed(contestants[1]!.name)];
  const rows = contestants.map(({ name }) => {
    const rounds = measured.get(name)!;
    const speeds = rounds.map((round) => round.perSecond);
    const waits = rounds.flatMap((round) => round.p99Ms ?? []);
    const range = `${Math.round(Math.min(...speeds)).toLocaleString('en')}–${Math.round(Math.max(...speeds)).toLocaleString('en')}`;
    const p99 = waits.length === 0 ? '' : `${median(waits).toFixed(1)} ms`;
    const own = speed(name);
    return `| ${name} | ${Math.round(own).toLocaleString('en')} | ${range} | ${(own / reference).toFixed(1)} | ${(own / bound).toFixed(2)} | ${p99} |`;
  });
  return ['| | a second, median | range | x TPC-B | x floor | p99 |', '|--|--:|--:|--:|--:|--:|', ...rows].join('\n');
}

interface Size {
  readonly version: string;
  readonly records: bigint;
  readonly bytesARecord: number;
}

async function sizeOf(owner: pg.Pool, book: Book): Promise<Size> {
  const { rows } = await owner.query<{ version: string; bytes: string }>(
    `select current_setting('server_version') as version, sum(pg_total_relation_size(c.oid))::text as bytes
       from pg_class c where c.relkind = 'r' and c.relnamespace = $1::regnamespace`,
    [`book_${book.bookId.replaceAll('-', '')}`],
  );
  const { seq } = await book.head();
  return { version: rows[0]!.version, records: seq, bytesARecord: Number(rows[0]!.bytes) / Number(seq) };
}

export async function run(): Promise<string> {
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const server = await startPostgres({ stateDir, settings: { fsync: 'on', synchronous_commit: 'on', max_wal_size: '8GB', shared_buffers: '512MB' } });
  const database = await openDatabase({ url: server.url });
  // The references have tables of their own making, which the application's role may not make.
  const owner = new pg.Pool({ connectionString: server.url, max: CLIENTS });
  // The server is stopped at the end: what is idle then has nothing more to say.
  owner.on('error', () => undefined);
  try {
    await owner.query(PREPARE);
    const book = await openBook({ database, bookId: fresh<BookId>(), clock: systemClock });
    await book.submit([{ kind: 'openAsset', asset: 1 as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: 'tUSD' }]);
    const [thousand, tenThousand] = [await accountsOf(book, 1_000), await accountsOf(book, 10_000)];
    // One side of every transfer is the same account: nothing is spread.
    const others = await accountsOf(book, 1_000);
    const [hot] = await accountsOf(book, 1);
    const contestants: readonly Contestant[] = [
      { name: `TPC-B, ${CLIENTS} clients`, measure: () => tpcb(owner) },
      { name: 'floor: insert of 8,000 rows', measure: () => floor(owner, thousand, 16, 8_000) },
      { name: 'batches of 8,000 over 1,000 accounts', measure: () => batches(book, thousand, 16, 8_000) },
      { name: 'batches of 8,000 over 10,000 accounts', measure: () => batches(book, tenThousand, 12, 8_000) },
      { name: 'batches of 8,000, one hot account', measure: () => hotBatches(book, hot!, others, 12, 8_000) },
      { name: 'batches of 1,000 over 10,000 accounts', measure: () => batches(book, tenThousand, 40, 1_000) },
      { name: '256 waiting callers over 10,000 accounts', measure: () => callers(book, tenThousand, 256) },
      { name: '8 waiting callers over 10,000 accounts', measure: () => callers(book, tenThousand, 8) },
    ];
    const measured = new Map<string, Measured[]>(contestants.map(({ name }) => [name, []]));
    // Round by round, so that a slow minute of the machine meets all of them.
    for (let round = 1; round <= ROUNDS; round++) {
      for (const { name, measure } of contestants) {
        const result = await measure();
        measured.get(name)!.push(result);
        console.log(`round ${round} of ${ROUNDS}: ${name}: ${Math.round(result.perSecond).toLocaleString('en')}/s`);
      }
    }
    const size = await sizeOf(owner, book);
    await book.close();
    return [
      `Transfers a second, full semantics, journal, history and idempotency on, durable (fsync and synchronous_commit on); medians of ${ROUNDS} interleaved rounds. PostgreSQL ${size.version}, server and client on`,
      `the same machine. Accounts are drawn uniformly. TPC-B is pgbench's script at scale ${SCALE}, prepared, driven by the same client library as the ledger (pgbench itself, written in C, drives the same server`,
      'faster). The floor inserts the same ids, accounts and amounts into a table with a primary key and does nothing else.',
      '',
      table(contestants, measured),
      '',
      `At the end the journal holds ${size.records.toLocaleString('en')} records; with its indexes, the history, accounts and holds it takes ${Math.round(size.bytesARecord)} bytes a record.`,
    ].join('\n');
  } finally {
    await database.close();
    await owner.end();
    await server.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function hotBatches(book: Book, hot: AccountId, others: readonly AccountId[], count: number, size: number): Promise<Measured> {
  const work = Array.from({ length: count }, () => transfers(others, size).map((t, i) => (i % 2 === 0 ? { ...t, debit: hot } : { ...t, credit: hot })));
  const start = performance.now();
  for (const batch of work) await book.submit(batch);
  return { perSecond: (count * size * 1000) / (performance.now() - start) };
}
