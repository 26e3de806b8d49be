import type { BookId } from '#base';
import { execute, loadSql, query, type Queryable } from '#db';
import type { Seq } from '#ledger/core';

const sql = loadSql(new URL('./sql/cursor.sql', import.meta.url), ['readCursor', 'moveCursor', 'claimCursor']);

/** The last record a reader has dealt with; 0n at first. */
export async function readCursor(client: Queryable, reader: string, book: BookId): Promise<Seq> {
  return (await query<{ seq: bigint }>(client, sql.readCursor, [reader, book]))[0]?.seq ?? 0n;
}

export async function moveCursor(client: Queryable, reader: string, book: BookId, seq: Seq): Promise<void> {
  await execute(client, sql.moveCursor, [reader, book, seq]);
}

/**
 * Moves a reader from one record to another, first thing in a transaction that then deals with what lies between: of any number of processes that are the same
 * reader one at a time gets to do so. False where the reader is not at `from` any more.
 */
export async function claimCursor(client: Queryable, reader: string, book: BookId, { from, to }: { readonly from: Seq; readonly to: Seq }): Promise<boolean> {
  return (await execute(client, sql.claimCursor, [reader, book, from, to])) === 1;
}
