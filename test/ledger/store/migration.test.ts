import assert from 'node:assert/strict';
import { ManualClock, NIL_UUID, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import { migrate, openDatabase, type Database } from '#db';
import { openBook, type Book } from '#ledger';
import { CLOSED, DEBITS_MUST_NOT_EXCEED_CREDITS } from '#ledger/core';
import { loadMigrations } from '../../../src/db/migrate.ts';
import { emptyDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { writeOldBook } from '../support/oldBook.ts';
import { idOf } from '../support/table.ts';

describe('a book that an earlier version wrote', () => {
  let db: Omit<TestDatabase, 'database'>;
  let database: Database;
  let bookId: BookId;
  let book: Book;

  before(async () => {
    db = await emptyDatabase();
    bookId = newBookId();
    await migrate({ url: db.url, migrations: loadMigrations().filter(({ number }) => number <= 61) });
    await writeOldBook(db.owner, 61, bookId);
    database = await openDatabase({ url: db.url });
    book = await openBook({ database, bookId, clock: new ManualClock(10) });
  });
  after(async () => {
    await book.close();
    await database.close();
    await db.close();
  });

  it('has its accounts, with what they are limited to, and their balances at any time', async () => {
    const [a, b] = [await book.account(idOf('A')), await book.account(idOf('B'))];
    assert.deepEqual([a?.flags, a?.overdraft, a?.debitsPending, a?.debitsPosted, a?.seq], [DEBITS_MUST_NOT_EXCEED_CREDITS, 50n, 5n, 40n, 6n]);
    assert.deepEqual([b?.flags, b?.overdraft, b?.creditsPending, b?.creditsPosted, b?.seq], [CLOSED, 0n, 5n, 40n, 7n]);
    assert.deepEqual((await book.accountsOf(idOf<'merchant'>('S'), { after: NIL_UUID as AccountId, limit: 9 })).length, 2);
    assert.equal((await book.balanceAt(idOf('A'), { seq: 4n }))?.debitsPosted, 30n);
    const flags = await db.owner.query(`select flags from book_${bookId.replaceAll('-', '')}.account_history where account = 2 order by seq`);
    assert.deepEqual(
      flags.rows.map((row: { flags: number }) => row.flags),
      [0, 0, CLOSED],
    );
  });

  it('is written on as if it had been written by this one', async () => {
    const move = (id: TransferId, credit: AccountId, amount: bigint) => ({
      kind: 'transfer' as const,
      id,
      debit: idOf<'account'>('A'),
      credit,
      asset: 1 as AssetNo,
      amount,
      code: 1,
    });
    const results = await book.submit([
      move(idOf('T1'), idOf('B'), 30n),
      move(idOf('T3'), idOf('B'), 1n),
      { kind: 'openAccount', id: idOf('C'), asset: 1 as AssetNo, code: 20 },
      move(idOf('T4'), idOf('C'), 6n),
      move(idOf('T5'), idOf('C'), 5n),
    ]);
    assert.deepEqual(
      results.map((result) => result.code),
      ['exists', 'credit_account_already_closed', 'created', 'exceeds_credits', 'created'],
    );
    assert.equal((await book.account(idOf('C')))?.creditsPosted, 5n);
  });
});
