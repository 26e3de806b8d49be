import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ManualClock, Problem, systemClock, type BookId } from '#base';
import { openDatabase, startPostgres, type Database, type EmbeddedPostgres } from '#db';
import { openBook, type Book } from '#ledger';
import { emptyState, replay } from '#ledger/core';
import { holdIdOf, type Step } from '#interbook/core';
import { coordinator, reconcileBooks, type Coordinator, type InterbookRequest, type Outcome } from '#interbook';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { openingOf, request, type Name } from './support/books.ts';

const T = idOf<'transfer'>('T');
const START_MS = 1_700_000_000_000;

/** Nothing is wrong, nothing is under way, and both journals are what the rules make of them. */
async function isSound(a: Book, b: Book): Promise<{ readonly owed: bigint }> {
  for (const book of [a, b]) assert.equal(replay(emptyState(), await book.records({ fromSeq: 1n, limit: 100_000 })), null);
  const [found] = await reconcileBooks(a, b);
  if (!found) return { owed: 0n };
  assert.deepEqual([found.wrong, found.moving, found.unexplained], [[], [], 0n]);
  assert.equal(found.owed, found.claimed);
  return found;
}

/** What the transfer comes to, and the steps that lead there. */
const STORIES: readonly (readonly [ending: Outcome['ending'], steps: readonly Step[]])[] = [
  ['posted', ['holdSender', 'holdReceiver', 'postSender', 'postReceiver']],
  ['returned', ['holdReceiver', 'voidSender']],
  ['suspended', ['postReceiver', 'suspendReceiver']],
  ['expired', ['postSender', 'voidReceiver']],
];

