import assert from 'node:assert/strict';
import { systemClock, type AssetNo } from '#base';
import { openBook } from '#ledger';
import { moveStatements } from '../../src/books/statements.ts';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('the pages of a book’s history', () => {
  const bookId = newBookId();
  const sql = moveStatements(bookId);
  let db: TestDatabase;
  before(async () => {
    db = await testDatabase();
    const book = await openBook({ database: db.database, bookId, clock: systemClock });
    await book.submit(OPENING);
    for (let i = 0; i < 7; i++)
      await book.submit([{ kind: 'transfer', id: idOf(`T${i}`), debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 }]);
    await book.close();
  });
  after(() => db.close());

  interface Row {
    readonly account: number;
    readonly seq: number;
  }

  async function pages(fromSeq: bigint, toSeq: bigint, limit: number): Promise<Row[]> {
    const found: Row[] = [];
    for (let after = ['0', '0', String(fromSeq)]; ;) {
      const { rows } = await db.owner.query<{ rows: string; after: string[] }>(sql.readHistory.text, [after, toSeq, limit]);
      const page = JSON.parse(rows[0]!.rows) as Row[];
      if (page.length === 0) return found;
      assert.ok(page.length <= limit);
      found.push(...page);
      after = rows[0]!.after;
    }
  }

  it('hold each row between two records once, in the order of its key, whatever their size', async () => {
    const { rows: head } = await db.owner.query<{ seq: string }>(`select seq from ${schema()}.head`);
    const last = BigInt(head[0]!.seq);
    for (const [fromSeq, toSeq] of [
      [0n, last],
      [last - 4n, last - 1n],
      [last, last + 9n],
    ] as const) {
      const { rows } = await db.owner.query<{ key: string }>(
        `select account || ' ' || seq as key from ${schema()}.account_history where seq > $1 and seq <= $2 order by account, seq`,
        [fromSeq, toSeq],
      );
      for (const limit of [1, 2, 3, 1_000])
        assert.deepEqual(
          (await pages(fromSeq, toSeq, limit)).map(({ account, seq }) => `${account} ${seq}`),
          rows.map(({ key }) => key),
        );
    }
  });

  it('are found by the index on account and record, so that what is little takes little', async () => {
    const client = await db.owner.connect();
    try {
      await client.query(sql.settings.text);
      const { rows } = await client.query<Record<'QUERY PLAN', string>>(`explain (generic_plan) ${sql.readHistory.text}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      assert.match(plan, /account_history h.*\n\s+Index Cond: \(\(account = a\.no\) AND \(seq <= .*\) AND \(seq > .*GREATEST/);
      assert.doesNotMatch(plan, /Seq Scan/);
    } finally {
      client.release(true);
    }
  });

  const schema = () => `book_${bookId.replaceAll('-', '')}`;
});
