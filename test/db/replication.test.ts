import assert from 'node:assert/strict';
import { Problem } from '#base';
import { openReplication } from '#db';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

describe('a replication', function () {
  this.timeout(60_000);
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  const open = (slot: string, patienceMs: number) =>
    openReplication({ url: db.url, slot, publication: 'cairn_heads', onData: () => undefined, patienceMs, signal: new AbortController().signal });
  const left = async (slot: string) =>
    (
      await db.owner.query('select from pg_replication_slots where slot_name = $1 union all select from pg_stat_activity where query like $2', [
        slot,
        `%${slot}%`,
      ])
    ).rowCount;

  it('is not opened where a transaction stays open, and leaves nothing on the server that waits for it', async () => {
    const old = await db.owner.connect();
    try {
      await old.query('begin; select pg_current_xact_id()');
      await assert.rejects(open('cairn_patient', 50), (error) => error instanceof Problem && error.code === 'store/busy');
      while ((await left('cairn_patient')) !== 0);
    } finally {
      await old.query('rollback');
      old.release();
    }
    // Whatever else is under way on the server of the tests ends some time.
    const replication = await open('cairn_patient', 60_000);
    await replication.close();
  });

  it('says whether the server keeps its log without end', async () => {
    const { rows } = await db.owner.query<{ max_slot_wal_keep_size: string }>('show max_slot_wal_keep_size');
    const replication = await open('cairn_keeper', 60_000);
    await replication.close();
    assert.equal(replication.isKeptWithoutEnd, rows[0]!.max_slot_wal_keep_size === '-1');
  });
});
