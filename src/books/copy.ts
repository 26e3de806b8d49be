import { execute, query, type NamedStatement, type Queryable } from '#db';
import type { Seq } from '#ledger/core';
import type { MoveStatements } from './statements.ts';

/** The two ends of a move: a connection of the owner at each. */
export interface Ends {
  readonly source: Queryable;
  readonly target: Queryable;
  readonly sql: MoveStatements;
}

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
export async function copyGrown({ source, target, sql }: Ends, fromSeq: Seq, toSeq: Seq): Promise<void> {
  const [copied] = await query<{ journal: bigint; account: number; evidence: bigint }>(target, sql.copied);
  const tables: Table[] = [
    { read: sql.readAccounts, write: sql.writeAccounts, after: [String(copied?.account)] },
    { read: sql.readJournal, write: sql.writeJournal, after: [String(copied?.journal)] },
    { read: sql.readHistory, write: sql.writeHistory, after: ['0', '0', String(fromSeq)] },
    { read: sql.readEvidence, write: sql.writeEvidence, after: [String(copied?.evidence)] },
  ];
  for (const table of tables) await copy(source, target, table, toSeq);
}

/** Copies what changes, once nobody changes it any more: holds, and evidence of which some was erased meanwhile. */
export async function copyChanged({ source, target, sql }: Ends, toSeq: Seq): Promise<void> {
  await execute(target, sql.emptyPending);
  await copy(source, target, { read: sql.readPending, write: sql.writePending, after: [NIL] }, toSeq);
  const [there] = await query<{ rows: bigint }>(source, sql.countEvidence);
  const [here] = await query<{ rows: bigint }>(target, sql.countEvidence);
  if (there?.rows === here?.rows) return;
  await execute(target, sql.emptyEvidence);
  await copy(source, target, { read: sql.readEvidence, write: sql.writeEvidence, after: ['0'] }, toSeq);
}

async function copy(source: Queryable, target: Queryable, { read, write, after }: Table, toSeq: Seq): Promise<void> {
  for await (const { rows } of pages(source, read, after, toSeq)) await execute(target, write, [rows]);
}

/** The first table whose rows of the records in (fromSeq, toSeq] are not the same at both ends; null where all are. */
export async function differenceGrown(ends: Ends, fromSeq: Seq, toSeq: Seq): Promise<string | null> {
  const { sql } = ends;
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
  const there = pages(target, read, after, toSeq);
  for await (const page of pages(source, read, after, toSeq)) {
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
