import { rejects, strictEqual, deepStrictEqual } from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { openDatabase } from '#db';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('the application’s connections', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  it('read int8 and numeric, and arrays of them, as bigint', async () => {
    const { rows } = await db.database.pool.query(
      "select 9007199254740993::int8 as a, 340282366920938463463374607431768211455::numeric as b, '{}'::int8[] as c, array[1, -2]::numeric[] as d",
    );
    deepStrictEqual(rows[0], { a: 9007199254740993n, b: 2n ** 128n - 1n, c: [], d: [1n, -2n] });
  });

  const FORBIDDEN = [
    "update cairn.migration set name = 'x'",
    'delete from cairn.migration',
    'truncate cairn.migration',
    'drop table cairn.migration',
    'alter table cairn.migration add x int',
    'alter table cairn.migration disable trigger all',
    'create schema x',
    'create table cairn.x ()',
    'create table public.x ()',
    'create role x superuser',
    'alter role current_user superuser',
    'alter role current_user createrole',
    "set session_replication_role = 'replica'",
  ];
  for (const statement of FORBIDDEN) {
    it(`may not ${statement}`, () => rejects(db.database.pool.query(statement), /permission denied|must be owner|must have/i));
  }

  it('find no way back to the owner, whatever they set or reset', async () => {
    const client = await db.database.pool.connect();
    try {
      const owner = decodeURIComponent(new URL(db.url).username);
      for (const way of [`set role "${owner}"`, `set session authorization "${owner}"`, 'set role pg_write_all_data'])
        await rejects(client.query(way), /permission denied/);
      // PostgreSQL answers this one with a mere warning, and grants nothing.
      await client.query('grant all on cairn.migration to cairn_app');
      for (const way of ['reset role', 'reset session authorization', 'set role none', 'discard all']) await client.query(way);
      await rejects(client.query('delete from cairn.migration'), /permission denied/);
      const { rows } = await client.query('select session_user = current_user as same, (select rolsuper from pg_roles where rolname = session_user) as super');
      deepStrictEqual(rows, [{ same: true, super: false }]);
    } finally {
      client.release();
    }
  });

  it('are refused where the given login is the owner itself', () =>
    rejects(openDatabase({ url: db.url, loginUrl: db.url }), { code: 'store/role-too-strong' }));

  for (const [what, grant] of [
    ['may write all tables by another membership', 'grant pg_write_all_data to $login'],
    ['may delete from a journal by a grant of its own', 'grant delete on $journal to $login'],
    ['may change a column of a journal by a grant of its own', 'grant update (amount) on $journal to $login'],
  ] as const) {
    it(`are refused where the given login ${what}`, async () => {
      const login = `cairn_test_login_${randomBytes(6).toString('hex')}`;
      const book = randomUUID();
      await db.owner.query(`create role ${login} login password 'secret' in role cairn_app; select cairn.create_book('${book}')`);
      const loginUrl = Object.assign(new URL(db.url), { username: login, password: 'secret' }).href;
      try {
        await (await openDatabase({ url: db.url, loginUrl })).close();
        await db.owner.query(grant.replace('$login', login).replace('$journal', `book_${book.replaceAll('-', '')}.journal`));
        await rejects(openDatabase({ url: db.url, loginUrl }), { code: 'store/role-too-strong' });
      } finally {
        await db.owner.query(`drop owned by ${login}; drop role ${login}`);
      }
    });
  }

  it('survive being cut off while checked out, and say so', async () => {
    const lost: Error[] = [];
    const database = await openDatabase({ url: db.url, onConnectionLost: (error) => lost.push(error) });
    const client = await database.pool.connect();
    const { rows } = await client.query('select pg_backend_pid() as pid');
    await db.owner.query('select pg_terminate_backend($1)', [rows[0].pid]);
    while (lost.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    client.release(true);
    strictEqual((await database.pool.query('select 1 as one')).rows[0].one, 1);
    await database.close();
  });
});
