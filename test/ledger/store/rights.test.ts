import assert from 'node:assert/strict';
import pg from 'pg';
import { systemClock, type AssetNo, type BookId } from '#base';
import { openForReading, sqlState, type Database, type Pool, type Queryable } from '#db';
import { openBook, type Book } from '#ledger';
import { PENDING } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { OPENING } from '../support/commands.ts';
import { idOf } from '../support/table.ts';

/** PostgreSQL's "insufficient privilege". */
const FORBIDDEN = '42501';

/** Tables whose rows the application may add and never change or take back: what the catalogue has to say as well. */
const APPEND_ONLY = {
  book: ['account', 'account_history', 'evidence', 'journal'],
  cairn: [
    'book',
    'deployment',
    'deposit_transition',
    'migration',
    'order_file',
    'outbox_transition',
    'payee',
    'payment_event',
    'payment_transition',
    'platform',
    'wallet',
  ],
};

/** Every way we know of to change a table's rows, the table, or what goes on when somebody writes to it. `T` is the table, `C` one of its columns, `K` its primary key. */
const ON_A_TABLE = [
  'update T set C = C',
  'update T set C = null',
  'update only T set C = default',
  'delete from T',
  'delete from T where false',
  'truncate T',
  'truncate T cascade',
  'with gone as (delete from T returning *) select * from gone',
  'merge into T as t using (select 1) as s on true when matched then update set C = t.C',
  'merge into T as t using (select 1) as s on true when matched then delete',
  'insert into T select * from T on conflict (K) do update set C = excluded.C',
  'select * from T for update',
  'select * from T for no key update',
  'select * from T for share',
  'lock table T in access exclusive mode',
  'lock table T in share row exclusive mode',
  'create temporary view over as select * from T; update over set C = C',
  'create temporary view over as select * from T; delete from over',
  "copy T from program 'true'",
  "copy T from '/dev/null'",
  "copy T to program 'cat'",
  "copy T to '/tmp/out'",
  'drop table T',
  'drop table T cascade',
  'alter table T add column extra int',
  'alter table T drop column C',
  'alter table T alter column C drop not null',
  "alter table T alter column C type text using 'x'",
  'alter table T rename to other',
  'alter table T rename column C to other',
  'alter table T set schema public',
  'alter table T owner to current_user',
  'alter table T disable trigger all',
  'alter table T enable replica trigger other',
  'alter table T disable rule other',
  'alter table T set unlogged',
  'alter table T set (autovacuum_enabled = off)',
  'alter table T enable row level security',
  'alter table T force row level security',
  'alter table T add constraint other check (false) not valid',
  'alter table T inherit T',
  'alter table T replica identity nothing',
  'create policy nothing on T using (false)',
  'create trigger other before insert on T for each row execute function suppress_redundant_updates_trigger()',
  'create rule other as on insert to T do instead nothing',
  'create rule other as on update to T do also nothing',
  'create index other on T (C)',
  'create statistics public.other on C, ctid from T',
  'reindex table T',
  'cluster T',
  "comment on table T is 'mine'",
  'create table public.child () inherits (T)',
];

/** PostgreSQL answers these with a warning where the role has any right to the table, and does nothing. */
const GRANTS = [
  'grant update on T to current_user',
  'grant delete on T to public',
  'grant all on T to cairn_app, cairn_read with grant option',
  'revoke select on T from cairn_read',
  'revoke grant option for all on T from cairn_app',
  'grant update (C) on T to cairn_app',
  'grant all on all tables in schema B to current_user',
];

