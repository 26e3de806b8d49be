import assert from 'node:assert/strict';
import { emptyState, replay } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { coreBackend, postgresBackend, type Backend } from './support/backends.ts';
import { PREFACE, readCases, type Case, type Step } from './support/table.ts';

const TABLES = ['transfers', 'exists', 'holds', 'chains', 'registry', 'windows'];

async function play(backend: Backend, step: Step): Promise<void> {
  switch (step.do) {
    case 'submit': {
      const results = await backend.submit(step.lines.map((line) => line.command));
      for (const [i, { where, code, booked }] of step.lines.entries()) {
        const { code: answered, record } = results[i]!;
        assert.equal(answered, code, where);
        if (booked !== null) assert.equal(record?.kind === 'transfer' ? record.amount : null, booked, where);
      }
      return;
    }
    case 'wait':
      return backend.wait(step.ms);
    case 'balance': {
      const account = await backend.account(step.account);
      const shown = account && `${account.debitsPending}/${account.debitsPosted} ${account.creditsPending}/${account.creditsPosted}`;
      return assert.equal(shown, step.balance, step.where);
    }
    case 'hold': {
      const hold = await backend.hold(step.transfer);
      const taken = hold && hold.windowSeq !== null && step.hold.includes(' in ') ? ` in ${hold.windowSeq}` : '';
      return assert.equal(hold && `${hold.status} ${hold.captured}${taken}`, step.hold, step.where);
    }
    case 'records':
      return assert.equal((await backend.records()).length - PREFACE.length, step.count, step.where);
  }
}

/** After every case: the records alone give the same accounts and holds, and the sequence has no gaps. */
async function replays(backend: Backend): Promise<void> {
  const records = await backend.records();
  const state = emptyState();
  assert.equal(replay(state, records), null);
  for (const [id, account] of state.accounts) assert.deepEqual(await backend.account(id), account);
  for (const [id, hold] of state.holds) assert.deepEqual(await backend.hold(id), hold);
}

function runCases(cases: readonly Case[], open: () => Promise<Backend>): void {
  for (const { title, steps } of cases) {
    it(title, async () => {
      const backend = await open();
      try {
        await backend.submit(PREFACE);
        for (const step of steps) await play(backend, step);
        await replays(backend);
      } finally {
        await backend.close();
      }
    });
  }
}

describe('the cases of the ledger', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  for (const table of TABLES) {
    const cases = readCases(new URL(`./cases/${table}.txt`, import.meta.url));
    describe(`${table}, on the pure core`, () => runCases(cases, coreBackend));
    describe(`${table}, on PostgreSQL`, () => runCases(cases, () => postgresBackend(db, 'remembering')));
    describe(`${table}, on PostgreSQL, with nothing in memory`, () => runCases(cases, () => postgresBackend(db, 'forgetful')));
  }
});
