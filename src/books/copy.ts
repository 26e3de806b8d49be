import { Problem } from '#base';
import { execute, query, violatedConstraint, type NamedStatement, type Queryable } from '#db';
import type { Seq } from '#ledger/core';
import { changeCopy, type Ends } from './ends.ts';

interface Table {
  readonly read: NamedStatement;
  readonly write: NamedStatement;
  /** The key that the first page goes on behind. */
  readonly after: readonly string[];
}

interface Page {
  /** A JSON array of rows: the same text for the same rows, in whatever database. */
  readonly rows: string;
  readonly after: readonly string[];
}

const PAGE_ROWS = 5_000;
const NONE = '[]';
const NIL = '00000000-0000-0000-0000-000000000000';

/** Copies what only grows, of the records in (fromSeq, toSeq]: the records themselves, their evidence, the accounts and their history. Goes on where it was interrupted. */
export async function copyGrown(ends: Ends, fromSeq: Seq, toSeq: Seq): Promise<void> {
  const { sql } = ends;
  const copied = await copiedIn(ends);
  const tables: Table[] = [
    { read: sql.readAccounts, write: sql.writeAccounts, after: [String(copied.account)] },
    { read: sql.readJournal, write: sql.writeJournal, after: [String(copied.journal)] },
    { read: sql.readHistory, write: sql.writeHistory, after: ['0', '0', String(fromSeq)] },
    { read: sql.readEvidence, write: sql.writeEvidence, after: [String(copied.evidence)] },
  ];
  for (const table of tables) await copy(ends, table, toSeq);
}

/** Copies what changes, once nobody changes it any more: holds, and evidence of which some was erased meanwhile. */
export async function copyChanged(ends: Ends, toSeq: Seq): Promise<void> {
  const { source, target, sql } = ends;
  await changeCopy(ends, () => execute(target.session, sql.emptyPending));
  await copy(ends, { read: sql.readPending, write: sql.writePending, after: [NIL] }, toSeq);
  const [there] = await query<{ rows: bigint }>(source.session, sql.countEvidence);
  const [here] = await query<{ rows: bigint }>(target.session, sql.countEvidence);
  if (there?.rows === here?.rows) return;
  await changeCopy(ends, () => execute(target.session, sql.emptyEvidence));
  await copy(ends, { read: sql.readEvidence, write: sql.writeEvidence, after: ['0'] }, toSeq);
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

async function copy(ends: Ends, { read, write, after }: Table, toSeq: Seq): Promise<void> {
  const { source, target } = ends;
  for await (const { rows } of pages(source.session, read, after, toSeq)) {
    await changeCopy(ends, () => execute(target.session, write, [rows])).catch((error: unknown) => {
      const constraint = violatedConstraint(error);
      // What an earlier run copied is in the way.
      throw constraint === undefined ? error : new Problem('books/copies-differ', `The copy differs in ${constraint}.`, { difference: constraint }, error);
    });
  }
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

/** Likewise of the tables that are compared whole, once nobody changes them any more. */
export async function differenceWhole(ends: Ends, toSeq: Seq): Promise<string | null> {
  const { sql } = ends;
  if (!(await isSame(ends, sql.readAccounts, ['0'], toSeq))) return 'account';
  if (!(await isSame(ends, sql.readPending, [NIL], toSeq))) return 'pending';
  if (!(await isSame(ends, sql.readEvidence, ['0'], toSeq))) return 'evidence';
  return null;
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
