import { formatDecimal, isUuid, Problem, type BookId, type Clock } from '#base';
import { booksIn, bookUrl, bookUrls } from '#books';
import { databaseName, openDatabase, openForReading, type Database } from '#db';
import { openBook, readBook, type Book } from '#ledger';
import type { Seq } from '#ledger/core';
import { coordinator } from './coordinator.ts';
import { placeOf, type Journal } from './pair.ts';
import { reconcileBooks, type ClearingReport, type NamedTransfer } from './reconcile.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** cairn book reconcile: exit code 0 when the two books agree but for what is under way, 1 when a transfer is named that is wrong. */
export async function reconcileCommand(values: Values, tell: (line: string) => void): Promise<number> {
  const [first, second] = [bookOf(values, 'book'), bookOf(values, 'other')];
  if (first === second) throw new Problem('cli/bad-arguments', '--book and --other have to be two books.');
  const urls = [bookUrl(first, values['at'], '--at'), bookUrl(second, values['other-at'], '--other-at')];
  const databases: Database[] = [];
  try {
    for (const url of urls) databases.push(await openForReading({ url }));
    const readers = await Promise.all([first, second].map((book, i) => readBook(databases[i]!, book).catch(naming(urls[i]!))));
    const reports = await reconcileBooks(readers[0]!, readers[1]!);
    for (const report of reports) for (const line of linesOf(report)) tell(line);
    if (reports.length === 0) tell('The two books never owed each other anything.');
    return reports.every(({ wrong, unexplained }) => wrong.length === 0 && unexplained === 0n) ? 0 : 1;
  } finally {
    for (const database of databases) await database.close();
  }
}

/** With two databases, "this database" says nothing. */
function naming(url: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Problem) || error.code !== 'ledger/no-such-book') throw error;
    const { book } = error.facts;
    throw new Problem('ledger/no-such-book', `There is no book ${String(book)} in ${databaseName(url)}.`, { book }, error);
  };
}

/** How many open holds are read at a time. */
const PAGE = 256;

/** cairn book recover: takes every transfer that stands half-way between the books of all configured databases to its end. Exit code 0 when none is left, 1 when one is. */
export async function recoverCommand(clock: Clock, tell: (line: string) => void): Promise<number> {
  const all: Surroundings = { places: new Map(), busy: new Set() };
  let isWhole = true;
  const failed = (what: string) => (error: unknown) => {
    if (!(error instanceof Problem)) throw error;
    tell(`${what}: ${error.detail} ${error.definition.howToSolve}`);
    isWhole = false;
  };
  for (const [name, url] of bookUrls()) await lookAround(url, all).catch(failed(`${name} (${databaseName(url)})`));

  const databases = new Map<string, Database>();
  const books = new Map<BookId, Book>();
  try {
    // Only those that have something to finish: whoever writes another one is not to wait for this.
    for (const bookId of all.busy) {
      const url = all.places.get(bookId);
      if (url !== undefined) await take(bookId, url).catch(failed(`Book ${bookId}`));
    }
    const { ended, left } = await coordinator({ books }).recover();
    tell(ended === 1 ? '1 transfer between books was under way and has ended.' : `${ended} transfers between books were under way and have ended.`);
    for (const { book, transfer, why } of left) tell(`  left  ${transfer ?? 'what is held'} in book ${book}: ${why.detail} ${why.definition.howToSolve}`);
    return isWhole && left.length === 0 ? 0 : 1;
  } finally {
    for (const book of books.values()) await book.close();
    for (const database of databases.values()) await database.close();
  }

  async function take(bookId: BookId, url: string): Promise<void> {
    const database = databases.get(url) ?? (await openDatabase({ url }));
    databases.set(url, database);
    books.set(bookId, await openBook({ database, bookId, clock }));
  }
}

interface Surroundings {
  /** The URL of the database that a book may be written in. */
  readonly places: Map<BookId, string>;
  /** Books that hold something for a transfer between books, and those that it goes to or comes from. */
  readonly busy: Set<BookId>;
}

async function lookAround(url: string, { places, busy }: Surroundings): Promise<void> {
  const database = await openForReading({ url }).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'store/not-set-up') return null;
    throw error;
  });
  // No book was ever made there or moved to there.
  if (database === null) return;
  try {
    for (const { id, status } of await booksIn(database)) {
      if (status !== 'open') continue;
      places.set(id, url);
      for (const other of await partners(await readBook(database, id))) busy.add(other);
    }
  } finally {
    await database.close();
  }
}

/** Between which books the transfers pass that a book holds something open for. */
async function partners(book: Journal): Promise<ReadonlySet<BookId>> {
  const found = new Set<BookId>();
  for (let afterSeq: Seq = 0n; ;) {
    const holds = await book.interbookHolds({ afterSeq, limit: PAGE });
    for (const hold of holds) {
      const { sender, receiver } = await placeOf(book, hold);
      found.add(sender).add(receiver);
    }
    const last = holds.at(-1);
    if (!last || holds.length < PAGE) return found;
    afterSeq = last.seq;
  }
}

function bookOf(values: Values, option: string): BookId {
  const given = values[option];
  if (typeof given !== 'string' || !isUuid<BookId>(given)) throw new Problem('cli/bad-arguments', `--${option} takes the id of a book, a UUID in lower case.`);
  return given;
}

function linesOf({ symbol, decimals, caip19, owed, claimed, moving, wrong, unexplained }: ClearingReport): readonly string[] {
  const units = (amount: bigint): string => formatDecimal(amount, decimals);
  const named = (kind: string) => (one: NamedTransfer) => `  ${kind}  ${one.transfer}  sent ${units(one.sent)}, received ${units(one.received)}: ${one.what}`;
  return [
    `${symbol}${caip19 === null ? '' : ` (${caip19})`}: the first book owes ${units(owed)}, the second claims ${units(claimed)}`,
    ...moving.map(named('under way')),
    ...wrong.map(named('WRONG    ')),
    ...(unexplained === 0n ? [] : [`  WRONG      ${units(unexplained)} that no record explains`]),
  ];
}
