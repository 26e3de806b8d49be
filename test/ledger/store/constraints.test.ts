import assert from 'node:assert/strict';
import { systemClock, type AssetNo } from '#base';
import { sqlState, violatedConstraint } from '#db';
import { openBook } from '#ledger';
import { PENDING, SETTLES } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { OPENING } from '../support/commands.ts';
import { idOf } from '../support/table.ts';

const TRANSFER = 'insert into journal (seq, now_ms, kind, id, debit, credit, asset, amount, code, flags, pending_id, timeout_s, body)';
const ID = `'${idOf('new')}'`;
const HOLD = `'${idOf('T')}'`;

/** What no writer of ours does, tried by the owner of the tables, and the name of what stops it. */
const BROKEN: readonly (readonly [constraint: string, statement: string])[] = [
  ['journal_seq_once', "insert into journal (seq, now_ms, kind, body) values (1, 0, 5, '{}')"],
  ['journal_id_once', `${TRANSFER} values (99, 0, 3, ${HOLD}, 1, 2, 1, 1, 1, 0, null, null, null)`],
  ['journal_key_once', "insert into journal (seq, now_ms, kind, body, key) values (99, 0, 5, '{}', 'asset:1')"],
  ['journal_kind_is_known', "insert into journal (seq, now_ms, kind, body) values (99, 0, 16, '{}')"],
  ['journal_transfer_is_whole', `${TRANSFER} values (99, 0, 3, ${ID}, 1, null, 1, 1, 1, 0, null, null, null)`],
  ['journal_transfer_is_whole', 'insert into journal (seq, now_ms, kind) values (99, 0, 5)'],
  ['journal_accounts_differ', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 1, 1, 1, 1, 0, null, null, null)`],
  ['journal_amount_fits', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, -1, 1, 0, null, null, null)`],
  ['journal_amount_fits', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 340282366920938463463374607431768211456, 1, 0, null, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 12, ${HOLD}, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 4, null, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 2, ${HOLD}, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 130, null, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 256, null, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 8, null, null, null)`],
  ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 0, ${HOLD}, null, null)`],
  ...[2, 16, 32, 64].flatMap((other): (readonly [string, string])[] =>
    [4, 8].map((settles) => ['journal_flags_agree', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, ${settles + other}, ${HOLD}, null, null)`]),
  ),
  ['journal_only_holds_settle_or_time_out', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 0, null, 5, null)`],
  ['journal_only_holds_settle_or_time_out', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 64, null, null, null)`],
  ['journal_void_is_not_final', `${TRANSFER} values (99, 0, 3, ${ID}, 1, 2, 1, 1, 1, 136, ${HOLD}, null, null)`],
  ['account_pkey', "insert into account select no, '10000000-0000-4000-8000-000000000001', asset, code, owner from account where no = 1"],
  ['account_id_is_given', "update account set id = 'ffffffff-ffff-ffff-ffff-ffffffffffff' where no = 1"],
  ['account_once', 'insert into account select no + 50, id, asset, code, owner from account where no = 1'],
  ['account_id_is_given', "update account set id = '00000000-0000-0000-0000-000000000000' where no = 1"],
  ['account_asset_is_given', 'update account set asset = 0 where no = 1'],
  ['account_asset_is_given', 'update account set asset = 4294967296 where no = 1'],
  ['account_code_is_given', 'update account set code = 65536 where no = 1'],
  ['account_code_is_given', 'update account set code = 0 where no = 1'],
  ['account_flags_are_known', 'update account_history set flags = 16 where account = 1'],
  ['account_has_one_limit', 'update account_history set flags = 6, debits_pending = 0, credits_pending = 0 where account = 1'],
  ['account_overdraft_needs_a_limit', 'update account_history set overdraft = 1 where account = 1'],
  ['account_overdraft_needs_a_limit', 'update account_history set overdraft = -1 where account = 1'],
  ['account_overdraft_needs_a_limit', 'update account_history set overdraft = 340282366920938463463374607431768211456 where account = 3'],
  ['account_pending_is_never_negative', 'update account_history set debits_pending = -1 where account = 1'],
  ['account_pending_is_never_negative', 'update account_history set credits_pending = -1 where account = 1'],
  ['account_posted_is_never_negative', 'update account_history set debits_posted = -1 where account = 1'],
  ['account_posted_is_never_negative', 'update account_history set credits_posted = -1 where account = 1'],
  ['account_debits_fit', 'update account_history set debits_posted = 340282366920938463463374607431768211455 where account = 1'],
  ['account_credits_fit', 'update account_history set credits_posted = 340282366920938463463374607431768211455 where account = 2'],
  ['account_debits_within_credits', 'update account_history set debits_pending = 1 where account = 3'],
  ['account_debits_within_credits', 'update account_history set debits_posted = 8 where account = 4'],
  ['account_credits_within_debits', 'update account_history set credits_pending = 1 where account = 5'],
  ['account_history_once', 'insert into account_history select * from account_history'],
  ['pending_once', 'insert into pending select * from pending'],
  ['pending_status_is_known', "update pending set status = 'lost'"],
  ['pending_captures_fit', 'update pending set captured = amount + 1'],
  ['pending_captures_fit', 'update pending set captured = -1'],
  ['pending_closer_is_named', 'update pending set closed_by = id'],
  ['pending_closer_is_named', "update pending set status = 'voided'"],
  ['pending_closer_is_named', "update pending set status = 'posted'"],
  ['pending_in_window_settles', 'update pending set window_seq = 50, settles = false'],
  ['pending_in_window_does_not_expire', "update pending set window_seq = 50, expires_ms = 5, status = 'expired'"],
  ['pending_in_window_is_not_voided', "update pending set window_seq = 50, status = 'voided', closed_by = id"],
  ['pending_release_follows_window', 'update pending set release_seq = 50'],
  ['pending_release_follows_window', 'update pending set window_seq = 50, release_seq = 50'],
  ['pending_released_is_only_voided', "update pending set window_seq = 50, release_seq = 51, status = 'posted', closed_by = id"],
  ['pending_without_timeout_does_not_expire', "update pending set status = 'expired'"],
  ['evidence_once', 'insert into evidence (seq, subject) select 99, id from account where no = 1 union all select 99, id from account where no = 1'],
  ['head_has_one_row', 'insert into head default values'],
  ['head_is_the_only_row', 'insert into head (only_row) values (false)'],
  ['head_holder_has_a_session', 'update head set holder_pid = null'],
  ['head_stands_where_it_was_left', 'update head set left_seq = seq, left_epoch = epoch; update head set seq = seq + 1'],
  ['head_stands_where_it_was_left', 'update head set left_seq = seq, left_epoch = epoch; update head set epoch = epoch + 1'],
  ['head_stands_where_it_was_left', 'update head set left_seq = seq'],
];

describe('the rules of the core as constraints', () => {
  let db: TestDatabase;
  let schema: string;

  before(async () => {
    db = await testDatabase();
    const book = await openBook({ database: db.database, bookId: newBookId(), clock: systemClock });
    schema = `book_${book.bookId.replaceAll('-', '')}`;
    await book.submit(OPENING);
    const hold = { debit: idOf<'account'>('A'), credit: idOf<'account'>('B'), asset: 1 as AssetNo, amount: 5n, code: 1, flags: PENDING | SETTLES };
    await book.submit([{ kind: 'transfer', id: idOf('T'), ...hold }]);
    await book.close();
  });
  after(() => db.close());

  async function constraintThatStops(statement: string): Promise<string | undefined> {
    const client = await db.owner.connect();
    try {
      await client.query(`begin; set local search_path = ${schema}`);
      await client.query(statement);
      return 'nothing';
    } catch (error) {
      return violatedConstraint(error);
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  for (const [constraint, statement] of BROKEN) {
    it(`${constraint} stops: ${statement}`, async () => assert.equal(await constraintThatStops(statement), constraint));
  }

  it('are all tried above: every constraint and every unique index of a book that the catalogue has', async () => {
    const { rows } = await db.owner.query<{ name: string }>(
      `select conname as name from pg_constraint where connamespace = $1::regnamespace and contype <> 'n'
        union select relname from pg_index join pg_class on pg_class.oid = indexrelid where relnamespace = $1::regnamespace and indisunique
        order by 1`,
      [schema],
    );
    const names = rows.map((row) => row.name);
    const tried = new Set(BROKEN.map(([constraint]) => constraint));
    assert.ok(names.length >= 36, `${names.length} constraints were found`);
    assert.deepEqual(
      names.filter((name) => !tried.has(name)),
      [],
    );
    assert.deepEqual(
      [...tried].filter((name) => !names.includes(name)),
      [],
    );
  });

  it('leave out nothing that has to be there', async () => {
    const { rows } = await db.owner.query<{ table: string; column: string }>(
      `select relname as table, attname as column from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = $1::regnamespace and relkind = 'r' and attnum > 0 and attnotnull order by 1, attnum`,
      [schema],
    );
    assert.ok(rows.length >= 32, `${rows.length} columns`);
    for (const { table, column } of rows) {
      const insert = table === 'evidence' ? `insert into evidence (seq, subject) values (1, '${idOf('S')}'); ` : '';
      const client = await db.owner.connect();
      try {
        await client.query(`begin; set local search_path = ${schema}; ${insert}`);
        await assert.rejects(client.query(`update ${table} set ${column} = null`), (error) => sqlState(error) === '23502', `${table}.${column}`);
      } finally {
        await client.query('rollback');
        client.release();
      }
    }
  });
});
