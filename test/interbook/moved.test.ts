import assert from 'node:assert/strict';
import { Problem, systemClock, type BookId, type TransferId } from '#base';
import { moveBook } from '#books';
import { openBook, type Book } from '#ledger';
import { coordinator, reconcileBooks, type Desk } from '#interbook';
import { newBookId } from '../ledger/support/backends.ts';
import { idOf } from '../ledger/support/table.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { openingOf, request, type Name } from './support/books.ts';

const CALLERS = 8;

describe('a book that is moved while money passes between it and another', () => {
  const databases: TestDatabase[] = [];
  before(async () => void databases.push(await testDatabase(), await testDatabase(), await testDatabase()));
  after(() => Promise.all(databases.map((database) => database.close())));

  it('ends every transfer as the same request asks for it, and owes what the other claims', async function () {
    this.timeout(120_000);
    const [home, from, to] = databases as [TestDatabase, TestDatabase, TestDatabase];
    const ids: Readonly<Record<Name, BookId>> = { A: newBookId(), B: newBookId() };
    const open = (name: Name, { database }: TestDatabase) => openBook({ database, bookId: ids[name], clock: systemClock });
    const openAnew = async (): Promise<Book> => {
      for (;;) {
        try {
          return await open('B', to);
        } catch (error) {
          // Until it has arrived there; before the move has begun there it is nobody's.
          if (!(error instanceof Problem) || error.code !== 'ledger/book-arriving') throw error;
        }
      }
    };
    const A = await open('A', home);
    const B = await open('B', from);
    await A.submit(openingOf('A'));
    await B.submit(openingOf('B'));
    const books = new Map<BookId, Desk>([A, B].map((book) => [book.bookId, book]));
    const between = coordinator({ books });

    let moved: Promise<Book> | undefined;
    const told: string[] = [];
    const ended: TransferId[] = [];
    const over = new AbortController();
    /** Asks until it is answered, in the place that it is told. */
    async function pay(id: TransferId, sender: Name): Promise<void> {
      for (;;) {
        try {
          const { ending } = await between.transfer(request(id, sender, sender === 'A' ? 'B' : 'A', 1n, ids));
          assert.equal(ending, 'posted');
          ended.push(id);
          return;
        } catch (error) {
          if (!(error instanceof Problem) || error.code !== 'ledger/book-moved') throw error;
          told.push(error.code);
          moved ??= openAnew();
          books.set(ids.B, await moved);
        }
      }
    }
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let i = 0; !over.signal.aborted; i++) await pay(idOf(`${caller}.${i}`), (caller + i) % 2 === 0 ? 'A' : 'B');
    });
    await until(() => ended.length > 50, 'fifty transfers');
    await moveBook({ bookId: ids.B, fromUrl: from.url, toUrl: to.url });
    const atMove = ended.length;
    await until(() => ended.length > atMove + 50, 'fifty transfers from the new place');
    over.abort();
    await Promise.all(callers);

    assert.ok(told.length > 0 && moved);
    const arrived = await moved;
    assert.deepEqual(await between.recover(), { ended: 0, left: [] });
    const [report, ...others] = await reconcileBooks(A, arrived);
    assert.deepEqual(others, []);
    assert.deepEqual([report?.owed, report?.moving, report?.wrong, report?.unexplained], [report?.claimed, [], [], 0n]);
    for (const [name, book] of [
      ['A', A],
      ['B', arrived],
    ] as const) {
      const customer = await book.account(idOf(`${name} customer`));
      assert.deepEqual([customer?.debitsPending, customer?.creditsPending], [0n, 0n]);
      assert.equal(customer!.debitsPosted + customer!.creditsPosted, 1_000n + BigInt(ended.length), 'each transfer moved one unit, once');
    }
    for (const book of [A, B, arrived]) await book.close();
  });
});
