import { readFileSync } from 'node:fs';
import { isUuid, Problem, type BookId } from '#base';
import { databaseName, openForReading, query, type Database } from '#db';
import { ofBook } from '#ledger';
import { NO_BOOK_DATABASES, parseBookDatabases, type BookDatabases } from './databases.ts';
import type { OnRecords } from './ends.ts';
import { cancelMove, moveBook, type MoveStep } from './move.ts';
import type { Standing } from './plan.ts';
import { listing as sql } from './statements.ts';

const NAME = /^[a-z][a-z0-9-]{0,30}$/i;

type Values = Readonly<Record<string, string | boolean | undefined>>;

const WORDS: Readonly<Record<MoveStep, string>> = {
  arrive: 'making the book in the other database, where nobody can write it yet',
  copy: 'copying and verifying while it is written, up to record',
  depart: 'ending the writing here',
  'copy the rest': 'copying the rest, up to record',
  verify: 'comparing the rest and the open holds, and replaying the copy up to record',
  leave: 'giving up the book here for good',
  open: 'opening it there at record',
};

/** cairn book move: exit code 0 when the book is in the other database. */
export async function moveCommand(values: Values, tell: (line: string) => void): Promise<number> {
  const { book } = values;
  if (typeof book !== 'string' || !isUuid<BookId>(book)) throw new Problem('cli/bad-arguments', '--book takes the id of a book, a UUID in lower case.');
  const fromUrl = bookUrl(book, values['from'], '--from');
  if (values['cancel']) {
    await cancelMove({ bookId: book, fromUrl });
    tell(`Book ${book} stays in ${databaseName(fromUrl)} and may be written there again.`);
    return 0;
  }
  const toUrl = urlOf(configured(), values['to'], '--to');
  const { seq, to } = await moveBook({
    bookId: book,
    fromUrl,
    toUrl,
    onStep: (step, at) => tell(`${WORDS[step]}${at > 0n ? ` ${at}` : ''}`.replace(/ record$/, '')),
    onRecords: everySoOften(tell),
  });
  tell(`Book ${book} is in ${to} with ${seq} records. Say so in the file of BOOK_DATABASES; until then its callers are told.`);
  return 0;
}

/** How many records go by between two lines of progress. */
const EVERY = 20_000n;

function everySoOften(tell: (line: string) => void): OnRecords {
  const said = { copied: 0n, verified: 0n };
  return (did, seq) => {
    if (seq - said[did] < EVERY) return;
    said[did] = seq;
    tell(`  ${did} up to record ${seq}`);
  };
}

/** cairn book list: the books of every database that is configured, where each stands and who has it. Exit code 1 where one of the databases does not answer. */
export async function listCommand(tell: (line: string) => void): Promise<number> {
  let code = 0;
  for (const [name, url] of bookUrls()) {
    tell(`${name}: ${databaseName(url)}`);
    await listOne(url, tell).catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      if (error.code === 'store/not-set-up') return tell('  not set up yet; the first move to it does that');
      tell(`  ${error.detail} ${error.definition.howToSolve}`);
      code = 1;
    });
  }
  return code;
}

async function listOne(url: string, tell: (line: string) => void): Promise<void> {
  const database = await openForReading({ url });
  try {
    for (const { id, status, moved_to } of await booksIn(database)) {
      const [head] = await query<{ seq: bigint; epoch: bigint; held_ms: bigint | null }>(database.pool, ofBook(sql.standing, id));
      const held = head?.held_ms !== undefined && head.held_ms !== null && head.held_ms > 0n ? `, held for ${head.held_ms} ms more` : '';
      tell(`  ${id}  ${status}${moved_to === null ? '' : ` to ${moved_to}`}, ${head?.seq} records, epoch ${head?.epoch}${held}`);
    }
  } finally {
    await database.close();
  }
}

/** What a database has of books, also those that are not there any more, or not yet. */
export async function booksIn({
  pool,
}: Database): Promise<readonly { readonly id: BookId; readonly status: Standing['status']; readonly moved_to: string | null }[]> {
  return query<{ id: BookId; status: Standing['status']; moved_to: string | null }>(pool, sql.books);
}

/** The owner's URL of every database that is configured, by its name; that of DATABASE_URL is `main`. */
export function bookUrls(): ReadonlyMap<string, string> {
  const { urls } = configured();
  const main = process.env['DATABASE_URL'];
  const all = new Map([...(main === undefined ? [] : [['main', urlOf(NO_BOOK_DATABASES, main, 'DATABASE_URL')] as const]), ...urls]);
  if (all.size === 0) throw new Problem('cli/bad-environment', 'Neither DATABASE_URL nor BOOK_DATABASES says where books are; docs/scale.md shows both.');
  return all;
}

function configured(): BookDatabases {
  const file = process.env['BOOK_DATABASES'];
  if (file === undefined || file === '') return NO_BOOK_DATABASES;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Problem('cli/bad-environment', `BOOK_DATABASES names ${file}, which cannot be read.`, {}, cause);
  }
  return parseBookDatabases(text, process.env);
}

/** The owner's URL of the database that a book is in: what `option` was given, or what BOOK_DATABASES says, or DATABASE_URL. */
export function bookUrl(book: BookId, given: string | boolean | undefined, option: string): string {
  const configuration = configured();
  return urlOf(configuration, given ?? configuration.books.get(book) ?? process.env['DATABASE_URL'], `${option} (or DATABASE_URL)`);
}

/** A database by its name in the file, or by its URL. */
function urlOf({ urls }: BookDatabases, given: string | boolean | undefined, option: string): string {
  if (typeof given !== 'string' || given === '') throw new Problem('cli/bad-arguments', `${option} has to say which database.`);
  const url = urls.get(given) ?? given;
  // Only what has the form of a name is repeated: a mistyped URL may hold a password.
  if (NAME.test(url))
    throw new Problem('cli/bad-arguments', `${option}: ${url} is no name in BOOK_DATABASES (${[...urls.keys()].join(', ') || 'none'}) and no URL.`);
  databaseName(url);
  return url;
}
