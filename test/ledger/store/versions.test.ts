import assert from 'node:assert/strict';
import { appendLeaf, commitment, EMPTY_LOG, mth } from '#anchor/core';
import { ManualClock, type AssetNo } from '#base';
import { migrate, openDatabase } from '#db';
import { openBook } from '#ledger';
import { replayDatabase } from '#replay';
import { loadMigrations } from '../../../src/db/migrate.ts';
import { emptyDatabase, type TestDatabase } from '../../support/postgres.ts';
import { newBookId } from '../support/backends.ts';
import { writeOldBook } from '../support/oldBook.ts';
import { idOf } from '../support/table.ts';

const [HASH, ADDRESS, ID] = ["decode(repeat('22', 32), 'hex')", "decode(repeat('11', 20), 'hex')", `'${idOf('S')}'`];
const hex = (bytes: Uint8Array): string => `'\\x${Buffer.from(bytes).toString('hex')}'`;

/** The log of one leaf, over one batch of a book that is somewhere else. */
const RECORD = new Uint8Array(32).fill(0x22);
const HEAD = appendLeaf(EMPTY_LOG, mth([RECORD]));

/** A row for the tables of each version, in its own SQL. */
const WRITTEN: Readonly<Record<number, string>> = {
  20: `insert into cairn.anchor (log_index, leaf, previous, commitment, peaks, created_ms)
         values (0, ${hex(mth([RECORD]))}, ${hex(commitment(EMPTY_LOG))}, ${hex(commitment(HEAD))}, ${hex(HEAD.peaks[0]!)}, 1);
       insert into cairn.batch (book, batch_no, first_seq, last_seq, previous_head, batch_root, book_record, leaves, fields_roots, oldest_ms, sealed_ms, log_index, book_index, book_count)
         values ('${idOf('elsewhere')}', 1, 1, 1, decode(repeat('00', 32), 'hex'), ${HASH}, ${HASH}, ${HASH}, ${HASH}, 1, 1, 0, 0, 1);
       insert into cairn.subject_key (subject, key) values (${ID}, ${HASH})`,
  30: `insert into cairn.outbox_transaction (id, chain_id, relayer, purpose, target, data, value, not_before_ms, request_digest, state, rebuilds, created_ms, updated_ms)
         values (${ID}, 31337, ${ADDRESS}, 'anchor', ${ADDRESS}, '\\x00', 0, 1, ${HASH}, 'intent', 0, 1, 1)`,
  // By name, as far as the version has the column: 0104 takes the parameters out.
  31: `insert into cairn.deployment
         select * from jsonb_populate_record(null::cairn.deployment, jsonb_build_object('single', true, 'chain_id', 31337, 'parameters', ${HASH}, 'timelock', ${ADDRESS}, 'anchor', ${ADDRESS},
           'vault', ${ADDRESS}, 'tokens', '[]'::jsonb, 'deployer', ${ADDRESS}, 'block_number', 1, 'block_hash', ${HASH}, 'deployed_ms', 1))`,
  32: `insert into cairn.deposit (chain_id, transaction_hash, log_index, vault, block_number, block_hash, token, sender, amount, state, updated_ms)
         values (31337, ${HASH}, 0, ${ADDRESS}, 1, ${HASH}, ${ADDRESS}, ${ADDRESS}, 5, 'seen', 1)`,
  40: `insert into cairn.record_cursor (reader, book, seq) values ('settlement', '${idOf('elsewhere')}', 5);
       insert into cairn.merchant (merchant, book, name, signing_key, digest, registered_ms) values (${ID}, ${ID}, 'M', ${ADDRESS}, ${HASH}, 1);
       insert into cairn.payment (payment, order_id, position, merchant, state, version, end_to_end_id, creditor_name, creditor_account, currency, instructed, fingerprint, instruction, hold, created_ms, updated_ms, due_ms)
         values (${ID}, ${ID}, 1, ${ID}, 'received', 1, 'e', 'n', 'a', 'USD', '1', ${HASH}, '{}', ${ID}, 1, 1, 1)`,
  50: `insert into cairn.instruction (instruction, book, window_id, index, seq, token, asset, words, total, not_after_s, state, attempts, due_ms)
         values (${HASH}, '${idOf('elsewhere')}', ${ID}, 0, 9, ${ADDRESS}, 1, ${HASH}, 5, 99, 'booked', 0, 1)`,
  60: `insert into cairn.api_key (id, secret_hash, scopes, label, created_ms) values ('0123456789abcdef', ${HASH}, '{ledger:read}', 'key', 1)`,
};

