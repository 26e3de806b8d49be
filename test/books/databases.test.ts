import assert from 'node:assert/strict';
import { Problem, systemClock, type BookId, type ProblemCode } from '#base';
import { moveBook, openBooks, parseBookDatabases, type Books } from '#books';
import { openBook, type Book } from '#ledger';
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

  describe('that are open', () => {
    let [main, other]: TestDatabase[] = [];
    let stays: BookId;
    let moves: BookId;
    let books: Books;
    beforeEach(async () => {
      [main, other] = [await testDatabase(), await testDatabase()];
      [stays, moves] = [newBookId(), newBookId()];
      books = openBooks(parseBookDatabases(JSON.stringify({ databases: { other: other.url }, books: { [stays]: 'other' } }), {}), main.url);
    });
    afterEach(async () => {
      await books.close();
      await Promise.all([main!.close(), other!.close()]);
    });

    const booksIn = async (db: TestDatabase) =>
      (await db.owner.query<{ id: BookId }>("select id from cairn.book where status = 'open' order by id")).rows.map(({ id }) => id);
    const using = async (opening: Promise<Book>, work: (book: Book) => Promise<unknown> = async () => undefined): Promise<void> => {
      const book = await opening;
      try {
        await work(book);
      } finally {
        await book.close();
      }
    };
    const options = (bookId: BookId) => ({ bookId, clock: systemClock });
    const isProblem = (code: ProblemCode) => (error: unknown) => error instanceof Problem && error.code === code;

    it('give each book where it is, and follow one that moved where the file is older than that', async () => {
      for (const bookId of [stays, moves]) await using(books.create(options(bookId)), (book) => book.submit(OPENING));
      assert.deepEqual([await booksIn(main!), await booksIn(other!)], [[moves], [stays]]);
      await moveBook({ bookId: moves, fromUrl: main!.url, toUrl: other!.url });
      await using(books.open(options(moves)), async (book) => assert.equal((await book.head()).seq, BigInt(OPENING.length)));
      assert.deepEqual([await booksIn(main!), await booksIn(other!)], [[], [stays, moves].sort()]);
      assert.equal(await books.databaseOf(moves), await books.databaseOf(stays));
    });

    it('make no book that is only asked for', async () => {
      await assert.rejects(books.open(options(moves)), isProblem('ledger/no-such-book'));
      await assert.rejects(books.databaseOf(stays), isProblem('ledger/no-such-book'));
      // The file says another database than the book is in.
      await using(openBook({ ...options(stays), database: main!.database }));
      await assert.rejects(books.open(options(stays)), isProblem('ledger/no-such-book'));
      assert.deepEqual([await booksIn(main!), await booksIn(other!)], [[stays], []]);
    });

    it('make no second book of an id that any of them has', async () => {
      await using(openBook({ ...options(stays), database: main!.database }));
      await assert.rejects(books.create(options(stays)), isProblem('books/already-there'));
      await using(books.create(options(moves)));
      await moveBook({ bookId: moves, fromUrl: main!.url, toUrl: other!.url });
      await assert.rejects(books.create(options(moves)), isProblem('books/already-there'));
      assert.deepEqual([await booksIn(main!), await booksIn(other!)], [[stays], [moves]]);
    });

    it('say where a book went that none of them has', async () => {
      await using(books.create(options(moves)));
      await main!.owner.query("update cairn.book set status = 'moved', moved_to = 'far:5432/cairn' where id = $1", [moves]);
      for (const asked of [books.open(options(moves)), books.databaseOf(moves)])
        await assert.rejects(asked, (error) => isProblem('ledger/book-moved')(error) && (error as Problem).facts['to'] === 'far:5432/cairn');
    });
  });
});
