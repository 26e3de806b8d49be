import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { createSealer, openSealingThread, type SealingThread } from '#anchor';
import { ManualClock, newId, Problem, type AccountId, type AssetNo, type BookId, type ProblemCode, type TransferId } from '#base';
import { openBook, type Book } from '#ledger';
import type { Command } from '#ledger/core';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { CHAIN_ID } from '../support.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const fresh = <Id extends BookId | AccountId | TransferId>(): Id => newId<Id>(Date.now(), random);

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

describe('sealing on a thread of its own', function () {
  this.timeout(60_000);
  let store: TestDatabase;
  let clock: ManualClock;
  let book: Book;
  let thread: SealingThread;

  const SEALING = { chainId: CHAIN_ID, sealAfterMs: 20_000, maxRecords: 50 };
  const sealed = async (): Promise<readonly object[]> => {
    const { rows } = await store.owner.query(
      `select batch_no, first_seq, last_seq, encode(batch_root, 'hex') as root, encode(book_record, 'hex') as record, sealed_ms
         from cairn.batch where book = '${book.bookId}' order by batch_no`,
    );
    return rows;
  };

  beforeEach(async () => {
    store = await testDatabase();
    clock = new ManualClock(1_760_000_000_000);
    book = await openBook({ database: store.database, bookId: fresh<BookId>(), clock });
    const [debit, credit] = [fresh<AccountId>(), fresh<AccountId>()];
    const asset = 1 as AssetNo;
    const transfers = Array.from({ length: 117 }, (_, i): Command => ({
      kind: 'transfer',
      id: fresh<TransferId>(),
      debit,
      credit,
      asset,
      amount: 1n + BigInt(i),
      code: 99,
    }));
    await book.submit([
      { kind: 'openAsset', asset, decimals: 6, caip19: null, peg: 'USD', symbol: 'tUSD' },
      { kind: 'openAccount', id: debit, asset, code: 20 },
      { kind: 'openAccount', id: credit, asset, code: 20 },
      ...transfers,
    ]);
    thread = openSealingThread({ databaseUrl: store.url, clock, ...SEALING });
  });
  afterEach(async () => {
    await thread.close();
    await book.close();
    await store.close();
  });

  it('makes the batches that the sealer makes beside its writer', async () => {
    assert.equal(await thread.sealAll(book), 3);
    const there = await sealed();
    await store.owner.query('truncate cairn.batch cascade');
    await createSealer({ database: store.database, clock, random, ...SEALING }).sealAll(book);
    assert.deepEqual(there, await sealed());
  });

  it('goes by the clock of whoever asks', async () => {
    assert.equal(await thread.sealDue(book), 2);
    clock.advance(19_999);
    assert.equal(await thread.sealDue(book), 0);
    clock.advance(1);
    assert.equal(await thread.sealDue(book), 1);
    assert.equal((await sealed()).length, 3);
  });

  it('answers every request that was made at once, each record in exactly one batch', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => thread.sealAll(book)));
    assert.equal(
      made.reduce((sum, count) => sum + count, 0),
      3,
    );
  });

  it('says what went wrong by the problem of whoever seals', async () => {
    await assert.rejects(thread.sealAll({ ...book, bookId: fresh<BookId>() }), problem('ledger/no-such-book'));
    assert.equal(await thread.sealAll(book), 3);
  });

  it('passes our own bug on as a bug', async () => {
    await store.owner.query(`delete from book_${book.bookId.replaceAll('-', '')}.journal where seq = 60`);
    await assert.rejects(thread.sealAll(book), /assertion failed: sealing: .*gap before record/);
  });

  it('is unreachable while its database is away, and seals when that is back', async () => {
    const away = openSealingThread({ databaseUrl: 'postgres://127.0.0.1:1/none', clock, ...SEALING });
    await assert.rejects(away.sealAll(book), problem('store/unreachable'));
    await assert.rejects(away.sealAll(book), problem('store/unreachable'));
    await away.close();

    assert.equal(await thread.sealDue(book), 2);
    await store.owner.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name = 'cairn'",
    );
    // The connection that is idle is found broken by the next to use it, or by the pool before.
    const outcome = await thread.sealAll(book).catch((error: unknown) => error);
    if (outcome instanceof Problem) assert.equal(outcome.code, 'store/unreachable');
    else assert.equal(outcome, 1);
    assert.equal(await thread.sealAll(book), outcome instanceof Problem ? 1 : 0);
  });

  it('is started again after it died, and what it left is sealed then', async () => {
    const begun = once(process, 'worker') as Promise<[Worker]>;
    const asked = thread.sealAll(book);
    const [worker] = await begun;
    await Promise.all([assert.rejects(asked, problem('store/unreachable')), worker.terminate()]);
    await thread.sealAll(book);
    assert.equal((await sealed()).length, 3);
  });

  it('ends once, after what it was asked for before', async () => {
    const asked = thread.sealAll(book);
    await thread.close();
    assert.equal(await asked, 3);
    await thread.close();
  });
});