const RELEASED = loadMigrations().map(({ number }) => number);

describe('a database of a released version, with data in it', function () {
  this.timeout(120_000);

  for (const version of RELEASED.filter((number) => number >= 10)) {
    it(`${String(version).padStart(4, '0')} comes to this one with all that it had, and is written on`, async () => {
      const db = await emptyDatabase();
      try {
        await migrate({ url: db.url, migrations: loadMigrations().filter(({ number }) => number <= version) });
        const bookId = newBookId();
        await writeOldBook(db.owner, version, bookId);
        for (const [number, rows] of Object.entries(WRITTEN)) if (Number(number) <= version) await asReplica(db, rows);
        const before = await contents(db, await columns(db));

        assert.deepEqual((await migrate({ url: db.url })).applied.length, RELEASED.filter((number) => number > version).length);
        // The platform's book was the first one, and is the one of its merchants where there are any.
        const { rows: platform } = await db.owner.query('select book from cairn.platform');
        const theirs = version < 40 ? bookId : idOf('S');
        if (version < 107) assert.deepEqual(platform, version < 31 ? [] : [{ book: theirs }]);
        const now = await columns(db);
        const kept = [...before.keys()].filter((column) => now.includes(column));
        assert.ok(kept.length >= 40);
        const after = await contents(db, kept);
        for (const column of kept) assert.equal(after.get(column), before.get(column), column);
        assert.equal((await replayDatabase({ databaseUrl: db.url, report: () => undefined })).difference, null);

        const database = await openDatabase({ url: db.url });
        const book = await openBook({ database, bookId, clock: new ManualClock(10) });
        const move = { kind: 'transfer' as const, debit: idOf<'account'>('A'), credit: idOf<'account'>('C'), asset: 1 as AssetNo, code: 1 };
        const results = await book.submit([
          { ...move, id: idOf<'transfer'>('T1'), credit: idOf<'account'>('B'), amount: 30n },
          { ...move, id: idOf<'transfer'>('T1'), credit: idOf<'account'>('B'), amount: 31n },
          { kind: 'openAccount', id: idOf('C'), asset: 1 as AssetNo, code: 20 },
          { ...move, id: idOf<'transfer'>('T4'), amount: 6n },
          { ...move, id: idOf<'transfer'>('T5'), amount: 5n },
        ]);
        const codes = results.map(({ code }) => code);
        assert.deepEqual(codes, ['exists', 'exists_with_different_amount', 'created', 'exceeds_credits', 'created']);
        await book.close();
        await database.close();
        assert.equal((await replayDatabase({ databaseUrl: db.url, report: () => undefined })).difference, null);
      } finally {
        await db.close();
      }
    });
  }

  async function asReplica(db: Omit<TestDatabase, 'database'>, statements: string): Promise<void> {
    const client = await db.owner.connect();
    try {
      await client.query(`set session_replication_role = replica; ${statements}`);
    } finally {
      client.release(true);
    }
  }

  /** "schema.table.column" of everything of ours but the list of migrations. */
  async function columns(db: Omit<TestDatabase, 'database'>): Promise<string[]> {
    const { rows } = await db.owner.query<{ name: string }>(
      `select format('%I.%I.%I', table_schema, table_name, column_name) as name from information_schema.columns
        where (table_schema = 'cairn' or table_schema like 'book\\_%') and table_name <> 'migration' order by 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** Every value of each column, sorted. */
  async function contents(db: Omit<TestDatabase, 'database'>, names: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const name of names) {
      const [table, column] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)];
      const { rows } = await db.owner.query<{ all: string | null }>(
        `select string_agg(coalesce(${column}::text, 'null'), ' ' order by ${column}::text) as all from ${table}`,
      );
      found.set(name, rows[0]!.all ?? 'no row');
    }
    return found;
  }
});