/** And to become somebody else, to change the rules, or to reach the data by another way. `B` is the schema of the book, `OWNER` who owns it. */
const OF_THE_DATABASE = [
  'set role OWNER',
  'set role pg_write_all_data',
  'set role pg_execute_server_program',
  'set local session authorization OWNER',
  'set session authorization OWNER',
  'set session_replication_role = replica',
  "select set_config('session_replication_role', 'replica', false)",
  'set allow_system_table_mods = on',
  'set zero_damaged_pages = on',
  'alter role current_user superuser',
  'alter role current_user createrole',
  'alter role cairn_app login superuser',
  'create role other superuser',
  'grant pg_write_all_data to current_user',
  'reassign owned by OWNER to current_user',
  'drop owned by OWNER',
  'alter default privileges for role OWNER grant all on tables to cairn_app',
  'alter schema B rename to other',
  'alter schema B owner to current_user',
  'alter schema cairn owner to current_user',
  'drop schema B cascade',
  'drop schema cairn cascade',
  'create schema other',
  'create table B.other (id int)',
  'create table cairn.other (id int)',
  'create table public.other (id int)',
  'create view B.other as select 1',
  'create function B.other() returns int language sql as $$ select 1 $$',
  'create function cairn.other() returns int language sql security definer as $$ select 1 $$',
  'create function public.other() returns int language sql as $$ select 1 $$',
  'create function pg_catalog.other() returns int language sql as $$ select 1 $$',
  'create or replace function cairn.fence(written int8, meant int8) returns void language sql as $$ select $$',
  'create or replace function cairn.create_book(book uuid) returns text language sql as $$ select null $$',
  'alter function cairn.fence(int8, int8) owner to current_user',
  'alter function cairn.fence(int8, int8) security definer',
  'alter function cairn.create_book(uuid) set search_path = pg_temp',
  'alter function cairn.create_book(uuid) reset search_path',
  'drop function cairn.fence(int8, int8)',
  'create operator public.=== (leftarg = int8, rightarg = int8, function = int8eq)',
  'create cast (int8 as bytea) without function',
  'create language other handler plpgsql_call_handler',
  'create event trigger other on ddl_command_start execute function pg_catalog.suppress_redundant_updates_trigger()',
  'create publication other for all tables',
  "create subscription other connection 'host=127.0.0.1' publication other with (connect = false)",
  'create extension pageinspect',
  'create foreign data wrapper other',
  'update pg_catalog.pg_class set relacl = null',
  'delete from pg_catalog.pg_constraint',
  'select * from pg_catalog.pg_authid',
  "select pg_read_file('pg_hba.conf')",
  "select pg_read_binary_file('global/pg_control')",
  "select pg_ls_dir('.')",
  "select lo_import('/etc/hostname')",
  "select lo_export(lo_create(0), '/tmp/out')",
  "load '$libdir/pgoutput'",
  'select pg_reload_conf()',
  'select pg_switch_wal()',
  "select pg_create_restore_point('x')",
  "select pg_create_physical_replication_slot('other')",
  'update B.head set only_row = only_row',
  'update B.head set left_seq = null, left_epoch = null',
  "update cairn.book set status = 'open', moved_to = null",
  'delete from B.head',
  'truncate B.head',
  'insert into B.head default values',
  'delete from B.pending',
  'truncate B.pending',
  'update B.pending set amount = 0',
  'update B.pending set seq = 0, expires_ms = 1',
  'update B.pending set id = id',
  'update B.pending set debit = credit',
  'update cairn.batch set batch_root = batch_root',
  'update cairn.batch set leaves = leaves',
  'update cairn.batch set first_seq = first_seq',
  'delete from cairn.batch',
  'truncate cairn.batch',
  'update cairn.anchor set leaf = leaf',
  'update cairn.anchor set commitment = commitment',
  'delete from cairn.anchor',
  'delete from cairn.payment',
  'delete from cairn.payout',
  'delete from cairn.instruction',
  'delete from cairn.authorisation',
  'update cairn.authorisation set evidence = evidence',
  'update cairn.subject_key set key = key',
];

/** What is never done inside a transaction. */
const ALONE = ["alter system set fsync = 'off'", 'create database other', "create tablespace other location '/tmp'"];

