import { strict as assert } from 'node:assert';
import { DEPOSIT_TRANSITIONS } from '#chain';
import { violatedConstraint } from '#db';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

describe('the states of a deposit', () => {
  let db: TestDatabase;
  before(async () => void (db = await testDatabase()));
  after(() => db.close());

  it('have the same table in PostgreSQL and in TypeScript', async () => {
    const { rows } = await db.owner.query<{ from_state: string; to_state: string }>('select from_state, to_state from cairn.deposit_transition');
    const written = Object.entries(DEPOSIT_TRANSITIONS).flatMap(([from, to]) => to.map((state) => `${from} -> ${state}`));
    assert.deepEqual(rows.map((row) => `${row.from_state} -> ${row.to_state}`).sort(), written.sort());
    const known = await db.owner.query<{ text: string }>(
      "select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'deposit_state_is_known'",
    );
    assert.deepEqual([...known.rows[0]!.text.matchAll(/'(\w+)'/g)].map((match) => String(match[1])).sort(), Object.keys(DEPOSIT_TRANSITIONS).sort());
  });

  it('end with final: nothing about such a deposit changes any more, and the cursor never goes back', async () => {
    await db.owner.query(
      `insert into cairn.deposit (chain_id, transaction_hash, log_index, vault, block_number, block_hash, token, sender, amount, state, updated_ms)
       select 1, h, 0, a, 1, h, a, a, 5, 'final', 0 from (select decode(repeat('11', 32), 'hex') as h, decode(repeat('22', 20), 'hex') as a) as made`,
    );
    const refused = (constraint: string) => (error: unknown) => violatedConstraint(error) === constraint;
    await assert.rejects(db.owner.query("update cairn.deposit set state = 'gone'"), refused('deposit_state_transition'));
    await assert.rejects(db.owner.query('update cairn.deposit set amount = 6'), refused('deposit_final_is_for_ever'));
    await db.owner.query("insert into cairn.deposit_cursor values (1, decode(repeat('22', 20), 'hex'), 5, decode(repeat('11', 32), 'hex'))");
    await assert.rejects(db.owner.query('update cairn.deposit_cursor set block = 4'), refused('deposit_cursor_goes_forward'));
  });
});
