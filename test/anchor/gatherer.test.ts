import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  batchesOf,
  createAnchorer,
  createProver,
  createSealer,
  gatherBatches,
  greatestUnanchoredAgeMs,
  type AnchorerOptions,
  type BatchSource,
  type Gathered,
  type RecordSource,
} from '#anchor';
import { checkLogProof, checkReceiptOffline, commitment, recordLeaf } from '#anchor/core';
import { ManualClock, Problem, toHex, type BookId, type ProblemCode } from '#base';
import type { Custody } from '#custody';
import { openTestCustody } from '../support/custody.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { filler, NOW_MS, PAYMENT, paymentJournal, sampleId, STORY, WORDS } from './samples.ts';
import { ANCHOR, CHAIN_ID, FakeChain, sourceOf, VAULT } from './support.ts';

const SEAL_AFTER_MS = 20_000;
const random = (n: number) => new Uint8Array(randomBytes(n));
const [A, B, C, D, E] = [1, 2, 3, 4, 5].map((n) => sampleId<BookId>(0xb00 + n)) as [BookId, BookId, BookId, BookId, BookId];

function killedHere(): Promise<never> {
  return Promise.reject(new Problem('store/unreachable', 'killed here'));
}

/** Two books in the deployment's own database, two in a second one and one in a third. */
describe('books in several databases', () => {
  let main: TestDatabase;
  let second: TestDatabase;
  let third: TestDatabase;
  let custody: Custody;
  let chain: FakeChain;
  let clock: ManualClock;
  let folder: string;

  const homeOf = (book: BookId): TestDatabase => (book === E ? third : book === C || book === D ? second : main);
  const sources = () => [C, D, E].map((book) => batchesOf(homeOf(book).database, book));
  const gather = (from: readonly BatchSource[] = sources()) => gatherBatches(main.database, from);
  const seal = ({ database }: TestDatabase, source: RecordSource) =>
    createSealer({ database, clock, chainId: CHAIN_ID, random, sealAfterMs: SEAL_AFTER_MS, maxRecords: 4 }).sealAll(source);
  const sealBook = (book: BookId, records: number) => seal(homeOf(book), sourceOf(book, filler(records)));
  const anchorer = (over: Partial<AnchorerOptions> = {}) =>
    createAnchorer({ database: main.database, chain, outbox: chain, custody, clock, signingPatienceMs: 1_000, ...over });
  /** Which books are under each leaf. */
  const leaves = async (): Promise<string> => {
    const { rows } = await main.owner.query<{ books: string }>(
      "select string_agg(right(book::text, 1), '' order by book_index) as books from cairn.batch where log_index is not null group by log_index order by log_index",
    );
    return rows.map(({ books }) => books).join(' ');
  };
  const anchorAll = async (): Promise<void> => {
    for (let pass = 0; pass < 4; pass++) {
      await anchorer().tick();
      chain.mine();
    }
    chain.finalize();
    await anchorer().tick();
  };
  function assertFailed({ failed }: Gathered, book: BookId, code: ProblemCode): void {
    assert.deepEqual(failed.map((one) => [one.book, one.error instanceof Problem && one.error.code]), [[book, code]]); // prettier-ignore
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-gather-'));
    custody = await openTestCustody(folder, random);
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    [main, second, third] = await Promise.all([testDatabase(), testDatabase(), testDatabase()]);
    clock = new ManualClock(NOW_MS + 100_000);
    chain = new FakeChain(await custody.address('poster'));
  });
  afterEach(() => Promise.all([main, second, third].map((store) => store.close())));

  it('are gathered into one leaf, which leaves out the book that has nothing new, and every record is proven in it', async () => {
    for (const book of [A, B, C, E]) await sealBook(book, 3);
    assert.deepEqual(await gather(), { taken: 2, failed: [] });
    assert.deepEqual(await gather(), { taken: 0, failed: [] });
    await anchorer().tick();
    chain.mine();
    await anchorer().tick();
    assert.equal(await leaves(), '1235');
    const prover = createProver({ database: main.database, chainId: CHAIN_ID, anchorAddress: ANCHOR, vaultAddress: VAULT });
    for (const bookId of [A, B, C, E]) {
      for (const seq of [1n, 2n, 3n]) {
        const { record, fieldsRoot, proof } = await prover.proofNow(sourceOf(bookId, filler(3)), seq);
        const verdict = checkLogProof(recordLeaf({ chainId: CHAIN_ID, book: bookId }, record, fieldsRoot), bookId, seq, proof);
        assert.ok(verdict.fault === null && toHex(verdict.commitment) === toHex(commitment(chain.head)));
      }
    }
    await sealBook(D, 2);
    await sealBook(A, 5);
    await gather();
    await anchorAll();
    assert.equal(await leaves(), '1235 14');
  });

  it('have receipts that show fields salted by keys in the book’s own database', async () => {
    const source = sourceOf(D, paymentJournal('settled'));
    await seal(second, source);
    await sealBook(A, 9);
    await gather();
    await anchorAll();
    const options = { database: main.database, chainId: CHAIN_ID, anchorAddress: ANCHOR, vaultAddress: VAULT };
    const request = {
      payment: PAYMENT,
      seqs: [...STORY, 7n, 8n],
      show: ['payee'] as const,
      payout: { words: WORDS, index: 1, transaction: toHex(random(32)) },
    };
    const receipt = await createProver({ ...options, sealedIn: (book) => homeOf(book).database }).receiptOf(source, request);
    assert.equal(checkReceiptOffline(receipt).story.state, 'settled');
    assert.ok(receipt.records.some(({ shown }) => shown.some(({ name }) => name === 'payee')));
    assert.ok(receipt.records.every(({ book }) => book.length === 1));
  });

  it('wait for each other as long as they were told, and no longer: the oldest counts', async () => {
    const patient = anchorer({ gatherMs: 5_000 });
    await sealBook(A, 2);
    await patient.tick();
    clock.advance(3_000);
    await sealBook(C, 2);
    await gather();
    await patient.tick();
    assert.equal(await leaves(), '');
    clock.advance(2_000);
    await patient.tick();
    assert.equal(await leaves(), '13');
  });

  it('each have their own age, from the journal until the block: sealed elsewhere, gathered or not', async () => {
    const age = (book: BookId) => greatestUnanchoredAgeMs({ database: main.database, clock }, [sourceOf(book, filler(3))]);
    assert.equal(await age(E), 100_000);
    await sealBook(E, 3);
    assert.equal(await age(E), 100_000);
    await sealBook(A, 3);
    await anchorAll();
    assert.deepEqual([await age(A), await age(E)], [0, 100_000]);
    await gather();
    assert.equal(await age(E), 100_000);
    await anchorAll();
    assert.deepEqual([await age(A), await age(E)], [0, 0]);
  });

  describe('keep no other back', () => {
    it('where one has another history in a position that is taken', async () => {
      for (const book of [C, D]) await sealBook(book, 3);
      await gather();
      // The book is sealed anew, from a journal that says something else.
      await second.owner.query(`delete from cairn.batch where book = '${C}'`);
      await seal(second, sourceOf(C, filler(4).map((record) => ({ ...record, nowMs: record.nowMs + 1 })))); // prettier-ignore
      await sealBook(D, 5);
      await sealBook(E, 1);
      const gathered = await gather();
      assertFailed(gathered, C, 'anchor/position-taken');
      assert.equal(gathered.taken, 2);
      await anchorAll();
      // What was gathered of it before is canonical, and nothing of it comes after.
      assert.equal(await leaves(), '345 4');
    });

    it('where one was restored from an old copy, or went on behind a batch that nobody gathered', async () => {
      await sealBook(C, 6);
      await sealBook(D, 6);
      await gather();
      await second.owner.query(`delete from cairn.batch where book = '${C}' and batch_no = 2`);
      assertFailed(await gather(), C, 'anchor/position-taken');
      await main.owner.query(`delete from cairn.batch where book = '${D}'`);
      const behind: BatchSource = { ...batchesOf(second.database, D), batches: (after, limit) => batchesOf(second.database, D).batches(after + 1n, limit) };
      assertFailed(await gather([behind]), D, 'anchor/position-taken');
    });

    it('where one’s batch was changed after it was sealed', async () => {
      for (const change of [
        "leaves = overlay(leaves placing '\\x00' from 1)",
        'batch_root = book_record',
        'book_record = batch_root',
        'fields_roots = fields_roots',
      ]) {
        await sealBook(C, 3);
        await sealBook(D, 3);
        await second.owner.query(`update cairn.batch set ${change} where book = '${C}'`);
        const gathered = await gather();
        const isChanged = change !== 'fields_roots = fields_roots';
        if (isChanged) assertFailed(gathered, C, 'anchor/bad-batch');
        assert.equal(gathered.taken, isChanged ? 1 : 2);
        for (const store of [main, second]) await store.owner.query('delete from cairn.batch');
      }
    });

    it('where one’s database is gone', async () => {
      await sealBook(C, 3);
      await sealBook(E, 3);
      const gone: BatchSource = { bookId: C, bookRecord: killedHere, batches: killedHere };
      const gathered = await gather([gone, batchesOf(third.database, E)]);
      assertFailed(gathered, C, 'store/unreachable');
      await anchorAll();
      assert.equal(await leaves(), '5');
      assert.deepEqual(await gather(), { taken: 1, failed: [] });
      await anchorAll();
      assert.equal(await leaves(), '5 3');
    });
  });

  it('are each in the log once after a crash between any two steps, and however many gather and anchor at once', async () => {
    for (const book of [A, B, C, D, E]) await sealBook(book, 6);
    // Killed between two books, then between two batches of one.
    const dying = sources().map((source, i): BatchSource => (i === 1 ? { ...source, batches: killedHere } : source));
    assertFailed(await gather(dying), D, 'store/unreachable');
    const half = batchesOf(second.database, D);
    assert.equal((await gather([{ ...half, batches: (after) => half.batches(after, 1) }])).taken, 1);
    await Promise.all([gather(), gather(), gather()]);
    const broken: Custody = {
      ...custody,
      address: (role) => custody.address(role),
      outcome: killedHere,
      health: () => custody.health(),
      requestSignature: killedHere,
    };
    await assert.rejects(anchorer({ custody: broken }).tick());
    // The leaf is chosen, and stays the same leaf.
    const { rows: chosen } = await main.owner.query<{ leaf: Buffer }>('select leaf from cairn.anchor');
    await sealBook(A, 9);
    await Promise.all([anchorer().tick(), anchorer().tick(), gather(), anchorer().tick()]);
    await assert.rejects(anchorer({ chain: Object.assign(Object.create(chain) as FakeChain, { anchored: killedHere }) }).tick());
    await anchorAll();
    await anchorAll();
    assert.equal(await leaves(), '12345 12345 1');
    const { rows } = await main.owner.query<{ leaf: Buffer; state: string }>('select leaf, state from cairn.anchor order by log_index');
    assert.deepEqual(rows[0]!.leaf, chosen[0]!.leaf);
    assert.ok(rows.every(({ state }) => state === 'final'));
    assert.equal(chain.head.count, 3n);
  });
});
