import { deepEqual } from 'node:assert/strict';
import { loadSql, query } from '#db';
import { FINAL_STATES, PAYMENT_TRANSITIONS } from '#payments';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const sql = loadSql(new URL('./state.sql', import.meta.url), ['transitions', 'states']);

describe('the payment state machine', () => {
  const opened: TestDatabase[] = [];
  const open = async () => {
    const database = await testDatabase();
    opened.push(database);
    return database;
  };
  after(async () => {
    for (const database of opened) await database.close();
  });

  it('has the same table in TypeScript and in PostgreSQL', async () => {
    const { database } = await open();
    const rows = await query<{ from_state: string; to_state: string }>(database.pool, sql.transitions);
    const stored = rows.map((row) => `${row.from_state} -> ${row.to_state}`).sort();
    const declared = Object.entries(PAYMENT_TRANSITIONS).flatMap(([from, tos]) => tos.map((to) => `${from} -> ${to}`));
    deepEqual(stored, declared.sort());
  });

  it('names the same states in the table’s own check constraint', async () => {
    const { database } = await open();
    const [row] = await query<{ definition: string }>(database.pool, sql.states);
    const named = [...row!.definition.matchAll(/'(\w+)'/g)].map((match) => match[1]!);
    deepEqual(named.sort(), Object.keys(PAYMENT_TRANSITIONS).sort());
  });

  it('calls final exactly the states that nothing leaves', () => {
    const dead = Object.entries(PAYMENT_TRANSITIONS).filter(([, tos]) => tos.length === 0);
    deepEqual(dead.map(([state]) => state).sort(), [...FINAL_STATES].sort());
  });
});
