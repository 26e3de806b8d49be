import { setTimeout as sleep } from 'node:timers/promises';
import { assert, Problem, type BookId, type TimeMs, type Uuid } from '#base';
import { query, toProblem, violatedConstraint, type Connection, type Database, type Queryable } from '#db';
import { statementsOf } from './statements.ts';

/** How a writer lets time pass. A parameter, so that a simulation has all of it in its hands. */
export interface Pace {
  /** How long something takes is the difference of two of these: never goes back, says no time of day. */
  elapsedMs(): number;
  /** Ends earlier where the signal says so. */
  sleep(ms: number, until?: AbortSignal): Promise<unknown>;
  /** Lets everything that is ready run first. */
  yield(): Promise<unknown>;
}

export const realPace: Pace = {
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

/** One writer, by an id that it makes for itself: what it takes again after its connection broke was its own. */
export type HolderId = Uuid<'holder'>;

export interface Taker {
  readonly database: Database;
  readonly bookId: BookId;
  readonly holder: HolderId;
  /** How long the book is ours unless we say so again, in milliseconds; we do after each third of it. */
  readonly leaseMs: number;
  readonly pace: Pace;
}

/**
 * The right to write a book: a connection that holds its lock for as long as it lives, a time by the database's clock after which any process may end that connection, and the epoch in
 * which batches are accepted from it. Only the epoch keeps a book right: whoever takes the book moves it, and a batch of an earlier one is refused, however late
 * its sender wakes up and whatever any clock says. Lock and time only decide how soon the next writer comes.
 */
export interface Lease {
  readonly client: Queryable;
  readonly epoch: bigint;
  /** Where the journal stood when the book was taken. */
  readonly seq: bigint;
  readonly nowMs: TimeMs;
  /** The database's clock when the book was taken, or at the last renewal. */
  lastServerMs(): TimeMs;
  /** The database's clock. */
  serverMs(): Promise<TimeMs>;
  /** Why it is not ours any more, found by renewing it: the connection broke, or another has the book. Null once it was released. */
  readonly ended: Promise<Problem | null>;
  /** Gives the book back; once or more often. */
  release(): Promise<void>;
}

const PAUSE_MS = 50;

/**
 * Takes a book, makes it if it is new, and gets it ready by `prepare`. Waits up to `waitMs` for the process that has it, and for the
 * database, and no longer than a lease for the answers to one try; what breaks in `prepare` with the connection is tried again from the beginning. `ourselves`: only if nobody has had it since this holder did.
 */
export async function takeBook<T>(taker: Taker, from: 'anybody' | 'ourselves', waitMs: number, prepare: (lease: Lease) => Promise<T>): Promise<T> {
  const { bookId, pace } = taker;
  const endMs = pace.elapsedMs() + waitMs;
  for (;;) {
    try {
      const lease = await tryToTake(taker, from);
      if (lease) return await orRelease(lease, prepare);
      if (pace.elapsedMs() >= endMs) throw new Problem('ledger/book-taken', `Another process writes book ${bookId}.`, { book: bookId });
    } catch (error) {
      if (!isConnectionLoss(error) || pace.elapsedMs() >= endMs) throw error;
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

/** Whether a book is in this database, and where it is where it is not. */
export interface Place {
  readonly status: 'open' | 'arriving' | 'moving' | 'moved';
  readonly moved_to: string | null;
}

interface Whereabouts extends Place {
  readonly holder: HolderId | null;
}

/** What the callers of a writer are told that is fenced: who took its book over. */
export async function lossOf(client: Queryable, book: BookId): Promise<Problem> {
  const [at] = await query<Whereabouts>(client, statementsOf(book).whereabouts, [book]);
  assert(at, `book ${book} has no head`);
  return awayProblem(book, at) ?? fencedProblem(book);
}

function fencedProblem(book: BookId): Problem {
  return new Problem('ledger/fenced', `Another process took book ${book} over.`, { book });
}

/** Null where the book may be written in this database. */
export function awayProblem(book: BookId, { status, moved_to: to }: Place): Problem | null {
  if (status === 'open') return null;
  if (status === 'arriving') return new Problem('ledger/book-arriving', `Book ${book} is still being copied to this database.`, { book });
  return new Problem('ledger/book-moved', `Book ${book} ${status === 'moved' ? 'moved' : 'is moving'} to ${to}.`, { book, to });
}

/** Runs `work` on a connection, which is closed where that fails or is not done after `limitMs`; else it is the work's, to keep or to give back. */
async function inTime<T>({ database, pace }: Taker, limitMs: number, work: (client: Connection, giveBack: () => void) => Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = new Problem('store/unreachable', `The database did not answer within ${limitMs} ms.`);
  let isLate = false;
  let close = (): void => undefined;
  const attempt = async (): Promise<T> => {
    try {
      const client = await database.pool.connect();
      const release = (destroy: boolean) => () => {
        close = () => undefined;
        client.release(destroy);
      };
      close = release(true);
      if (isLate) throw late;
      const outcome = await work(client, release(false));
      close = () => undefined;
      return outcome;
    } catch (error) {
      close();
      throw toProblem(error);
    }
  };
  const lateness = pace.sleep(limitMs, done.signal).then((): never => {
    isLate = !done.signal.aborted;
    if (isLate) close();
    throw late;
  });
  return await Promise.race([attempt(), lateness]).finally(() => done.abort());
}

async function tryToTake(taker: Taker, from: 'anybody' | 'ourselves'): Promise<Lease | null> {
  const { bookId: book, holder, leaseMs } = taker;
  const sql = statementsOf(book);
  const take = async (client: Connection, giveBack: () => void): Promise<Lease | null> => {
    if (from === 'anybody') await query(client, sql.create, [book]);
    // What was ours is there, or this is another database than it was: there it is not made a second time.
    else if ((await query(client, sql.place, [book])).length === 0)
      throw new Problem('ledger/no-such-book', `Book ${book} is gone from its database.`, { book });
    const [at] = await query<Whereabouts>(client, sql.whereabouts, [book]);
    assert(at, `book ${book} has no head`);
    const refusal = awayProblem(book, at) ?? (from === 'ourselves' && at.holder !== holder ? fencedProblem(book) : null);
    if (refusal) throw refusal;
    const [head] = await query<Taken>(client, sql.take, [book, holder, leaseMs]);
    if (!head) {
      await query(client, sql.evict, [holder]);
      giveBack();
      return null;
    }
    await query(client, sql.settings);
    return leaseOn(client, taker, head);
  };
  try {
    return await inTime(taker, leaseMs, take);
  } catch (error) {
    // It was marked between our two looks: the next one says where it went.
    if (violatedConstraint(error) === 'head_stands_where_it_was_left') return null;
    throw error;
  }
}

/** One statement after the other: the renewals come between the writer's own. */
function inOrder(client: Connection): Queryable {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (statement: Parameters<Connection['query']>[0]): Promise<unknown> => {
    const turn = last.then(() => client.query(statement));
    last = turn.catch(() => undefined);
    return turn;
  };
  return { query: inTurn } as unknown as Queryable;
}

interface Taken {
  readonly seq: bigint;
  readonly now_ms: bigint;
  readonly epoch: bigint;
  readonly server_ms: bigint;
}

function leaseOn(connection: Connection, taker: Taker, head: Taken): Lease {
  const { bookId, leaseMs, pace } = taker;
  const sql = statementsOf(bookId);
  const client = inOrder(connection);
  let released = false;
  let lastServerMs = Number(head.server_ms);
  let alarm = new AbortController();

  const release = async (): Promise<void> => {
    if (released) return;
    released = true;
    alarm.abort();
    // Only a connection that is closed has surely given its lock back; giving it back first saves the next writer the wait for that. A server that is cut off is not waited for.
    const over = new AbortController();
    const unlocked = query(client, sql.unlock, [bookId]).catch(() => undefined);
    await Promise.race([unlocked.finally(() => over.abort()), pace.sleep(leaseMs, over.signal)]);
    connection.release(true);
  };

  /** By the connection that the batches use: a lease must not outlive it. */
  async function renew(): Promise<Problem | null> {
    try {
      const [renewed] = await query<{ server_ms: bigint }>(client, sql.renew, [head.epoch, leaseMs]);
      if (!renewed) return await lossOf(client, bookId);
      lastServerMs = Number(renewed.server_ms);
      return null;
    } catch (error) {
      if (isConnectionLoss(error)) return error;
      if (error instanceof Problem) return null;
      // Nobody knows what the server cannot do there: on another connection it may, and callers are told if not.
      return new Problem('store/unreachable', 'The database could not renew the lease of the book.', {}, error);
    }
  }

  /** Whether the server is at work for us: asked by another connection, because ours says nothing before it is done. */
  async function isAtWork(): Promise<boolean> {
    const ask = async (other: Connection, giveBack: () => void): Promise<boolean> => {
      const rows = await query(other, sql.atWork, [head.epoch]);
      giveBack();
      return rows.length > 0;
    };
    return await inTime(taker, leaseMs / 2, ask).catch(() => false);
  }

  /**
   * Ends where the server has neither answered nor is at work for us after as long as the book was ours. A batch may take longer than a lease: whoever gave it
   * up would only send it again. What the server is at ends in any case, by the time limit of a statement.
   */
  async function silence(until: AbortSignal): Promise<Problem> {
    for (;;) {
      await pace.sleep(leaseMs / 2, until);
      const asked = until.aborted ? false : isAtWork();
      await pace.sleep(leaseMs / 2, until);
      if (!(await asked)) return new Problem('store/unreachable', 'The database did not answer for as long as the book was ours.');
    }
  }

  async function keep(): Promise<Problem | null> {
    for (;;) {
      alarm = new AbortController();
      await pace.sleep(leaseMs / 3, alarm.signal);
      if (released) return null;
      const ended = await Promise.race([renew(), silence(alarm.signal)]);
      alarm.abort();
      if (released) return null;
      if (ended === null) continue;
      // A server that is cut off never answers: only an end of the connection lets those who wait for it know.
      released = true;
      connection.release(true);
      return ended;
    }
  }

  async function serverMs(): Promise<TimeMs> {
    const [row] = await query<{ server_ms: bigint }>(client, sql.clock);
    assert(row, 'the server has no clock');
    return Number(row.server_ms);
  }

  const { epoch, seq, now_ms: nowMs } = head;
  return { client, epoch, seq, nowMs: Number(nowMs), lastServerMs: () => lastServerMs, serverMs, ended: keep(), release };
}