describe('a coordinator that is killed at a step', () => {
  const databases: TestDatabase[] = [];
  before(async () => void databases.push(await testDatabase(), await testDatabase()));
  after(() => Promise.all(databases.map((database) => database.close())));

  async function killed(ids: Readonly<Record<Name, BookId>>, story: string, moment: string, step: Step): Promise<void> {
    const args = [...databases.map(({ url }) => url), ids.A, ids.B, T, story, moment, step];
    const child = spawn(process.execPath, [fileURLToPath(new URL('./support/victim.ts', import.meta.url)), ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL', 'it died where it was told to');
  }

  for (const [ending, steps] of STORIES)
    for (const step of steps)
      for (const moment of ['before', 'during', 'after'])
        it(`${moment} ${step} of a transfer that ends ${ending}, leaves nothing that another one does not finish`, async function () {
          this.timeout(60_000);
          const ids = { A: newBookId(), B: newBookId() };
          await killed(ids, ending, moment, step);
          const clock = new ManualClock(START_MS + (ending === 'expired' ? 60_000 : 0));
          const open = (name: Name, i: number) => openBook({ database: databases[i]!.database, bookId: ids[name], clock, waitMs: 10_000 });
          const books = { A: await open('A', 0), B: await open('B', 1) };
          try {
            const between = coordinator({ books: new Map([books.A, books.B].map((book) => [book.bookId, book])), holdTimeoutS: 60 });
            const { ended, left } = await between.recover();
            assert.deepEqual(left, []);
            const [begun, over] = [`${moment} ${step}` !== 'before holdSender', `${moment} ${step}` === `after ${steps.at(-1)}`];
            if (moment !== 'during') assert.equal(ended, begun && !over ? 1 : 0);
            await isSound(books.A, books.B);
            assert.equal((await between.transfer(request(T, 'A', 'B', 7n, ids))).ending, ending);
            const { owed } = await isSound(books.A, books.B);
            assert.equal(owed, ending === 'posted' || ending === 'suspended' ? 7n : 0n);
          } finally {
            await books.A.close();
            await books.B.close();
          }
        });
});

describe('two database servers, of which one dies', () => {
  interface Server {
    readonly stateDir: string;
    server: EmbeddedPostgres;
    readonly database: Database;
  }
  const servers: Server[] = [];

  async function start(): Promise<Server> {
    const stateDir = mkdtempSync(join(tmpdir(), 'cairn-between-'));
    // Where PostgreSQL's own user gets in, the data are in it, and go with it.
    chmodSync(stateDir, 0o711);
    const server = await startPostgres({ stateDir });
    return { stateDir, server, database: await openDatabase({ url: server.url }) };
  }

  before(async function () {
    this.timeout(120_000);
    servers.push(await start(), await start());
  });
  after(async function () {
    this.timeout(60_000);
    for (const { database, server, stateDir } of servers) {
      await database.close();
      await server.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  });

  async function withBooks(
    options: { readonly clock: { nowMs(): number }; readonly recoverMs?: number },
    work: (books: Record<Name, Book>, between: Coordinator) => Promise<void>,
  ) {
    const ids = { A: newBookId(), B: newBookId() };
    const books = {
      A: await openBook({ ...options, database: servers[0]!.database, bookId: ids.A }),
      B: await openBook({ ...options, database: servers[1]!.database, bookId: ids.B }),
    };
    try {
      for (const name of ['A', 'B'] as const) await books[name].submit(openingOf(name));
      await work(books, coordinator({ books: new Map([books.A, books.B].map((book) => [book.bookId, book])), holdTimeoutS: 60 }));
    } finally {
      await books.A.close();
      await books.B.close();
    }
  }

  const isOutage = (error: unknown): boolean => error instanceof Problem && ['store/unreachable', 'store/outcome-unknown'].includes(error.code);
  const idsOf = (books: Record<Name, Book>) => ({ A: books.A.bookId, B: books.B.bookId });

  it('in mid-transfer: each of 300 transfers both ways ends in both books or in neither, and none is lost', async function () {
    this.timeout(120_000);
    await withBooks({ clock: systemClock }, async (books, between) => {
      const heard: { readonly asked: InterbookRequest; readonly outcome: Outcome }[] = [];
      async function caller(n: number): Promise<void> {
        const [from, to]: readonly [Name, Name] = n % 2 === 0 ? ['A', 'B'] : ['B', 'A'];
        for (let i = 0; i < 10; i++) {
          const asked = request(idOf(`${n}/${i}`), from, to, BigInt(1 + (n % 5)), idsOf(books));
          for (let outcome: Outcome | null = null; outcome === null;) {
            outcome = await between.transfer(asked).catch((error: unknown) => {
              if (!isOutage(error)) throw error;
              return sleep(50, null);
            });
            if (outcome) heard.push({ asked, outcome });
          }
        }
      }
      const callers = Promise.all(Array.from({ length: 30 }, (_, n) => caller(n)));
      for (const [i, least] of [
        [1, 60],
        [0, 180],
      ] as const) {
        while (heard.length < least) await sleep(1);
        process.kill(servers[i]!.server.pid(), 'SIGKILL');
      }
      await callers;
      assert.deepEqual((await between.recover()).left, []);
      assert.equal(heard.length, 300);
      let expected = 0n;
      for (const { asked, outcome } of heard) {
        const isFromA = asked.from.book === books.A.bookId;
        const [from, to] = isFromA ? [books.A, books.B] : [books.B, books.A];
        const holds = [await from.hold(asked.id), await to.hold(holdIdOf(asked.from.book, asked.id, 'receiver'))];
        assert.deepEqual([outcome.ending, ...holds.map((hold) => hold?.status)], ['posted', 'posted', 'posted']);
        expected += isFromA ? asked.amount : -asked.amount;
      }
      assert.equal((await isSound(books.A, books.B)).owed, expected);
    });
  });

  it('and stays away: the debtor has his money back in time, and the creditor’s book follows when it is there again', async function () {
    this.timeout(120_000);
    const clock = new ManualClock(START_MS);
    await withBooks({ clock, recoverMs: 200 }, async (books, between) => {
      const ids = idsOf(books);
      assert.equal((await between.transfer(request(idOf('first'), 'A', 'B', 1n, ids))).ending, 'posted');
      await servers[1]!.server.stop();
      await assert.rejects(between.transfer(request(T, 'A', 'B', 7n, ids)), isOutage);
      assert.equal((await books.A.account(idOf('A customer')))?.debitsPending, 7n);
      clock.advance(60_000);
      assert.equal(await books.A.expireDue(), 1);
      assert.equal((await books.A.account(idOf('A customer')))?.debitsPending, 0n);
      servers[1]!.server = await startPostgres({ stateDir: servers[1]!.stateDir });
      assert.equal((await between.transfer(request(T, 'A', 'B', 7n, ids))).ending, 'expired');
      assert.equal((await between.transfer(request(idOf('next'), 'A', 'B', 2n, ids))).ending, 'posted');
      assert.equal((await isSound(books.A, books.B)).owed, 3n);
      assert.equal((await books.B.account(idOf('B customer')))?.creditsPosted, 1_003n);
    });
  });
});
