import { z } from 'zod';
import { Problem, type BookId } from '#base';
import { databaseName, isDatabaseUrl, openDatabase, type Database } from '#db';
import { openBook, type Book, type BookOptions } from '#ledger';

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
  /** The database that the configuration gives for a book, connected when it is first asked for. */
  databaseOf(book: BookId): Promise<Database>;
  /** Takes a book where it is: where the configuration is older than its move, in the database that it moved to. */
  open(options: Omit<BookOptions, 'database'>): Promise<Book>;
  /** Ends every connection; the books have to be closed before. */
  close(): Promise<void>;
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

  async function open(options: Omit<BookOptions, 'database'>): Promise<Book> {
    const seen = new Set<string>();
    for (let url = urlFor(options.bookId); ;) {
      seen.add(url);
      try {
        return await openBook({ ...options, database: await at(url) });
      } catch (error) {
        const next = error instanceof Problem && error.code === 'ledger/book-moved' ? known.get(String(error.facts['to'])) : undefined;
        // A book that went round in a circle is told where it was last seen.
        if (next === undefined || seen.has(next)) throw error;
        url = next;
      }
    }
  }

  async function close(): Promise<void> {
    for (const database of opened.values()) await database.then((open) => open.close());
  }

  return { databaseOf: (book) => at(urlFor(book)), open, close };
}
