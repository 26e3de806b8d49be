import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { dumpSchema } from './dump.ts';

const FILE = new URL('../../docs/schema.sql', import.meta.url);

describe('docs/schema.sql', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  /** The dump, taken in a transaction that leaves nothing behind. */
  async function dump(change = ''): Promise<string> {
    const client = await db.owner.connect();
    try {
      await client.query('begin');
      if (change) await client.query(change);
      return await dumpSchema(client);
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  it('is what the migrations make of an empty database (write it anew with `npx cairn dev schema`)', async () => {
    const now = await dump();
    if (process.env['CAIRN_WRITE_SCHEMA']) writeFileSync(FILE, now);
    assert.equal(now, readFileSync(FILE, 'utf8'));
  });

  it('is the same every time', async () => assert.equal(await dump(), await dump()));

  for (const [what, change] of [
    ['a column', 'alter table cairn.migration add extra int8 not null default 1'],
    ['a constraint', 'alter table cairn.migration add constraint extra check (number > 0)'],
    ['an index', 'create index extra on cairn.migration (name)'],
    ['a right', 'grant delete on cairn.migration to cairn_app'],
    [
      'a trigger',
      'create function cairn.extra() returns trigger language plpgsql as $$ begin return null; end $$; create trigger extra after insert on cairn.migration execute function cairn.extra()',
    ],
    ['a type', "create type cairn.extra as enum ('a', 'b')"],
    ['a view', 'create view cairn.extra as select number from cairn.migration'],
  ] as const) {
    it(`would show ${what} more`, async () => assert.notEqual(await dump(change), await dump()));
  }
});
