import type { BookId } from '#base';
import { execute, loadSql, query, type Queryable } from '#db';
import type { Seq } from '#ledger/core';

const sql = loadSql(new URL('./sql/cursor.sql', import.meta.url), ['readCursor', 'moveCursor']);

/** The last record a reader has dealt with; 0n at first. */
export async function readCursor(client: Queryable, reader: string, book: BookId): Promise<Seq> {
  return (await query<{ seq: bigint }>(client, sql.readCursor, [reader, book]))[0]?.seq ?? 0n;
}

export async function moveCursor(client: Queryable, reader: string, book: BookId, seq: Seq): Promise<void> {
  await execute(client, sql.moveCursor, [reader, book, seq]);
}
