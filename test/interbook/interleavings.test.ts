import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock, type BookId } from '#base';
import { openBook, type Book } from '#ledger';
import { emptyState, replay } from '#ledger/core';
import { holdIdOf, partIdOf } from '#interbook/core';
import { coordinator, type Coordinator, type Desk, type Outcome } from '#interbook';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { behind, Dead, mortal, type Gate } from './support/crashes.ts';
import { BOOKS, memoryBooks, openingOf, position, request, type Name } from './support/books.ts';

/** Two books that are under test, and what the world does to them meanwhile. */
interface World {
  readonly ids: Readonly<Record<Name, BookId>>;
  readonly desks: Readonly<Record<Name, Desk>>;
  readonly close: (name: Name) => Promise<void>;
  /** Past every timeout, and what is due expires. */
  readonly late: (name: Name) => Promise<void>;
}

type Event = 'close A' | 'close B' | 'late A' | 'late B' | 'recover';

interface Story {
  /** Lives of each coordinator, in passages of the wire. */
  readonly lives: readonly number[];
  readonly transfers: readonly { readonly from: Name; readonly amount: bigint }[];
  /** Each happens when the wire was passed so many times. */
  readonly events: readonly { readonly event: Event; readonly at: number }[];
}

const story: fc.Arbitrary<Story> = fc.record({
  lives: fc.array(fc.oneof(fc.nat(30), fc.constant(10_000)), { minLength: 2, maxLength: 2 }),
  transfers: fc.array(fc.record({ from: fc.constantFrom<Name>('A', 'B'), amount: fc.constantFrom(1n, 400n, 700n) }), { minLength: 1, maxLength: 3 }),
  events: fc.array(fc.record({ event: fc.constantFrom<Event>('close A', 'close B', 'late A', 'late B', 'recover'), at: fc.integer({ min: 1, max: 24 }) }), {
    maxLength: 3,
  }),
});

const other = (name: Name): Name => (name === 'A' ? 'B' : 'A');
const map = (desks: readonly Desk[]) => new Map(desks.map((desk) => [desk.bookId, desk]));

/** What is expected to be thrown: the end of a process, and nothing else. */
async function orDead<T>(work: Promise<T>): Promise<T | null> {
  return work.catch((error: unknown) => {
    if (error instanceof Dead) return null;
    throw error;
  });
}

/** Both coordinators take the same transfers at once, each over a wire that keeps question and answer as long as it likes, and dies when its lives are over. */
async function play({ desks, ids, close, late }: World, { lives, transfers, events }: Story, gate: Gate): Promise<void> {
  const run = (alive: number): Coordinator => {
    const wire = mortal(gate, alive);
    return coordinator({ books: map([behind(wire, desks.A), behind(wire, desks.B)]), holdTimeoutS: 60 });
  };
  const ask = (between: Coordinator, i: number): Promise<Outcome> => {
    const { from, amount } = transfers[i]!;
    return between.transfer(request(idOf<'transfer'>(`T${i}`), from, other(from), amount, ids));
  };
  const happen = async ({ event, at }: Story['events'][number]): Promise<void> => {
    for (let passed = 0; passed < at; passed++) await gate(event);
    const name = event.slice(-1) as Name;
    if (event === 'recover') await orDead(run(10_000).recover());
    else await (event.startsWith('close') ? close(name) : late(name));
  };
  const heard = await Promise.all([
    ...lives.flatMap((alive) => {
      const between = run(alive);
      return transfers.map((_, i) => orDead(ask(between, i)));
    }),
    ...events.map(async (event) => (await happen(event), null)),
  ]);

  const after = coordinator({ books: map([desks.A, desks.B]), holdTimeoutS: 60 });
  assert.deepEqual((await after.recover()).left, []);
  assert.equal((await after.recover()).ended, 0, 'one pass finishes everything');
  await check(desks, ids, transfers.length);
  // Whoever heard how a transfer ended heard what everybody hears for ever.
  for (const [i] of transfers.entries()) {
    const told = [heard[i], heard[transfers.length + i]].filter((outcome) => outcome !== null && outcome !== undefined);
    if (told.length === 0) continue;
    const now = await ask(after, i);
    for (const outcome of told) assert.equal(outcome.ending, now.ending);
  }
  await check(desks, ids, transfers.length);
}

/** Every transfer stands in both books or in neither, and the two clearing accounts net to zero. */
async function check(desks: World['desks'], ids: World['ids'], count: number): Promise<void> {
  const [a, b] = [await position(desks.A, 'A', ids), await position(desks.B, 'B', ids)];
  assert.deepEqual([a.posted + b.posted, a.pending, b.pending], [0n, 0n, 0n]);
  for (let i = 0; i < count; i++) {
    const id = idOf<'transfer'>(`T${i}`);
    for (const [from, to] of [
      [desks.A, desks.B],
      [desks.B, desks.A],
    ] as const) {
      const [sent, received] = [(await from.hold(id))?.status ?? 'never held', (await to.hold(holdIdOf(from.bookId, id, 'receiver')))?.status ?? 'never held'];
      const suspended = await to.transfer(partIdOf(from.bookId, id, 'suspense'));
      assert.equal(sent === 'posted', received === 'posted' || suspended?.kind === 'transfer', `${sent} in one book, ${received} in the other`);
      assert.ok(sent !== 'open' && received !== 'open', `${sent}, ${received}`);
    }
  }
}

describe('any order of two coordinators, their deaths, closed accounts and expiries', () => {
  it('ends every transfer in both books or in neither, and nets to zero', async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.scheduler(), async (told, scheduler) => {
        const books = memoryBooks();
        const world: World = {
          ids: BOOKS,
          desks: { A: books.A.desk, B: books.B.desk },
          close: async (name) => void books[name].now([{ kind: 'closeAccount', id: idOf(`${name} customer`) }]),
          late: async (name) => {
            books[name].clock.advance(61_000);
            books[name].expireDue();
          },
        };
        const playing = play(world, told, (what) => scheduler.schedule(Promise.resolve(), what));
        await scheduler.waitFor(playing);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the same in two databases', () => {
  const databases: TestDatabase[] = [];
  before(async () => void databases.push(await testDatabase(), await testDatabase()));
  after(() => Promise.all(databases.map((database) => database.close())));

  it('ends every transfer in both books or in neither, and both journals replay', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(story, fc.scheduler(), async (told, scheduler) => {
        const ids = { A: newBookId(), B: newBookId() };
        const clocks = { A: new ManualClock(1_700_000_000_000), B: new ManualClock(1_700_000_000_000) };
        const open = async (name: Name): Promise<Book> => {
          const book = await openBook({ database: databases[name === 'A' ? 0 : 1]!.database, bookId: ids[name], clock: clocks[name] });
          await book.submit(openingOf(name));
          return book;
        };
        const books = { A: await open('A'), B: await open('B') };
        try {
          const world: World = {
            ids,
            desks: books,
            close: async (name) => void (await books[name].submit([{ kind: 'closeAccount', id: idOf(`${name} customer`) }])),
            late: async (name) => {
              clocks[name].advance(61_000);
              await books[name].expireDue();
            },
          };
          await scheduler.waitFor(play(world, told, (what) => scheduler.schedule(Promise.resolve(), what)));
          for (const book of [books.A, books.B]) assert.equal(replay(emptyState(), await book.records({ fromSeq: 1n, limit: 1_000 })), null);
        } finally {
          await books.A.close();
          await books.B.close();
        }
      }),
      { numRuns: 12 },
    );
  });
});
