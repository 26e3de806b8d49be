import assert from 'node:assert/strict';
import { ManualClock, NIL_UUID, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import { migrate, openDatabase, type Database } from '#db';
import { openBook, type Book } from '#ledger';
import { CLOSED, DEBITS_MUST_NOT_EXCEED_CREDITS } from '#ledger/core';
import { loadMigrations } from '../../../src/db/migrate.ts';
import { emptyDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { idOf } from '../support/table.ts';

/** What version 0061 wrote of a book: two accounts, one with a credit line, one closed later; a transfer, and a hold that is open. */
const OLD_BOOK = `
  insert into book.account (no, id, asset, code, owner, overdraft, seq, flags, debits_pending, debits_posted, credits_pending, credits_posted) values
    (1, '${idOf('A')}', 1, 20, '${idOf('S')}', 50, 6, 2, 5, 40, 0, 0), (2, '${idOf('B')}', 1, 20, '${idOf('S')}', 0, 7, 8, 0, 0, 5, 40);
  insert into book.journal (seq, now_ms, kind, key, body) values
    (1, 1, 1, 'asset:1', '{"asset": 1, "decimals": 6, "caip19": null, "peg": "USD", "symbol": "T"}'),
    (2, 1, 2, 'account:${idOf('A')}', '{"id": "${idOf('A')}", "asset": 1, "code": 20, "flags": 2, "overdraft": "50", "owner": "${idOf('S')}"}'),
    (3, 1, 2, 'account:${idOf('B')}', '{"id": "${idOf('B')}", "asset": 1, "code": 20, "flags": 0, "overdraft": "0", "owner": "${idOf('S')}"}'),
    (7, 3, 2, 'closed:${idOf('B')}', '{"id": "${idOf('B')}", "asset": 1, "code": 20, "flags": 8, "overdraft": "0", "owner": "${idOf('S')}"}');
  insert into book.journal (seq, now_ms, kind, id, debit, credit, asset, amount, code, flags) values
    (4, 2, 3, '${idOf('T1')}', 1, 2, 1, 30, 1, 0), (5, 2, 3, '${idOf('T2')}', 1, 2, 1, 10, 1, 0), (6, 2, 3, '${idOf('H')}', 1, 2, 1, 5, 1, 2);
  insert into book.account_history (account, seq, debits_pending, debits_posted, credits_pending, credits_posted, earlier) values
    (1, 2, 0, 0, 0, 0, null), (2, 3, 0, 0, 0, 0, null), (1, 6, 5, 40, 0, 0, '{2,1}'), (2, 6, 0, 0, 5, 40, '{2,1}'), (2, 7, 0, 0, 5, 40, null);
  insert into book.pending (id, seq, debit, credit, asset, amount, code, settles, captured, status) values ('${idOf('H')}', 6, 1, 2, 1, 5, 1, false, 0, 'open');
  update book.head set seq = 7, now_ms = 3;
`;

describe('a book that an earlier version wrote', () => {
  let db: Omit<TestDatabase, 'database'>;
  let database: Database;
  let bookId: BookId;
  let book: Book;

  before(async () => {
    db = await emptyDatabase();
    bookId = newBookId();
    await migrate({ url: db.url, migrations: loadMigrations().filter(({ number }) => number <= 61) });
    await db.owner.query('select cairn.create_book($1)', [bookId]);
    await db.owner.query(OLD_BOOK.replaceAll('book.', `book_${bookId.replaceAll('-', '')}.`));
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
