import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '#db';
import { RelayerLock } from '../../../src/chain/outbox/lock.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const RELAYER = `0x${'ab'.repeat(20)}` as const;

describe('the lock of a relayer', () => {
  let db: TestDatabase;

  beforeEach(async () => void (db = await testDatabase()));
  afterEach(() => db.close());

  it('is taken anew when its connection broke, and a pool that lost such a connection still closes', async () => {
    const database = await openDatabase({ url: db.url });
    const lock = new RelayerLock(database, 1n, RELAYER);
    for (let losses = 0; losses < 3; losses++) {
      await lock.hold();
      const { rows } = await db.owner.query(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
      );
      assert.equal(rows.length, 1, 'one session holds it');
      while (database.pool.totalCount > database.pool.idleCount) await sleep(5);
    }
    await lock.hold();
    await lock.release();
    assert.equal(database.pool.totalCount - database.pool.idleCount, 0, 'no connection is kept');
    await database.close();
  });

  it('is refused to a second process as long as the first has it', async () => {
    const [first, second] = [new RelayerLock(db.database, 1n, RELAYER), new RelayerLock(db.database, 1n, RELAYER)];
    await first.hold();
    await assert.rejects(second.hold(), { code: 'chain/relayer-busy' });
    await first.release();
    await second.hold();
    await second.release();
  });
});
