import assert from 'node:assert/strict';
import { emptyState, replay } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { coreBackend, postgresBackend, type Backend } from './support/backends.ts';
import { ownPlace, play, playAll, type Outcomes } from './support/places.ts';
import { PREFACE, readCases, type Case } from './support/table.ts';

const TABLES = ['transfers', 'flags', 'fields', 'amounts', 'balancing', 'holds', 'exists', 'precedence', 'chains', 'registry', 'windows', 'differences'].map(
  (name) => ({
    name,
    cases: readCases(new URL(`./cases/${name}.txt`, import.meta.url)),
  }),
);

/** The records alone give the same accounts and holds, and the sequence has no gaps. */
async function replays(backend: Backend): Promise<void> {
  const records = await backend.records();
  const state = emptyState();
  assert.equal(replay(state, records), null);
  for (const [id, account] of state.accounts) assert.deepEqual(await backend.account(id), account);
  for (const [id, hold] of state.holds) assert.deepEqual(await backend.hold(id), hold);
}

async function playAlone({ steps }: Case): Promise<void> {
  const backend = await coreBackend();
  const place = ownPlace(backend);
  await backend.submit(PREFACE);
  for (const step of steps) {
    if (step.do === 'wait') backend.wait(step.ms);
    else await play(place, step);
  }
  await replays(backend);
}

describe('the cases of the ledger', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  for (const { name, cases } of TABLES) {
    describe(`${name}, on the pure core`, () => {
      for (const which of cases) it(which.title, () => playAlone(which));
    });
  }

  for (const memory of ['with all in memory', 'with nothing in memory']) {
    describe(`on PostgreSQL, ${memory}`, () => {
      let backend: Backend;
      let outcomes: Outcomes;
      before(async () => {
        backend = await postgresBackend(db);
        const cases = TABLES.flatMap((table) => table.cases);
        outcomes = await playAll(backend, cases, memory === 'with nothing in memory');
      });
      after(() => backend.close());

      for (const { name, cases } of TABLES) {
        describe(name, () => {
          for (const which of cases) {
            it(which.title, () => {
              const failure = outcomes.get(which);
              assert.ok(failure !== undefined, 'it was not played');
              if (failure) throw failure;
            });
          }
        });
      }

      it('leaves a journal that gives the same accounts and holds by itself', () => replays(backend));
    });
  }
});
