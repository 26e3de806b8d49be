import type pg from 'pg';
import type { BookId } from '#base';
import { idOf } from './table.ts';

/** What versions 0010 to 0061 wrote of a book, in their own SQL: two accounts, one with a credit line, one closed later; transfers, and a hold that is open. */
const BEFORE_0070 = `
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

/** The same as version 0070 writes it. */
const SINCE_0070 = `
  insert into book.account (no, id, asset, code, owner) values (1, '${idOf('A')}', 1, 20, '${idOf('S')}'), (2, '${idOf('B')}', 1, 20, '${idOf('S')}');
  insert into book.journal (seq, now_ms, kind, key, body) values
    (1, 1, 1, 'asset:1', '{"asset": 1, "decimals": 6, "caip19": null, "peg": "USD", "symbol": "T"}'),
    (2, 1, 2, 'account:${idOf('A')}', '{"id": "${idOf('A')}", "asset": 1, "code": 20, "flags": 2, "overdraft": "50", "owner": "${idOf('S')}"}'),
    (3, 1, 2, 'account:${idOf('B')}', '{"id": "${idOf('B')}", "asset": 1, "code": 20, "flags": 0, "overdraft": "0", "owner": "${idOf('S')}"}'),
    (7, 3, 2, 'closed:${idOf('B')}', '{"id": "${idOf('B')}", "asset": 1, "code": 20, "flags": 8, "overdraft": "0", "owner": "${idOf('S')}"}');
  insert into book.journal (seq, now_ms, kind, id, debit, credit, asset, amount, code, flags) values
    (4, 2, 3, '${idOf('T1')}', 1, 2, 1, 30, 1, 0), (5, 2, 3, '${idOf('T2')}', 1, 2, 1, 10, 1, 0), (6, 2, 3, '${idOf('H')}', 1, 2, 1, 5, 1, 2);
  insert into book.account_history (account, seq, flags, overdraft, debits_pending, debits_posted, credits_pending, credits_posted, earlier) values
    (1, 2, 2, 50, 0, 0, 0, 0, null), (2, 3, 0, 0, 0, 0, 0, 0, null), (1, 6, 2, 50, 5, 40, 0, 0, '{2,1}'), (2, 6, 0, 0, 0, 0, 5, 40, '{2,1}'), (2, 7, 8, 0, 0, 0, 5, 40, null);
  insert into book.pending (id, seq, debit, credit, asset, amount, code, settles, captured, status) values ('${idOf('H')}', 6, 1, 2, 1, 5, 1, false, 0, 'open');
  update book.head set seq = 7, now_ms = 3;
`;

/** Makes a book by the SQL of a released version, on a database that is at that version. Since 0010. */
export async function writeOldBook(owner: pg.Pool, version: number, bookId: BookId): Promise<void> {
  await owner.query('select cairn.create_book($1)', [bookId]);
  await owner.query((version < 70 ? BEFORE_0070 : SINCE_0070).replaceAll('book.', `book_${bookId.replaceAll('-', '')}.`));
}
