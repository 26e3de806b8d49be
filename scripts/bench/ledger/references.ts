import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import { assert, type AccountId } from '#base';
import { execute, query, type NamedStatement } from '#db';
import type { Measured } from './report.ts';
import { random, requests, transfers } from './work.ts';

export const CLIENTS = 8;
/** pgbench's scale: 100,000 accounts, 10 tellers and a branch each. */
export const SCALE = 20;

function statement(name: string, text: string): NamedStatement {
  return { name: `bench.${name}`, text };
}

const PREPARE = `
  create table bench_branches (bid int primary key, bbalance int, filler char(88)) with (fillfactor = 100);
  create table bench_tellers (tid int primary key, bid int, tbalance int, filler char(84)) with (fillfactor = 100);
  create table bench_accounts (aid int primary key, bid int, abalance int, filler char(84)) with (fillfactor = 100);
  create table bench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
  insert into bench_branches select n, 0, '' from generate_series(1, ${SCALE}) n;
  insert into bench_tellers select n, (n - 1) / 10 + 1, 0, '' from generate_series(1, ${SCALE * 10}) n;
  insert into bench_accounts select n, (n - 1) / 100000 + 1, 0, '' from generate_series(1, ${SCALE * 100_000}) n;

  create table bench_floor (id uuid primary key, debit uuid not null, credit uuid not null, amount int8 not null);

  create table bench_balance (id uuid primary key, debits numeric(39, 0) not null default 0, credits numeric(39, 0) not null default 0) with (fillfactor = 70);
  create table bench_transfer (
    id uuid primary key, debit uuid not null, credit uuid not null, amount numeric(39, 0) not null check (amount >= 0), at timestamptz not null default now()
  );
  -- As most ledgers on PostgreSQL book: a call a transfer, both rows locked in the order of their ids, the balances updated, the transfer written; an id that was booked is answered.
  create function bench_book(transfer uuid, debited uuid, credited uuid, moved numeric) returns text language plpgsql as $$
  begin
    insert into bench_transfer (id, debit, credit, amount) values (transfer, debited, credited, moved) on conflict do nothing;
    if not found then return 'exists'; end if;
    perform from bench_balance where id in (debited, credited) order by id for no key update;
    update bench_balance set debits = debits + moved where id = debited;
    update bench_balance set credits = credits + moved where id = credited;
    return 'created';
  end
  $$;
`;

/** Makes the tables of the references and the accounts of the row-at-a-time function. */
export async function prepareReferences(owner: pg.Pool, accounts: readonly AccountId[]): Promise<void> {
  await owner.query(PREPARE);
  await owner.query('insert into bench_balance (id) select unnest($1::uuid[])', [accounts]);
  await owner.query('analyze');
}

/** So many clients for so long, each on a connection of its own. */
async function forSeconds(pool: pg.Pool, seconds: number, once: (connection: pg.PoolClient) => Promise<void>): Promise<Measured> {
  let done = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  const client = async (): Promise<void> => {
    const connection = await pool.connect();
    for (; performance.now() < end; done++) await once(connection);
    connection.release();
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { perSecond: (done * 1000) / (performance.now() - start) };
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

export function tpcb(pool: pg.Pool, seconds: number): Promise<Measured> {
  return forSeconds(pool, seconds, async (connection) => {
    const [aid, bid, tid, delta] = [1 + random(SCALE * 100_000), 1 + random(SCALE), 1 + random(SCALE * 10), random(10_001) - 5_000];
    await execute(connection, TPCB.begin);
    await execute(connection, TPCB.account, [delta, aid]);
    await query(connection, TPCB.look, [aid]);
    await execute(connection, TPCB.teller, [delta, tid]);
    await execute(connection, TPCB.branch, [delta, bid]);
    await execute(connection, TPCB.history, [tid, bid, aid, delta]);
    await execute(connection, TPCB.end);
  });
}

/* A ledger of rows: one call of a function, one transaction a transfer. */

const BOOK = statement('book', 'select bench_book($1::uuid, $2::uuid, $3::uuid, $4::numeric) as code');

export function rowAtATime(pool: pg.Pool, accounts: readonly AccountId[], seconds: number): Promise<Measured> {
  return forSeconds(pool, seconds, async (connection) => {
    const [transfer] = transfers(accounts, 1);
    const [row] = await query<{ code: string }>(connection, BOOK, [transfer!.id, transfer!.debit, transfer!.credit, transfer!.amount]);
    assert(row?.code === 'created', 'the function of the reference books every transfer');
  });
}

/* The floor: the same ids and amounts, nothing decided, nothing kept but the rows. */

const FLOOR = statement('floor', 'insert into bench_floor select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int8[])');

export async function floor(pool: pg.Pool, accounts: readonly AccountId[], count: number, size: number): Promise<Measured> {
  const work = requests(count, () => transfers(accounts, size)).map((batch) => [
    batch.map((t) => t.id),
    batch.map((t) => t.debit),
    batch.map((t) => t.credit),
    batch.map((t) => t.amount),
  ]);
  const start = performance.now();
  for (const params of work) await execute(pool, FLOOR, params);
  return { perSecond: (count * size * 1000) / (performance.now() - start) };
}
