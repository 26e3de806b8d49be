import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Problem, systemClock, type AssetNo, type BookId, type TransferId } from '#base';
import { openDatabase, startPostgres } from '#db';
import { openBook, type Book } from '#ledger';
import { emptyState, replay } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { newBookId } from './support/backends.ts';
import { OPENING } from './support/commands.ts';
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
    else assert.ok(what === 'created' || line === 'ready', line);
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
    this.timeout(120_000);
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
      const known = new Set(booked);
      assert.equal(known.size, booked.length);
      assert.deepEqual(
        acknowledged.filter((id) => !known.has(id)),
        [],
        'nothing that was acknowledged is lost',
      );
      const wanted = new Set(asked);
      assert.deepEqual(
        booked.filter((id) => !wanted.has(id)),
        [],
        'nothing is booked that nobody asked for',
      );
      assert.equal((await book.account(idOf('A')))?.debitsPosted, BigInt(booked.length));

      // Whoever was left without an answer asks again, and ends up booked once.
      const again = await book.submit(
        asked.map((id) => ({ kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 })),
      );
      for (const [i, result] of again.entries()) assert.equal(result.code, known.has(asked[i]!) ? 'exists' : 'created');
      assert.equal((await book.account(idOf('A')))?.debitsPosted, BigInt(asked.length));
    } finally {
      await book.close();
    }
  });
});

describe('a database server killed in mid-batch', () => {
  it('has lost nothing that was acknowledged, and the writer goes on by itself', async function () {
    this.timeout(120_000);
    const stateDir = mkdtempSync(join(tmpdir(), 'cairn-crash-'));
    // Where PostgreSQL's own user gets in, the data are in it, and go with it.
    chmodSync(stateDir, 0o711);
    const server = await startPostgres({ stateDir });
    const database = await openDatabase({ url: server.url });
    const book = await openBook({ database, bookId: newBookId(), clock: systemClock });
    try {
      await book.submit(OPENING);
      const answers = new Map<TransferId, string>();
      for (let kill = 0; kill < 2; kill++) {
        const before = answers.size;
        const callers = Array.from({ length: 30 }, (_, caller) => callUntil(book, answers, `${kill}/${caller}`, 12));
        while (answers.size < before + 100) await new Promise((resolve) => setTimeout(resolve, 1));
        process.kill(server.pid(), 'SIGKILL');
        await Promise.all(callers);
      }

      assert.equal(answers.size, 2 * 30 * 12);
      assert.deepEqual(new Set(answers.values()), new Set(['created']));
      const records = await book.records({ fromSeq: 1n, limit: 100_000 });
      assert.equal(replay(emptyState(), records), null);
      const booked = records.flatMap((record) => (record.kind === 'transfer' ? [record.id] : []));
      assert.deepEqual([...booked].sort(), [...answers.keys()].sort());
    } finally {
      await book.close();
      await database.close();
      await server.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  });

  it('tells its callers when the database stays away, and goes on when it is back', async function () {
    this.timeout(120_000);
    const stateDir = mkdtempSync(join(tmpdir(), 'cairn-crash-'));
    // Where PostgreSQL's own user gets in, the data are in it, and go with it.
    chmodSync(stateDir, 0o711);
    let server = await startPostgres({ stateDir });
    const database = await openDatabase({ url: server.url });
    const book = await openBook({ database, bookId: newBookId(), clock: systemClock, recoverMs: 200 });
    const deposit = (name: string) =>
      book.submit([{ kind: 'transfer', id: idOf(name), debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 }]);
    const away = (error: unknown) => error instanceof Problem && ['store/unreachable', 'store/outcome-unknown'].includes(error.code);
    try {
      await book.submit(OPENING);
      await server.stop();
      await assert.rejects(deposit('T1'), away);
      await assert.rejects(deposit('T2'), away);
      server = await startPostgres({ stateDir });
      assert.equal((await deposit('T1'))[0]!.code, 'created');
      assert.equal((await book.account(idOf('A')))?.debitsPosted, 1n);
    } finally {
      await book.close();
      await database.close();
      await server.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  });

  /** One caller: asks, waits for the answer, asks the next. */
  async function callUntil(book: Book, answers: Map<TransferId, string>, caller: string, times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const id = idOf<'transfer'>(`${caller}/${n}`);
      const [result] = await book.submit([{ kind: 'transfer', id, debit: idOf('A'), credit: idOf('B'), asset: 1 as AssetNo, amount: 1n, code: 1 }]);
      answers.set(id, result!.code);
    }
  }
});