describe('what the application may not do to what was written', function () {
  this.timeout(120_000);
  const bookId: BookId = newBookId();
  const schema = `book_${bookId.replaceAll('-', '')}`;
  let db: TestDatabase;
  let reading: Database;
  let book: Book;

  before(async () => {
    db = await testDatabase();
    reading = await openForReading({ url: db.url, connections: 1 });
    book = await openBook({ database: db.database, bookId, clock: systemClock });
    await book.submit(OPENING);
    const hold = { debit: idOf<'account'>('A'), credit: idOf<'account'>('B'), asset: 1 as AssetNo, amount: 5n, code: 1, flags: PENDING };
    await book.submit([{ kind: 'transfer', id: idOf('T'), ...hold, subject: idOf('S'), fields: { metadata: '{}' } }]);
  });
  after(async () => {
    await book.close();
    await reading.close();
    await db.close();
  });

  /** Those of the statements that went through, or failed for any other reason than that they are forbidden. Each is tried in a transaction of its own and taken back. */
  async function notForbidden(pool: Pool, statements: readonly string[]): Promise<string[]> {
    const through: string[] = [];
    const client = await pool.connect();
    try {
      for (const statement of statements) {
        // The role that reads may ask for a transaction that writes: its rights have to be enough of a hindrance.
        await client.query('begin; set transaction read write');
        const state = await client.query(statement).then(
          () => 'done',
          (error: unknown) => sqlState(error) ?? String(error),
        );
        if (state !== FORBIDDEN) through.push(`${statement}: ${state}`);
        await client.query('rollback');
      }
    } finally {
      client.release(true);
    }
    return through;
  }

  /** Those of the statements after which somebody has another right to the table than before. */
  async function effective(pool: Pool, table: string, statements: readonly string[]): Promise<string[]> {
    const through: string[] = [];
    const client = await pool.connect();
    try {
      const before = await rightsTo(client, table);
      for (const statement of statements) {
        await client.query('begin; set transaction read write');
        await client.query(`savepoint before_it; ${statement}`).catch(() => client.query('rollback to before_it'));
        if ((await rightsTo(client, table)) !== before) through.push(statement);
        await client.query('rollback');
      }
    } finally {
      client.release(true);
    }
    return through;
  }

  /** All of the book but until when its writer has it, which it says anew all the time. */
  async function contents(): Promise<readonly unknown[]> {
    const tables = ['journal', 'account', 'account_history', 'pending', 'evidence', 'head'];
    return Promise.all(
      tables.map(async (table) => (await db.owner.query(`select to_jsonb(t) - 'lease_until' as row from ${schema}.${table} t order by 1`)).rows),
    );
  }

  /** The statements about one table: its name, a column that is never null and its primary key in their places. */
  async function about(table: string, statements: readonly string[]): Promise<string[]> {
    const { rows } = await db.owner.query<{ column: string; key: string }>(
      `select (select quote_ident(attname) from pg_attribute where attrelid = $1::regclass and attnum > 0 and attgenerated = '' order by attnotnull desc, attnum limit 1) as column,
              (select string_agg(quote_ident(attname), ', ') from pg_index join pg_attribute on attrelid = indrelid and attnum = any (indkey) where indrelid = $1::regclass and indisprimary) as key`,
      [table],
    );
    const { column, key } = rows[0]!;
    return statements.map((statement) =>
      statement.replaceAll(/\bT\b/g, table).replaceAll(/\bC\b/g, column).replaceAll(/\bK\b/g, key).replaceAll(/\bB\b/g, schema),
    );
  }

  /** Who may do what to a table and its columns, as the catalogue has it. */
  async function rightsTo(client: Queryable, table: string): Promise<string> {
    const { rows } = await client.query(
      'select relacl::text, (select array_agg(attacl::text order by attnum) from pg_attribute where attrelid = oid) from pg_class where oid = $1::regclass',
      [table],
    );
    return JSON.stringify(rows);
  }

  const own = (place: string, table: string): string => `${place === 'book' ? schema : place}.${table}`;

  it('is said of the tables that are only appended to, and the catalogue says it of the same ones', async () => {
    const { rows } = await db.owner.query<{ place: string; name: string }>(
      `select case relnamespace when $1::regnamespace then 'book' else 'cairn' end as place, relname as name
         from pg_class
        where relnamespace in ($1::regnamespace, 'cairn'::regnamespace) and relkind = 'r'
          and not has_any_column_privilege('cairn_app', oid, 'update') and not has_table_privilege('cairn_app', oid, 'delete, truncate')
        order by 1, 2`,
      [schema],
    );
    const found = {
      book: rows.filter(({ place }) => place === 'book').map(({ name }) => name),
      cairn: rows.filter(({ place }) => place === 'cairn').map(({ name }) => name),
    };
    assert.deepEqual(found, APPEND_ONLY);
  });

  for (const group of ['cairn_app', 'cairn_read']) {
    const pool = (): Pool => (group === 'cairn_app' ? db.database.pool : reading.pool);
    for (const [place, tables] of Object.entries(APPEND_ONLY)) {
      for (const table of tables) {
        it(`${group}: any of ${ON_A_TABLE.length} things to ${place}.${table}`, async () => {
          const before = await contents();
          const name = own(place, table);
          assert.deepEqual(await notForbidden(pool(), await about(name, ON_A_TABLE)), []);
          assert.deepEqual(await effective(pool(), name, await about(name, GRANTS)), []);
          assert.deepEqual(await contents(), before);
        });
      }
    }

    it(`${group}: any of ${OF_THE_DATABASE.length} things to the database and its rules`, async () => {
      const before = await contents();
      const { rows } = await db.owner.query<{ owner: string }>('select quote_ident(current_user) as owner');
      const statements = OF_THE_DATABASE.map((statement) => statement.replaceAll(/\bB\b/g, schema).replaceAll('OWNER', rows[0]!.owner));
      assert.deepEqual(await notForbidden(pool(), statements), []);
      for (const statement of ALONE)
        await assert.rejects(pool().query(statement), (error) => sqlState(error) === FORBIDDEN || sqlState(error) === '25006', statement);
      assert.deepEqual(await contents(), before);
    });
  }

  it('cairn_read: to append, to take a book, to open one', async () => {
    const tables = [...APPEND_ONLY.book, 'pending'].map((table) => own('book', table));
    const appends = [...tables, 'cairn.book', 'cairn.batch', 'cairn.anchor', 'cairn.record_cursor'].flatMap((table) => [
      `insert into ${table} default values`,
      `copy ${table} from stdin`,
    ]);
    const takes = [`update ${schema}.head set epoch = epoch + 1`, `select cairn.create_book('${newBookId()}')`, 'delete from cairn.subject_key'];
    assert.deepEqual(await notForbidden(reading.pool, [...appends, ...takes]), []);
    assert.equal((await reading.pool.query(`select * from ${schema}.journal`)).rowCount, OPENING.length + 1);
  });

  it('what runs with the owner’s rights is named, looks for names in the temporary schema last, and is not for everybody', async () => {
    const { rows } = await db.owner.query<{ name: string; config: string[] | null; everybody: boolean }>(
      `select proname as name, proconfig as config, has_function_privilege('public', oid, 'execute') as everybody
         from pg_proc where prosecdef and pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) order by 1`,
    );
    const last = { config: ['search_path=pg_catalog, pg_temp'], everybody: false };
    assert.deepEqual(
      rows,
      ['book_of_0070', 'create_book', 'publish_head'].map((name) => ({ name, ...last })),
    );
  });

  for (const table of ['head', 'account', 'journal', 'account_history', 'pending', 'evidence', 'book', 'pg_class', 'pg_proc', 'pg_namespace']) {
    it(`cairn_app: to have a trigger of its own run with the owner’s rights, by a temporary table named ${table}`, async () => {
      const before = await contents();
      const id = newBookId();
      const client = new pg.Client({ connectionString: db.database.pool.options.connectionString, ...db.database.pool.options });
      await client.connect();
      try {
        await client.query(
          `create function pg_temp.steal() returns trigger language plpgsql as $$ begin update ${schema}.journal set now_ms = 777; return new; end $$`,
        );
        await client.query(
          `create temporary table ${table} (like ${table === 'book' ? 'cairn.book' : table.startsWith('pg_') ? `pg_catalog.${table}` : `${schema}.${table}`} including defaults)`,
        );
        await client.query(`create trigger steal before insert on pg_temp.${table} for each row execute function pg_temp.steal()`);
        await client.query('set search_path = pg_temp, pg_catalog');
        await client.query('select cairn.create_book($1)', [id]);
      } finally {
        await client.end();
      }
      assert.deepEqual(await contents(), before);
      // And the book that was made is a whole one, whatever stood in the way of its tables.
      const made = await openBook({ database: db.database, bookId: id, clock: systemClock });
      assert.ok((await made.submit(OPENING)).every(({ code }) => code === 'created'));
      await made.close();
    });
  }
});
