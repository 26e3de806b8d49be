import assert from 'node:assert/strict';
import { Problem, systemClock, type AssetNo } from '#base';
import { openForReading, toProblem } from '#db';
import { openBook, type Book } from '#ledger';
import { PENDING } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { OPENING } from '../support/commands.ts';
import { idOf } from '../support/table.ts';

/** Every way we know of to change what was written, or the rules it was written by. */
const STATEMENTS = [
  'update book.journal set amount = amount + 1',
  'update book.journal set seq = -seq',
  'update book.journal set body = body',
  'delete from book.journal',
  'truncate book.journal',
  'insert into book.journal (seq, now_ms, kind, body) values (1, 0, 5, null) on conflict (seq) do update set now_ms = 0',
  "merge into book.journal j using (select 1) as s on true when matched then update set key = 'x'",
  'select * from book.journal for update',
  'drop table book.journal',
  'alter table book.journal disable trigger all',
  'alter table book.journal drop constraint journal_amount_fits',
  'create trigger t before insert on book.journal for each row execute function suppress_redundant_updates_trigger()',
  'create rule r as on insert to book.journal do instead nothing',
  'alter schema book rename to elsewhere',
  'create table book.other (id int)',
  'update book.account_history set debits_posted = 0',
  'delete from book.account_history',
  'delete from book.account',
  'update book.account set id = id',
  'update book.account_history set overdraft = 1000',
  'update book.account_history set flags = 0, credits_posted = 1000',
  'update book.account set asset = 2, owner = owner',
  'delete from book.pending',
  'update book.pending set amount = 0',
  'update book.pending set seq = 0, expires_ms = 1',
  'delete from book.head',
  'update book.head set left_seq = null, left_epoch = null',
  "update cairn.book set status = 'open', moved_to = null",
  'update book.evidence set fields = null',
  'delete from book.evidence',
  'truncate book.account, book.pending, book.evidence, book.head',
  'delete from cairn.book',
  'update cairn.book set schema_name = schema_name',
  'create or replace function cairn.fence(written int8, meant int8) returns void language sql as $$ select $$',
  'set session_replication_role = replica',
  'set role pg_write_all_data',
];

describe('the application’s own database role', () => {
  let db: TestDatabase;
  let book: Book;
  let schema: string;

  before(async () => {
    db = await testDatabase();
    book = await openBook({ database: db.database, bookId: newBookId(), clock: systemClock });
    schema = `book_${book.bookId.replaceAll('-', '')}`;
    await book.submit(OPENING);
    await book.submit([
      {
        kind: 'transfer',
        id: idOf('T'),
        debit: idOf('A'),
        credit: idOf('B'),
        asset: 1 as AssetNo,
        amount: 5n,
        code: 1,
        flags: PENDING,
        subject: idOf('S'),
        fields: { metadata: '{}' },
      },
    ]);
  });
  after(async () => {
    await book.close();
    await db.close();
  });

  const own = (statement: string): string =>
    statement.replaceAll('book.', `${schema}.`).replace('schema book ', `schema ${schema} `).replaceAll(`cairn.${schema}.`, 'cairn.book.');

  async function contents(): Promise<string> {
    const tables = ['journal', 'account', 'account_history', 'pending', 'evidence', 'head'];
    const rows = await Promise.all(tables.map(async (table) => (await db.owner.query(`select * from ${schema}.${table} order by 1, 2`)).rows));
    return JSON.stringify(rows);
  }

  for (const statement of STATEMENTS) {
    it(`cannot: ${statement}`, async () => {
      const before = await contents();
      await assert.rejects(db.database.pool.query(own(statement)), (error) => {
        const problem = toProblem(error);
        return problem instanceof Problem && problem.code === 'store/forbidden';
      });
      assert.equal(await contents(), before);
    });
  }

  it('cannot append to the journal, look or take a book as the role that only reads', async () => {
    const reading = await openForReading({ url: db.url });
    try {
      assert.equal((await reading.pool.query(`select * from ${schema}.journal`)).rowCount, OPENING.length + 1);
      for (const statement of [`insert into ${schema}.journal select * from ${schema}.journal`, `update ${schema}.head set epoch = epoch + 1`]) {
        await assert.rejects(reading.pool.query(statement));
        await assert.rejects(reading.pool.query(`begin; set transaction read write; ${statement}; commit`), /permission denied/);
      }
    } finally {
      await reading.close();
    }
  });
});
