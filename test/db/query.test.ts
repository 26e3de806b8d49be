import { deepStrictEqual, ok, rejects, strictEqual, throws } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { Problem } from '#base';
import { execute, inTransaction, loadSql, openForReading, query, toProblem, violatedConstraint, type NamedStatement } from '#db';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

function statement(name: string, text: string): NamedStatement {
  return { name: `test.${name}`, text };
}

const INSERT = statement('insert', 'insert into cairn.item (id, amount) values ($1::int, $2::numeric)');
const SELECT = statement('select', 'select id, amount from cairn.item order by id');

describe('transactions', () => {
  let db: TestDatabase;
  before(async () => {
    db = await testDatabase();
    await db.owner.query(
      'create table cairn.item (id int constraint item_id primary key, amount numeric(39, 0) constraint item_amount_positive check (amount > 0))',
    );
    await db.owner.query('grant select, insert, update, delete on cairn.item to cairn_app; grant select on cairn.item to cairn_read');
  });
  beforeEach(() => db.owner.query('truncate cairn.item'));
  after(() => db.close());

  it('are there as a whole or not at all', async () => {
    const amount = 2n ** 128n - 1n;
    await inTransaction(db.database.pool, async (client) => {
      strictEqual(await execute(client, INSERT, [1, amount]), 1);
    });
    await rejects(
      inTransaction(db.database.pool, async (client) => {
        await execute(client, INSERT, [2, 5n]);
        throw new Problem('store/busy', 'on purpose');
      }),
      { code: 'store/busy' },
    );
    deepStrictEqual(await query(db.database.pool, SELECT), [{ id: 1, amount }]);
  });

  it('name the constraint that refused a row, and leave that to the caller', async () => {
    const refusal = async (id: number, amount: bigint) =>
      violatedConstraint(await inTransaction(db.database.pool, (client) => execute(client, INSERT, [id, amount])).catch((error: unknown) => error));
    strictEqual(await refusal(1, 0n), 'item_amount_positive');
    strictEqual(await refusal(1, 1n), undefined);
    strictEqual(await refusal(1, 1n), 'item_id');
  });

  it('are not called committed where an error inside was swallowed', () =>
    rejects(
      inTransaction(db.database.pool, async (client) => {
        await execute(client, INSERT, [3, 0n]).catch(() => undefined);
      }),
      /committed after one of its statements had failed/,
    ));

  it('that stand in each other’s way end in a conflict for one, and the pool stays whole', async () => {
    await execute(db.database.pool, INSERT, [1, 1n]);
    await execute(db.database.pool, INSERT, [2, 1n]);
    const touch = (id: number) => statement(`touch${id}`, `update cairn.item set amount = amount + 1 where id = ${id}`);
    let arrive: () => void;
    let waiting = 2;
    const both = new Promise<void>((resolve) => (arrive = resolve));
    const crossing = (first: number, second: number) =>
      inTransaction(db.database.pool, async (client) => {
        await execute(client, touch(first));
        if (--waiting === 0) arrive();
        await both;
        await execute(client, touch(second));
      });
    const outcomes = await Promise.allSettled([crossing(1, 2), crossing(2, 1)]);
    const [refused, ...others] = outcomes.filter((outcome) => outcome.status === 'rejected');
    strictEqual(others.length, 0);
    ok(refused?.reason instanceof Problem && refused.reason.code === 'store/conflict');
    deepStrictEqual(
      (await query<{ amount: bigint }>(db.database.pool, SELECT)).map((row) => row.amount),
      [2n, 2n],
    );
  });

  it('say that their outcome is unknown where the connection breaks in the commit', async () => {
    // A deferred trigger runs inside COMMIT: it ends its own connection there.
    await db.owner.query(`
      create function cut() returns trigger language plpgsql security definer as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end';
      create constraint trigger cut after insert on cairn.item deferrable initially deferred for each row execute function cut()`);
    await rejects(
      inTransaction(db.database.pool, (client) => execute(client, INSERT, [9, 1n])),
      { code: 'store/outcome-unknown' },
    );
    await db.owner.query('drop trigger cut on cairn.item; drop function cut()');
    deepStrictEqual(await query(db.database.pool, SELECT), []);
  });

  it('of who only reads refuse to write, whatever was granted', async () => {
    await db.owner.query('grant insert on cairn.item to cairn_read');
    const reader = await openForReading({ url: db.url });
    await rejects(execute(reader.pool, INSERT, [1, 1n]), { code: 'store/read-only' });
    deepStrictEqual(await query(reader.pool, SELECT), []);
    await reader.close();
  });
});

describe('errors of the store', () => {
  const CASES = [
    ['53100', 'store/disk-full'],
    ['25006', 'store/read-only'],
    ['55P03', 'store/busy'],
    ['57014', 'store/busy'],
    ['40001', 'store/conflict'],
    ['57P03', 'store/unreachable'],
    ['08006', 'store/unreachable'],
    ['ECONNREFUSED', 'store/unreachable'],
    ['42501', 'store/forbidden'],
  ] as const;
  for (const [state, code] of CASES) {
    it(`with code ${state} are ${code}`, () => strictEqual((toProblem(Object.assign(new TypeError('said so'), { code: state })) as Problem).code, code));
  }

  it('of a server that takes a connection and then says nothing are store/unreachable', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'x', connectionTimeoutMillis: 20 });
    const problem = await client.connect().then(() => undefined, toProblem);
    silent.close();
    ok(problem instanceof Problem, String(problem));
    strictEqual(problem.code, 'store/unreachable');
  });

  it('that the registry does not know come back as they are', () => {
    const error = new TypeError('something else');
    strictEqual(toProblem(error), error);
  });
});

describe('named statements', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'cairn-sql-'))));
  after(() => rmSync(folder, { recursive: true }));

  const load = (text: string, names: string[]) => {
    const file = join(folder, 'items.sql');
    writeFileSync(file, text);
    return loadSql(pathToFileURL(file), names);
  };

  it('are what follows their name, comments and all', () => {
    deepStrictEqual(load('-- name: one\nselect 1; -- why\n-- name: two\nselect\n  2;\n', ['two', 'one']), {
      one: { name: 'items.one', text: 'select 1; -- why\n' },
      two: { name: 'items.two', text: 'select\n  2;\n\n' },
    });
  });

  it('are refused where the file and its caller disagree, where two have one name, and where one has none', () => {
    throws(() => load('-- name: one\nselect 1;', ['one', 'two']), /holds the statements one, not one, two/);
    throws(() => load('-- name: one\nselect 1;\n-- name: two\nselect 2;', ['one']), /holds the statements one, two, not one/);
    throws(() => load('-- name: one\nselect 1;\n-- name: one\nselect 2;', ['one']), /names one twice/);
    throws(() => load('select 1;', []), /no name/);
  });
});
