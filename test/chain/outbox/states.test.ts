import { strict as assert } from 'node:assert';
import { OUTBOX_TRANSITIONS } from '#chain';
import { violatedConstraint } from '#db';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

describe('the states of a transaction', () => {
  let db: TestDatabase;
  before(async () => void (db = await testDatabase()));
  after(() => db.close());

  const insert = (state: string): Promise<unknown> =>
    db.owner.query(
      `insert into cairn.outbox_transaction (id, chain_id, relayer, purpose, data, value, not_before_ms, request_digest, state, rebuilds, created_ms, updated_ms)
       values (gen_random_uuid(), 1, decode(repeat('11', 20), 'hex'), 'x', '', 0, 0, decode(repeat('22', 32), 'hex'), $1, 0, 0, 0)`,
      [state],
    );

  it('have the same table in PostgreSQL and in TypeScript', async () => {
    const { rows } = await db.owner.query<{ from_state: string; to_state: string }>('select from_state, to_state from cairn.outbox_transition');
    const stored = rows.map((row) => `${row.from_state} -> ${row.to_state}`).sort();
    const written = Object.entries(OUTBOX_TRANSITIONS).flatMap(([from, to]) => to.map((state) => `${from} -> ${state}`));
    assert.deepEqual(stored, written.sort());
  });

  it('are all known to the constraint of the table', async () => {
    const { rows } = await db.owner.query<{ text: string }>(
      "select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'outbox_transaction_state_is_known'",
    );
    const named = [...rows[0]!.text.matchAll(/'(\w+)'/g)].map((match) => String(match[1]));
    assert.deepEqual(named.sort(), Object.keys(OUTBOX_TRANSITIONS).sort());
  });

  it('begin as an intent and move only along the table, whoever writes', async () => {
    await assert.rejects(insert('sent'), (error) => violatedConstraint(error) === 'outbox_transaction_begins_as_intent');
    await insert('intent');
    const move = (state: string): Promise<unknown> => db.owner.query('update cairn.outbox_transaction set state = $1, nonce = 1', [state]);
    await assert.rejects(move('final'), (error) => violatedConstraint(error) === 'outbox_transaction_transition');
    await db.owner.query(`update cairn.outbox_transaction set state = 'failed', failure = '{"reason":"deadline"}'`);
    await assert.rejects(move('intent'), (error) => violatedConstraint(error) === 'outbox_transaction_end_is_the_end');
  });
});
