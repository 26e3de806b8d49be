import { Problem, type TransferId } from '#base';
import { execute, query, violatedConstraint, type NamedStatement, type Queryable } from '#db';
import type { Seq } from '#ledger/core';
import { changeCopy, type End, type Ends } from './ends.ts';
import type { MoveStatements } from './statements.ts';

interface Table {
  readonly read: NamedStatement;
  readonly write: NamedStatement;
  /** The key that the first page goes on behind. */
  readonly after: readonly string[];
  readonly onPage?: (page: Page) => void;
}

interface Page {
  /** A JSON array of rows: the same text for the same rows, in whatever database. */
  readonly rows: string;
  readonly after: readonly string[];
}

const PAGE_ROWS = 5_000;
const NONE = '[]';

/** Copies what only grows, of the records in (fromSeq, toSeq]: the records themselves, their evidence, the accounts and their history. Goes on where it was interrupted. */
export async function copyGrown(ends: Ends, fromSeq: Seq, toSeq: Seq): Promise<void> {
  const { sql } = ends;
  const copied = await copiedIn(ends);
  const tables: Table[] = [
    { read: sql.readAccounts, write: sql.writeAccounts, after: [String(copied.account)] },
    { read: sql.readJournal, write: sql.writeJournal, after: [String(copied.journal)], onPage: ({ after }) => ends.onRecords('copied', BigInt(after[0]!)) },
    { read: sql.readHistory, write: sql.writeHistory, after: ['0', '0', String(fromSeq)] },
    { read: sql.readEvidence, write: sql.writeEvidence, after: [String(copied.evidence)] },
  ];
  for (const table of tables) await copy(ends, table, toSeq);
}

/** Copies holds that nobody changes any more. */
export async function copyHolds(ends: Ends, ids: readonly TransferId[]): Promise<void> {
  await write(ends, ends.sql.writePending, await holdsIn(ends.source, ends.sql, ids));
}

/** Of evidence that was erased in the source while it was copied, the copy has none either: then all of it is copied once more, which is seldom. */
export async function copyErased(ends: Ends, toSeq: Seq): Promise<void> {
  const { source, target, sql } = ends;
  const [there] = await query<{ rows: bigint }>(source.session, sql.countEvidence);
  const [here] = await query<{ rows: bigint }>(target.session, sql.countEvidence);
  if (there?.rows === here?.rows) return;
  await changeCopy(ends, () => execute(target.session, sql.emptyEvidence));
  await copy(ends, { read: sql.readEvidence, write: sql.writeEvidence, after: ['0'] }, toSeq);
  if (!(await isSame(ends, sql.readEvidence, ['0'], toSeq)))
    throw new Problem('books/copies-differ', 'The copy differs in evidence.', { difference: 'evidence' });
}

/** Throws away all that was copied. */
export async function emptyCopy(ends: Ends): Promise<void> {
  const { target, sql } = ends;
  await changeCopy(ends, async () => {
    await execute(target.session, sql.emptyAll);
    await execute(target.session, sql.stand, [0n, 0n, 0n]);
  });
}

interface Copied {
  readonly journal: bigint;
  readonly account: number;
  readonly evidence: bigint;
}

async function copiedIn({ target, sql }: Ends): Promise<Copied> {
  return (await query<{ journal: bigint; account: number; evidence: bigint }>(target.session, sql.copied))[0]!;
}

async function copy(ends: Ends, { read, write: into, after, onPage = () => undefined }: Table, toSeq: Seq): Promise<void> {
  for await (const page of pages(ends.source.session, read, after, toSeq)) {
    await write(ends, into, page.rows);
    onPage(page);
  }
}

async function write(ends: Ends, into: NamedStatement, rows: string): Promise<void> {
  await changeCopy(ends, () => execute(ends.target.session, into, [rows])).catch((error: unknown) => {
    const constraint = violatedConstraint(error);
    // What an earlier run copied is in the way.
    throw constraint === undefined ? error : new Problem('books/copies-differ', `The copy differs in ${constraint}.`, { difference: constraint }, error);
  });
}

async function holdsIn({ session }: End, sql: MoveStatements, ids: readonly TransferId[]): Promise<string> {
  return (await query<{ rows: string }>(session, sql.readHolds, [ids]))[0]!.rows;
}

/** The first table whose rows of the records in (fromSeq, toSeq] are not the same at both ends; null where all are. */
export async function differenceGrown(ends: Ends, fromSeq: Seq, toSeq: Seq): Promise<string | null> {
  const { sql } = ends;
  const copied = await copiedIn(ends);
  // Of a source that has lost its last records since.
  if (copied.journal > toSeq || copied.evidence > toSeq) return 'how many records it has';
  if (!(await isSame(ends, sql.readJournal, [String(fromSeq)], toSeq))) return 'journal';
  if (!(await isSame(ends, sql.readHistory, ['0', '0', String(fromSeq)], toSeq))) return 'account_history';
  return null;
}

/** Likewise of holds that nobody changes any more. */
export async function differenceHolds({ source, target, sql }: Ends, ids: readonly TransferId[]): Promise<string | null> {
  return (await holdsIn(source, sql, ids)) === (await holdsIn(target, sql, ids)) ? null : 'pending';
}

async function isSame({ source, target }: Ends, read: NamedStatement, after: readonly string[], toSeq: Seq): Promise<boolean> {
  const there = pages(target.session, read, after, toSeq);
  for await (const page of pages(source.session, read, after, toSeq)) {
    const next = await there.next();
    if (next.done || next.value.rows !== page.rows) return false;
  }
  return (await there.next()).done === true;
}

async function* pages(client: Queryable, read: NamedStatement, first: readonly string[], toSeq: Seq): AsyncGenerator<Page, void> {
  let after = first;
  for (;;) {
    const [page] = await query<{ rows: string; after: string[] }>(client, read, [after, toSeq, PAGE_ROWS]);
    if (!page || page.rows === NONE) return;
    yield page;
    after = page.after;
  }
}
