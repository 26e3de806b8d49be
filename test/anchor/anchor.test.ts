import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAnchorer,
  createProver,
  createSealer,
  freshness,
  greatestUnanchoredAgeMs,
  type Anchorer,
  type AnchorerOptions,
  type Prover,
  type RecordSource,
  type Sealer,
} from '#anchor';
import { checkLogProof, commitment, headOf, logRoot, recordLeaf, verifyConsistency } from '#anchor/core';
import { fromHex, ManualClock, Problem, toHex, type ProblemCode } from '#base';
import type { Custody } from '#custody';
import { openTestCustody } from '../support/custody.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { BOOK_A, BOOK_B, filler, NOW_MS } from './samples.ts';
import { ANCHOR, CHAIN_ID, FakeChain, slowCustody, sourceOf, VAULT } from './support.ts';

function problem(code: ProblemCode) {
  return (error: unknown) => error instanceof Problem && error.code === code;
}

describe('anchoring', () => {
  let store: TestDatabase;
  let folder: string;
  let custody: Custody;
  let chain: FakeChain;
  let clock: ManualClock;
  let sealer: Sealer;
  let anchorer: Anchorer;
  let prover: Prover;

  const options = (over: Partial<AnchorerOptions> = {}): AnchorerOptions => ({
    database: store.database,
    chain,
    outbox: chain,
    custody,
    clock,
    signingPatienceMs: 1_000,
    ...over,
  });
  const states = async (): Promise<string> => {
    const { rows } = await store.owner.query<{ state: string }>('select state from cairn.anchor order by log_index');
    return rows.map(({ state }) => state).join(' ');
  };
  const ranges = async (): Promise<string> => {
    const { rows } = await store.owner.query<{ range: string }>(
      `select first_seq || '-' || last_seq as range from cairn.batch where book = '${BOOK_A}' order by batch_no`,
    );
    return rows.map(({ range }) => range).join(' ');
  };
  const anchorAll = async (): Promise<void> => {
    for (let pass = 0; pass < 3; pass++) {
      await anchorer.tick();
      chain.mine();
    }
    chain.finalize();
    await anchorer.tick();
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-anchor-'));
    custody = await openTestCustody(folder, (n) => randomBytes(n));
  });
  after(() => rm(folder, { recursive: true }));

  beforeEach(async () => {
    store = await testDatabase();
    clock = new ManualClock(NOW_MS + 100_000);
    chain = new FakeChain(await custody.address('poster'));
    const { database } = store;
    sealer = createSealer({ database, clock, chainId: CHAIN_ID, random: (n) => randomBytes(n), sealAfterMs: 20_000, maxRecords: 4 });
    anchorer = createAnchorer(options());
    prover = createProver({ database, chainId: CHAIN_ID, anchorAddress: ANCHOR, vaultAddress: VAULT });
  });
  afterEach(() => store.close());

  describe('sealing', () => {
    it('makes contiguous batches by count, and of the rest only when it is old enough', async () => {
      clock = new ManualClock(NOW_MS + 27_000);
      sealer = createSealer({ database: store.database, clock, chainId: CHAIN_ID, random: (n) => randomBytes(n), sealAfterMs: 20_000, maxRecords: 4 });
      const source = sourceOf(BOOK_A, filler(10));
      assert.equal(await sealer.sealDue(source), 2);
      clock.advance(1_000);
      assert.equal(await sealer.sealDue(source), 1);
      assert.equal(await ranges(), '1-4 5-8 9-10');
      assert.equal(await sealer.sealDue(source), 0);
    });

    it('takes everything there is when it is asked to', async () => {
      clock = new ManualClock(NOW_MS);
      assert.equal(await sealer.sealAll(sourceOf(BOOK_A, filler(1))), 1);
      assert.equal(await sealer.sealAll(sourceOf(BOOK_A, filler(6))), 2);
      assert.equal(await ranges(), '1-1 2-5 6-6');
    });

    it('puts each record into exactly one batch however many seal at once', async () => {
      const source = sourceOf(BOOK_A, filler(40));
      await Promise.all([sealer.sealAll(source), sealer.sealAll(source), sealer.sealAll(source)]);
      assert.equal(await ranges(), '1-4 5-8 9-12 13-16 17-20 21-24 25-28 29-32 33-36 37-40');
    });

    it('refuses a journal with a gap, as our own bug', async () => {
      const records = filler(6).filter(({ seq }) => seq !== 3n);
      await assert.rejects(sealer.sealAll(sourceOf(BOOK_A, records)), /assertion failed/);
    });

    it('is kept by the database: no gap, no overlap, no foreign head, no change', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(8)));
      const again = (first: string, no: number, head: string) =>
        store.owner.query(
          `insert into cairn.batch select book, ${no}, ${first}, ${first}, ${head}, batch_root, book_record, substr(leaves, 1, 32), substr(fields_roots, 1, 32), oldest_ms, sealed_ms
             from cairn.batch where book = '${BOOK_A}' and batch_no = 2`,
        );
      await assert.rejects(again('10', 3, 'book_record'), /batch_follows_head/);
      await assert.rejects(again('8', 3, 'book_record'), /batch_last_seq_once|batch_head_once/);
      await assert.rejects(again('9', 3, 'batch_root'), /batch_follows_head/);
      await assert.rejects(store.database.pool.query('update cairn.batch set batch_root = book_record'), /permission denied/);
      await assert.rejects(store.database.pool.query('delete from cairn.batch'), /permission denied/);
    });
  });

  describe('the log', () => {
    it('takes one batch a book into each leaf, and follows it until it is final', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(8)));
      await sealer.sealAll(sourceOf(BOOK_B, filler(2)));
      await anchorer.tick();
      assert.equal(await states(), 'sent');
      chain.mine();
      await anchorer.tick();
      assert.equal(await states(), 'mined sent');
      chain.mine();
      chain.finalize();
      await anchorer.tick();
      assert.equal(await states(), 'final final');
      assert.equal(chain.head.count, 2n);
      const { rows } = await store.owner.query<{ place: string }>(
        "select log_index || ':' || book_index || '/' || book_count as place from cairn.batch order by book, batch_no",
      );
      assert.deepEqual(
        rows.map(({ place }) => place),
        ['0:0/2', '1:0/1', '0:1/2'],
      );
    });

    it('proves every record of every book in the head of the chain', async () => {
      const [a, b] = [sourceOf(BOOK_A, filler(9)), sourceOf(BOOK_B, filler(3))];
      await sealer.sealAll(a);
      await sealer.sealAll(b);
      await assert.rejects(prover.proofNow(a, 1n), problem('anchor/not-yet'));
      await anchorAll();
      for (const source of [a, b]) {
        for (let seq = 1n; seq <= (source === a ? 9n : 3n); seq++) {
          const { record, fieldsRoot, proof } = await prover.proofNow(source, seq);
          const leaf = recordLeaf({ chainId: CHAIN_ID, book: source.bookId }, record, fieldsRoot);
          const verdict = checkLogProof(leaf, source.bookId, seq, proof);
          assert.ok(verdict.fault === null, `record ${seq}: ${verdict.fault}`);
          assert.equal(toHex(verdict.commitment), toHex(commitment(chain.head)));
        }
      }
      await assert.rejects(prover.proofNow(a, 10n), problem('anchor/not-yet'));
    });

    it('extends itself: any head is consistent with any later one', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(20)));
      for (let i = 0; i < 6; i++) await anchorAll();
      const leaves = (await chain.anchored(0n)).map(({ leaf }) => fromHex(leaf));
      assert.equal(leaves.length, 5);
      const { proof, oldRoot, newRoot } = await prover.consistency(2n, 5n);
      assert.equal(toHex(newRoot), toHex(logRoot(headOf(leaves))));
      assert.ok(verifyConsistency(2n, 5n, oldRoot, newRoot, proof));
      await assert.rejects(prover.consistency(2n, 6n), problem('anchor/no-such-proof'));
    });

    it('goes back when a reorganisation takes its block, and forward again with the same bytes', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(8)));
      await anchorer.tick();
      chain.mine();
      await anchorer.tick();
      chain.mine();
      await anchorer.tick();
      assert.equal(await states(), 'mined mined');
      chain.reorg(2);
      assert.deepEqual(
        (await anchorer.tick()).map(({ from, to }) => `${from} ${to}`),
        ['mined sent', 'mined sent'],
      );
      const before = commitment(chain.head);
      chain.mine();
      chain.finalize();
      await anchorer.tick();
      assert.equal(await states(), 'final final');
      assert.notDeepEqual(commitment(chain.head), before);
      assert.equal(new Set(chain.sent).size, 2);
    });

    it('counts a leaf that somebody else relayed first, and sends no second one', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(2)));
      await anchorer.tick();
      assert.ok(chain.frontRun(chain.sent[0]!));
      chain.mine();
      chain.finalize();
      await anchorer.tick();
      assert.equal(await states(), 'final');
      assert.equal(chain.head.count, 1n);
      assert.equal(chain.sent.length, 1);
    });

    it('sends the same bytes in another transaction when one has failed for good', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(2)));
      await anchorer.tick();
      for (const transaction of chain.transactions.values()) transaction.state = 'failed';
      await anchorer.tick();
      assert.equal(chain.sent.length, 2);
      assert.equal(chain.sent[0], chain.sent[1]);
      await anchorAll();
      assert.equal(await states(), 'final');
    });

    it('opens no second leaf while one waits for its signature, and goes on when it comes', async () => {
      const slow = slowCustody(custody);
      anchorer = createAnchorer(options({ custody: slow, signingPatienceMs: 1 }));
      await sealer.sealAll(sourceOf(BOOK_A, filler(8)));
      await anchorer.tick();
      await anchorer.tick();
      assert.equal(await states(), 'intent');
      slow.answering = true;
      await anchorer.tick();
      assert.equal(await states(), 'sent');
    });

    it('makes one leaf however many anchor at once', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(4)));
      await Promise.all([anchorer.tick(), createAnchorer(options()).tick(), createAnchorer(options()).tick()]);
      assert.equal(await states(), 'sent');
      assert.equal(chain.sent.length, 1);
    });

    it('goes on after a crash between any two steps', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(4)));
      const failing = (point: keyof FakeChain) =>
        new Proxy(chain, {
          get: (target, member) => {
            if (member === point) return () => Promise.reject(new Problem('store/unreachable', 'killed here'));
            const value: unknown = Reflect.get(target, member);
            return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
          },
        });
      const broken: Custody = { ...slowCustody(custody), requestSignature: () => Promise.reject(new Problem('store/unreachable', 'killed here')) };
      await assert.rejects(createAnchorer(options({ custody: broken })).tick(), problem('store/unreachable'));
      assert.equal(await states(), 'intent');
      await assert.rejects(createAnchorer(options({ outbox: failing('enqueue') })).tick(), problem('store/unreachable'));
      assert.equal(await states(), 'signed');
      const dying = {
        transaction: (id: Parameters<FakeChain['transaction']>[0]) => chain.transaction(id),
        rebuildWith: () => undefined,
        enqueue: async (request: Parameters<FakeChain['enqueue']>[0]) => {
          await chain.enqueue(request);
          throw new Problem('store/unreachable', 'killed here');
        },
      };
      await assert.rejects(createAnchorer(options({ outbox: dying })).tick(), problem('store/unreachable'));
      chain.mine();
      assert.equal(await states(), 'signed');
      assert.equal(chain.head.count, 1n);
      await anchorAll();
      assert.equal(await states(), 'final');
      assert.equal(chain.head.count, 1n);
    });

    it('raises the alarm over a leaf on the chain that the database does not know', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(4)));
      await anchorAll();
      await store.owner.query('update cairn.batch set log_index = null, book_index = null, book_count = null');
      await store.owner.query('delete from cairn.anchor');
      await assert.rejects(anchorer.tick(), problem('anchor/log-diverged'));
    });

    it('is kept by the database: every leaf extends the one before it, and nobody of ours takes one back', async () => {
      await sealer.sealAll(sourceOf(BOOK_A, filler(4)));
      await anchorAll();
      const insert = (index: number, previous: string) =>
        store.owner.query(
          `insert into cairn.anchor (log_index, leaf, previous, commitment, peaks, created_ms) select ${index}, leaf, ${previous}, leaf, peaks, 0 from cairn.anchor where log_index = 0`,
        );
      await assert.rejects(insert(1, 'previous'), /anchor_extends_previous/);
      await assert.rejects(insert(3, 'commitment'), /anchor_peaks_fit_count|anchor_extends_previous/);
      await assert.rejects(store.database.pool.query('delete from cairn.anchor'), /permission denied/);
      await assert.rejects(store.database.pool.query('update cairn.anchor set leaf = previous'), /permission denied/);
    });
  });

  describe('the greatest unanchored age', () => {
    it('counts from the oldest record that is in no block, sealed or not, and is enforced', async () => {
      const source = sourceOf(BOOK_A, filler(6));
      const age = () => greatestUnanchoredAgeMs(options(), [source, sourceOf(BOOK_B, [])]);
      assert.equal(await age(), 100_000);
      const assertFresh = freshness(options(), [source], 60_000);
      await assert.rejects(assertFresh(), problem('anchor/too-old'));
      await sealer.sealAll(source);
      assert.equal(await age(), 100_000);
      await anchorer.tick();
      chain.mine();
      await anchorer.tick();
      assert.equal(await age(), 96_000);
      chain.mine();
      await anchorer.tick();
      assert.equal(await age(), 0);
      await assertFresh();
      chain.reorg(1);
      await anchorer.tick();
      assert.equal(await age(), 96_000);
    });

    it('is looked at where what was found before no longer answers, and only there', async () => {
      const clock = new ManualClock(1_000_000);
      let looks = 0;
      let oldestMs = 940_500;
      const source: RecordSource = {
        bookId: BOOK_A,
        records: () => {
          looks += 1;
          return Promise.resolve(filler(1).map((record) => ({ ...record, nowMs: oldestMs })));
        },
      };
      const assertFresh = freshness({ database: store.database, clock }, [source], 60_000);
      await Promise.all([assertFresh(), assertFresh()]);
      clock.advance(500);
      await assertFresh();
      assert.equal(looks, 1, '59.5 s and half a second are at most 60 s');
      clock.advance(1);
      await assert.rejects(assertFresh(), problem('anchor/too-old'));
      oldestMs = 1_000_000;
      await assertFresh();
      await assertFresh();
      assert.equal(looks, 3, 'a refusal is not remembered');
      clock.advance(1_000);
      await assertFresh();
      assert.equal(looks, 4, 'after a second it is looked at again, because a block may have been left behind');
    });
  });
});
