import assert from 'node:assert/strict';
import { Problem, systemClock, type BookId } from '#base';
import { moveBook, openBooks, parseBookDatabases } from '#books';
import type { Book } from '#ledger';
import { newBookId } from '../ledger/support/backends.ts';
import { OPENING } from '../ledger/support/commands.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';

const BOOK = '00000000-0000-7000-8000-000000000001' as BookId;
const EU = 'postgres://cairn:secret@eu.example:5433/cairn';

describe('the databases of the books', () => {
  it('are named in a file, by URL or by the variable that holds it, and books by the names', () => {
    const file = JSON.stringify({ databases: { eu: EU, us: { env: 'US_URL' } }, books: { [BOOK]: 'us' } });
    const { urls, books } = parseBookDatabases(file, { US_URL: 'postgres://cairn:secret@us.example/cairn' });
    assert.deepEqual([...urls.keys()], ['eu', 'us']);
    assert.equal(urls.get(books.get(BOOK)!), 'postgres://cairn:secret@us.example/cairn');
  });

  for (const [what, file] of [
    ['no JSON', '{'],
    ['a member that nobody knows', JSON.stringify({ databases: {}, book: {} })],
    ['a name that is none', JSON.stringify({ databases: { 'E U': EU } })],
    ['a URL that is none', JSON.stringify({ databases: { eu: 'mysql://x' } })],
    ['a variable that is not set', JSON.stringify({ databases: { eu: { env: 'NOWHERE' } } })],
    ['an id that is none', JSON.stringify({ databases: { eu: EU }, books: { first: 'eu' } })],
    ['a database that is not there', JSON.stringify({ databases: { eu: EU }, books: { [BOOK]: 'us' } })],
    ['one database under two names', JSON.stringify({ databases: { eu: EU, europe: EU } })],
  ] as const) {
    it(`are refused with ${what}, and no password is told`, () => {
      assert.throws(
        () => parseBookDatabases(file, {}),
        (error) => error instanceof Problem && error.code === 'books/bad-configuration' && !error.message.includes('secret'),
      );
    });
  }

  it('are opened for the books they have, and a book that moved is followed where the file is older than that', async () => {
    const [main, other]: TestDatabase[] = [await testDatabase(), await testDatabase()];
    const [stays, moves] = [newBookId(), newBookId()];
    const file = JSON.stringify({ databases: { other: other!.url }, books: { [stays]: 'other' } });
    const books = openBooks(parseBookDatabases(file, {}), main!.url);
    const names = async (db: TestDatabase) =>
      (await db.owner.query<{ id: BookId }>("select id from cairn.book where status = 'open'")).rows.map(({ id }) => id);
    const withBook = async (bookId: BookId, work: (book: Book) => Promise<unknown>): Promise<void> => {
      const book = await books.open({ bookId, clock: systemClock });
      await work(book).finally(() => book.close());
    };
    try {
      for (const bookId of [stays, moves]) await withBook(bookId, (book) => book.submit(OPENING));
      assert.deepEqual([await names(main!), await names(other!)], [[moves], [stays]]);
      await moveBook({ bookId: moves, fromUrl: main!.url, toUrl: other!.url });
      await withBook(moves, async (book) => assert.equal((await book.head()).seq, BigInt(OPENING.length)));
      assert.deepEqual([(await names(main!)).sort(), (await names(other!)).sort()], [[], [stays, moves].sort()]);
    } finally {
      await books.close();
      await Promise.all([main!.close(), other!.close()]);
    }
  });
});
