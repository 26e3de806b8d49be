import { Problem, type BookId } from '#base';
import { execute, openAsOwner, query, type Connection, type Database } from '#db';
import type { Seq } from '#ledger/core';
import { moveStatements, type MoveStatements } from './statements.ts';

/** One end of a move: a session of the owner that keeps every other mover of the book away from its database for as long as it lives, and does all that this mover changes there. */
export interface End {
  readonly database: Database;
  readonly session: Connection;
}

/** Both ends, and the statements of the book. */
export interface Ends {
  readonly bookId: BookId;
  readonly source: End;
  readonly target: End;
  readonly sql: MoveStatements;
  /** Told after each page of records. */
  readonly onRecords: OnRecords;
}

/** Up to which record of the book so much was done. */
export type OnRecords = (did: 'copied' | 'verified', seq: Seq) => void;

export async function withEnd<T>(url: string, bookId: BookId, work: (end: End) => Promise<T>): Promise<T> {
  const sql = moveStatements(bookId);
  const database = await openAsOwner({ url });
  try {
    const session = await database.pool.connect();
    try {
      await query(session, sql.settings);
      await query(session, sql.lock, [bookId]).catch((error: unknown) => {
        const isHeld = error instanceof Problem && error.code === 'store/busy';
        throw isHeld ? new Problem('books/move-under-way', `Another process moves book ${bookId}.`, { book: bookId }, error) : error;
      });
      return await work({ database, session });
    } finally {
      session.release(true);
    }
  } finally {
    await database.close();
  }
}

/** One transaction on this very session: it is the one that keeps other movers away. */
export async function inOne<T>({ session }: End, work: () => Promise<T>): Promise<T> {
  await session.query('begin');
  try {
    const result = await work();
    await session.query('commit');
    return result;
  } catch (error) {
    await session.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** A change to the copy. What was opened meanwhile is no copy any more, but the book: of that nothing is changed. */
export async function changeCopy({ bookId, target, sql }: Ends, work: () => Promise<unknown>): Promise<void> {
  await inOne(target, async () => {
    if ((await execute(target.session, sql.arriving, [bookId])) === 0)
      throw new Problem('books/already-there', `Book ${bookId} was opened in the other database while it was copied.`, { book: bookId });
    await work();
  });
}
