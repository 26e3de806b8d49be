import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { openBook } from '#ledger';
import { emptyState, replay } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { newBookId } from './support/backends.ts';
import { idOf } from './support/table.ts';

interface Killed {
  readonly asked: readonly TransferId[];
  readonly acknowledged: readonly TransferId[];
}

/** Runs the writer until it acknowledged so many transfers, and kills it with requests under way. */
async function killAfter(url: string, bookId: BookId, acknowledgements: number): Promise<Killed> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./support/hammer.ts', import.meta.url)), url, bookId], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const asked: TransferId[] = [];
  const acknowledged: TransferId[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [what = '', id = ''] = line.split(' ');
    if (what === 'asked') asked.push(id as TransferId);
    else assert.equal(what, 'created', line);
    if (what === 'created') acknowledged.push(id as TransferId);
    if (acknowledged.length === acknowledgements) child.kill('SIGKILL');
  }
  return { asked, acknowledged };
}

describe('a writer killed in mid-batch', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  it('has lost nothing it acknowledged, booked nothing twice, and left no batch in part', async function () {
    this.timeout(60_000);
    const bookId = newBookId();
    const asked: TransferId[] = [];
    const acknowledged: TransferId[] = [];
    for (const acknowledgements of [60, 150, 333]) {
      const killed = await killAfter(db.url, bookId, acknowledgements);
      asked.push(...killed.asked);
      acknowledged.push(...killed.acknowledged);
    }

    const book = await openBook({ database: db.database, bookId, clock: systemClock, waitMs: 10_000 });
    try {
      const records = await book.records({ fromSeq: 1n, limit: 100_000 });
      const state = emptyState();
      assert.equal(replay(state, records), null);
      const booked = records.flatMap((record) => (record.kind === 'transfer' ? [record.id] : []));
      assert.equal(new Set(booked).size, booked.length);
      assert.deepEqual(
        acknowledged.filter((id) => !booked.includes(id)),
        [],
      );
      assert.deepEqual(
        booked.filter((id) => !asked.includes(id)),
        [],
      );
      assert.equal((await book.account(idOf('A')))?.debitsPosted, BigInt(booked.length));

      // Whoever was left without an answer asks again, and ends up booked once.
      const again = await book.submit(
        asked.map((id) => ({ kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 })),
      );
      for (const [i, result] of again.entries()) assert.equal(result.code, booked.includes(asked[i]!) ? 'exists' : 'created');
      assert.equal((await book.account(idOf('A')))?.debitsPosted, BigInt(asked.length));
    } finally {
      await book.close();
    }
  });
});
