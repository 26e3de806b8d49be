import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { batchesOf, createAnchorer, createSealer, gatherBatches, type BatchSource } from '#anchor';
import { bookRecordHash, commitment, follows, NO_BATCH, treeFault, type BookEnd, type BookRecord } from '#anchor/core';
import { fromHex, ManualClock, Problem, toHex, type BookId } from '#base';
import type { Custody } from '#custody';
import { openTestCustody } from '../support/custody.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { filler, NOW_MS, sampleId } from './samples.ts';
import { CHAIN_ID, FakeChain, sourceOf } from './support.ts';

const random = (n: number) => new Uint8Array(randomBytes(n));
const BOOKS = [0, 1, 2, 3, 4].map((n) => sampleId<BookId>(0xd00 + n));
const MOST_LEAVES = 12;

type Step =
  | { readonly do: 'write'; readonly book: number; readonly records: number }
  | { readonly do: 'gather' | 'anchor' | 'mine' | 'finalize' }
  | { readonly do: 'reorg'; readonly leaves: number }
  // The process dies at this of its calls to whatever is outside of it, and is started again.
  | { readonly do: 'die'; readonly in: 'gather' | 'anchor'; readonly at: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), book: fc.nat({ max: 4 }), records: fc.integer({ min: 1, max: 5 }) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('gather' as const, 'anchor' as const, 'mine' as const, 'finalize' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reorg' as const), leaves: fc.integer({ min: 1, max: 2 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('die' as const), in: fc.constantFrom('gather' as const, 'anchor' as const), at: fc.nat({ max: 6 }) }) },
  ),
  { minLength: 20, maxLength: 40 },
);

/** Whatever is asked of it, it dies at call `at`: before the call has any effect, or after it had and before anybody heard of it. */
class Mortal {
  #left: number;
  constructor(at: number) {
    this.#left = at;
  }

  wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (it, member) => {
        const value: unknown = Reflect.get(it, member);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const result = (value as (...given: unknown[]) => unknown).apply(it, args);
          return result instanceof Promise ? result.then((answer) => this.#survive(answer)) : result;
        };
      },
    });
  }

  #survive<T>(answer: T): T {
    if (this.#left-- === 0) throw new Problem('store/unreachable', 'killed here');
    return answer;
  }
}

/** Three in the deployment's own database, one in each of two others. */
describe('the log of five books, whatever happens in whatever order', function () {
  this.timeout(120_000);
  let stores: readonly TestDatabase[];
  let custody: Custody;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-books-model-'));
    custody = await openTestCustody(folder, random);
    stores = await Promise.all([testDatabase(), testDatabase(), testDatabase()]);
  });
  after(async () => {
    for (const store of stores) await store.close();
    await rm(folder, { recursive: true });
  });

  const homeOf = (book: number): TestDatabase => stores[Math.max(0, book - 2)]!;

  it('has each batch of each book once and in its order, one a leaf, and in the end all of them', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        for (const { owner } of stores) await owner.query('delete from cairn.batch; delete from cairn.anchor');
        const [main] = stores as [TestDatabase];
        const chain = new FakeChain(await custody.address('poster'));
        const clock = new ManualClock(NOW_MS + 100_000);
        const written = BOOKS.map(() => 0);
        const sources = [3, 4].map((book) => batchesOf(homeOf(book).database, BOOKS[book]!));
        const gather = (from: readonly BatchSource[] = sources) => gatherBatches(main.database, from);
        const anchor = (mortal = new Mortal(Infinity)) =>
          createAnchorer({
            database: main.database,
            chain: mortal.wrap(chain),
            outbox: mortal.wrap(chain),
            custody: mortal.wrap(custody),
            clock,
            signingPatienceMs: 1_000,
          }).tick();
        const survived = async (work: () => Promise<unknown>): Promise<void> =>
          work().then(
            () => undefined,
            (error: unknown) => assert.ok(error instanceof Problem && error.code === 'store/unreachable', String(error)),
          );

        for (const step of plan) {
          if (step.do === 'write' && chain.head.count < MOST_LEAVES) {
            const [book, { database }] = [BOOKS[step.book]!, homeOf(step.book)];
            written[step.book]! += step.records;
            await createSealer({ database, clock, chainId: CHAIN_ID, random, sealAfterMs: 0, maxRecords: 3 }).sealAll(
              sourceOf(book, filler(written[step.book]!)),
            );
          }
          if (step.do === 'gather') assert.deepEqual((await gather()).failed, []);
          if (step.do === 'anchor') await anchor();
          if (step.do === 'mine') chain.mine();
          if (step.do === 'finalize') chain.finalize();
          if (step.do === 'reorg') {
            const leaves = Math.min(step.leaves, (await chain.anchored(0n)).filter(({ isFinal }) => !isFinal).length);
            if (leaves > 0) chain.reorg(leaves);
          }
          if (step.do === 'die' && step.in === 'anchor') await survived(() => anchor(new Mortal(step.at)));
          if (step.do === 'die' && step.in === 'gather') {
            const mortal = new Mortal(step.at);
            await gather(sources.map((source) => mortal.wrap(source)));
          }
        }
        // Left alone it comes to rest.
        for (let pass = 0; pass < 60 && (await unanchored()) + (await gather()).taken > 0; pass++) {
          await anchor();
          chain.mine();
        }
        chain.finalize();
        await anchor();
        await checkLog(chain, written);
      }),
      { numRuns: 6 },
    );
  });

  async function unanchored(): Promise<number> {
    const { rows } = await stores[0]!.owner.query<{ waiting: string }>(
      "select count(*) as waiting from cairn.batch b left join cairn.anchor a using (log_index) where a.state is null or a.state not in ('mined', 'final')",
    );
    return Number(rows[0]!.waiting);
  }

  /** By what the chain says, and what the database opens of it. */
  async function checkLog(chain: FakeChain, written: readonly number[]): Promise<void> {
    const { rows } = await stores[0]!.owner.query<
      Record<'book' | 'first_seq' | 'last_seq' | 'log_index', string> & Record<'previous_head' | 'batch_root', Buffer>
    >('select * from cairn.batch order by log_index, book_index');
    const events = await chain.anchored(0n);
    const ends = new Map<BookId, BookEnd>();
    for (const { index, leaf } of events) {
      const records = rows
        .filter(({ log_index }) => BigInt(log_index) === index)
        .map((row): BookRecord => ({
          book: row.book as BookId,
          firstSeq: BigInt(row.first_seq),
          lastSeq: BigInt(row.last_seq),
          previousHead: new Uint8Array(row.previous_head),
          batchRoot: new Uint8Array(row.batch_root),
        }));
      assert.equal(treeFault(fromHex(leaf), records), null, `leaf ${index}`);
      for (const record of records) {
        assert.ok(follows(record, ends.get(record.book) ?? NO_BATCH), `leaf ${index}`);
        ends.set(record.book, { lastSeq: record.lastSeq, bookRecord: bookRecordHash(record) });
      }
    }
    assert.equal(toHex(commitment(chain.head)), events.at(-1)?.commitment ?? toHex(commitment(chain.head)));
    assert.deepEqual(BOOKS.map((book) => Number(ends.get(book)?.lastSeq ?? 0n)), written); // prettier-ignore
  }
});
