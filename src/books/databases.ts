import { z } from 'zod';
import { Problem, type BookId } from '#base';
import { databaseName, isDatabaseUrl, openDatabase, query, type Database } from '#db';
import { openBook, type Book, type BookOptions } from '#ledger';
import type { Standing } from './plan.ts';
import { listing as sql } from './statements.ts';

/** Which database each book is in. What it does not name is in the database of DATABASE_URL. */
export interface BookDatabases {
  /** The owner's URL of each database, by the name that the operator gave it. */
  readonly urls: ReadonlyMap<string, string>;
  /** The name of a book's database, by its id. */
  readonly books: ReadonlyMap<BookId, string>;
}

export const NO_BOOK_DATABASES: BookDatabases = { urls: new Map(), books: new Map() };

type Environment = Readonly<Record<string, string | undefined>>;

const FILE = z.strictObject({
  /** A URL, or the environment variable that holds it, so that the file can be shown to anybody. */
  databases: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), z.union([z.string(), z.strictObject({ env: z.string().min(1) })])),
  books: z.record(z.uuid(), z.string()).default({}),
});

/** The text of the file that BOOK_DATABASES names. Refuses with `books/bad-configuration`, before anything is connected. */
export function parseBookDatabases(text: string, env: Environment): BookDatabases {
  const { databases, books } = parseFile(text);
  const urls = new Map(Object.entries(databases).map(([name, given]) => [name, urlOf(name, given, env)]));
  for (const [book, name] of Object.entries(books)) if (!urls.has(name)) throw bad(`book ${book} is said to be in ${name}, which is no database of the file`);
  const places = [...urls.values()].map(databaseName);
  const twice = places.find((place, i) => places.indexOf(place) !== i);
  if (twice !== undefined) throw bad(`${twice} has two names`);
  return { urls, books: new Map(Object.entries(books).map(([book, name]) => [book.toLowerCase() as BookId, name])) };
}

function parseFile(text: string): z.infer<typeof FILE> {
  try {
    return FILE.parse(JSON.parse(text));
  } catch (error) {
    const what = error instanceof z.ZodError ? `${error.issues[0]?.path.join('.') || 'it'}: ${error.issues[0]?.message}` : 'it is not JSON';
    throw bad(what, error);
  }
}

function urlOf(name: string, given: string | { readonly env: string }, env: Environment): string {
  const url = typeof given === 'string' ? given : env[given.env];
  if (url === undefined) throw bad(`the variable of database ${name} is not set`);
  if (!isDatabaseUrl(url)) throw bad(`the URL of database ${name} does not have the form postgres://USER:PASSWORD@HOST:PORT/DATABASE`);
  return url;
}

function bad(what: string, cause?: unknown): Problem {
  return new Problem('books/bad-configuration', `The file of BOOK_DATABASES cannot be used: ${what}.`, {}, cause);
}

/** The books of several databases, each opened where it is. */
export interface Books {
  /** The database that a book is in: where the configuration is older than its move, the one that it moved to. Refuses a book that is not there. */
  databaseOf(book: BookId): Promise<Database>;
  /** Makes a book in the database that the configuration gives for it, and takes it. Refuses one that any of the databases has, or had: they all have to answer. */
  create(options: Omit<BookOptions, 'database'>): Promise<Book>;
  /** Takes a book where it is, as `databaseOf` says. Makes none: a book in the wrong database would be another one of the same id. */
  open(options: Omit<BookOptions, 'database'>): Promise<Book>;
  /** Ends every connection; the books have to be closed before. */
  close(): Promise<void>;
}

interface Place {
  readonly status: Standing['status'];
  readonly moved_to: string | null;
}

/** `mainUrl`: of DATABASE_URL, where the books are that the configuration does not name. */
export function openBooks({ urls, books }: BookDatabases, mainUrl: string): Books {
  const opened = new Map<string, Promise<Database>>();
  const known = new Map([mainUrl, ...urls.values()].map((url) => [databaseName(url), url]));

  function at(url: string): Promise<Database> {
    const database = opened.get(databaseName(url)) ?? openDatabase({ url });
    opened.set(databaseName(url), database);
    // One that cannot be reached now may be at the next try.
    database.catch(() => opened.delete(databaseName(url)));
    return database;
  }

  const urlFor = (book: BookId): string => urls.get(books.get(book) ?? '') ?? mainUrl;

  async function placeAt(url: string, book: BookId): Promise<Place | undefined> {
    return (await query<Place>((await at(url)).pool, sql.place, [book]))[0];
  }

  /** The URL of the database that a book is in. */
  async function follow(book: BookId): Promise<string> {
    const seen = new Set<string>();
    for (let url = urlFor(book); ;) {
      seen.add(url);
      const place = await placeAt(url, book);
      if (!place) throw new Problem('ledger/no-such-book', `There is no book ${book} in ${databaseName(url)}.`, { book });
      if (place.status !== 'moved') return url;
      const next = known.get(String(place.moved_to));
      // A book that went round in a circle is told where it was last seen.
      if (next === undefined || seen.has(next))
        throw new Problem('ledger/book-moved', `Book ${book} moved to ${place.moved_to}.`, { book, to: place.moved_to });
      url = next;
    }
  }

  async function create(options: Omit<BookOptions, 'database'>): Promise<Book> {
    const { bookId } = options;
    for (const [name, url] of known)
      if (await placeAt(url, bookId)) throw new Problem('books/already-there', `${name} has a book ${bookId}.`, { book: bookId, to: name });
    return openBook({ ...options, database: await at(urlFor(bookId)) });
  }

  async function open(options: Omit<BookOptions, 'database'>): Promise<Book> {
    for (;;) {
      const url = await follow(options.bookId);
      try {
        return await openBook({ ...options, database: await at(url) });
      } catch (error) {
        // It left between our two looks.
        const isLate = error instanceof Problem && error.code === 'ledger/book-moved' && (await follow(options.bookId)) !== url;
        if (!isLate) throw error;
      }
    }
  }

  async function close(): Promise<void> {
    for (const database of opened.values()) await database.then((open) => open.close());
  }

  return { databaseOf: async (book) => at(await follow(book)), create, open, close };
}
