import { setTimeout as sleep } from 'node:timers/promises';
import { assert, Problem, type BookId } from '#base';
import { query, toProblem, type Database, type Queryable } from '#db';
import { statementsOf } from './statements.ts';

/** The right to write a book: a connection that holds its lock, and the epoch in which batches are accepted from it. */
export interface Lease {
  readonly client: Queryable;
  readonly epoch: bigint;
  /** Where the journal stood when the book was taken. */
  readonly seq: bigint;
  readonly nowMs: number;
  /** Gives the book back; once or more often. */
  release(): Promise<void>;
}

const PAUSE_MS = 50;

/** How a writer lets time pass. A parameter, so that a simulation has all of it in its hands. */
export interface Pace {
  sleep(ms: number): Promise<unknown>;
  /** Lets everything that is ready run first. */
  yield(): Promise<unknown>;
}

export const realPace: Pace = { sleep: (ms) => sleep(ms), yield: () => new Promise((resolve) => setImmediate(resolve)) };

/**
 * Takes a book, makes it if it is new, and gets it ready by `prepare`. Waits up to `waitMs` for the process that has it, and for the
 * database; what breaks in `prepare` with the connection is tried again from the beginning.
 */
export async function takeBook<T>(
  { database, bookId, pace }: { readonly database: Database; readonly bookId: BookId; readonly pace: Pace },
  waitMs: number,
  prepare: (lease: Lease) => Promise<T>,
): Promise<T> {
  for (let waited = 0; ; waited += PAUSE_MS) {
    try {
      const lease = await tryToTake(database, bookId);
      if (lease) return await orRelease(lease, prepare);
      if (waited >= waitMs) throw new Problem('ledger/book-taken', `Another process writes book ${bookId}.`, { book: bookId });
    } catch (error) {
      if (!isConnectionLoss(error) || waited >= waitMs) throw error;
    }
    await pace.sleep(PAUSE_MS);
  }
}

async function orRelease<T>(lease: Lease, prepare: (lease: Lease) => Promise<T>): Promise<T> {
  try {
    return await prepare(lease);
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** The connection is gone; whether what was sent on it was done has to be looked up. */
export function isConnectionLoss(error: unknown): error is Problem {
  return error instanceof Problem && (error.code === 'store/unreachable' || error.code === 'store/outcome-unknown');
}

async function tryToTake(database: Database, book: BookId): Promise<Lease | null> {
  const sql = statementsOf(book);
  const client = await database.pool.connect().catch((error: unknown) => {
    throw toProblem(error);
  });
  try {
    const [lock] = await query<{ locked: boolean }>(client, sql.lock, [book]);
    if (lock?.locked !== true) {
      client.release();
      return null;
    }
    await query(client, sql.create, [book]);
    await query(client, sql.settings);
    const [head] = await query<{ seq: bigint; now_ms: bigint; epoch: bigint }>(client, sql.take);
    assert(head, `book ${book} has no head`);
    let released = false;
    const release = async (): Promise<void> => {
      if (released) return;
      released = true;
      // Only a connection that is closed has surely given its lock back; giving it back first saves the next writer the wait for that.
      await query(client, sql.unlock, [book]).catch(() => undefined);
      client.release(true);
    };
    return { client, epoch: head.epoch, seq: head.seq, nowMs: Number(head.now_ms), release };
  } catch (error) {
    client.release(true);
    throw toProblem(error);
  }
}
