import { randomBytes } from 'node:crypto';
import { newId, type BookId, type Clock, type Problem, type RandomBytes } from '#base';
import type { Database } from '#db';
import type { Command, Result } from '#ledger/core';
import { realPace, type HolderId, type Pace } from './store/lease.ts';
import { readerOf, type BookReader } from './store/reader.ts';
import { MEMORY, type Memory } from './store/store.ts';
import { MAX_BATCH, Writer } from './writer.ts';

export interface BookOptions {
  readonly database: Database;
  readonly bookId: BookId;
  readonly clock: Clock;
  /** How long to wait for another process that has the book, in milliseconds; 8,000 unless told, which is longer than one that stands still keeps it. */
  readonly waitMs?: number;
  /** How long the book stays this process's while it gives no sign of life, in milliseconds; 5,000 unless told. It gives one after each third of that. */
  readonly leaseMs?: number;
  /** How long callers wait while the database is away, in milliseconds, before they are told; 30,000 unless told otherwise. */
  readonly recoverMs?: number;
  /**
   * By how much the clock may be ahead of the database's before everything is refused with `ledger/clock-ahead`, in milliseconds. Any clock will do unless told:
   * a sandbox moves its own.
   */
  readonly maxAheadMs?: number;
  /** Real time unless told. */
  readonly pace?: Pace;
  /** How much of the book is kept in memory; what is forgotten is loaded again. */
  readonly memory?: Memory;
  /** For the id under which the book is held; the system's unless told. */
  readonly random?: RandomBytes;
}

/** A book that this process writes. Once it is lost to a move, what is left of it here is refused to readers as well, with the same problem. */
export interface Book extends BookReader {
  /**
   * Decides the commands in order and appends what they become. The request is one unit of gathering, not of success: each command has
   * a result of its own, linked chains succeed or fail whole. When it returns, what was created is durable. Sent again with the same ids
   * after any failure it answers `exists` for what was booked.
   */
  submit(commands: readonly Command[]): Promise<Result[]>;
  /**
   * Runs `work` while no other work that asks for this runs: what it read of the others' records still holds when it submits, since no other process can write
   * the book at all. Who asks for it must not ask again inside.
   */
  exclusively<Outcome>(work: () => Promise<Outcome>): Promise<Outcome>;
  /** Expires every hold that is due by the book's clock, and says how many it expired. */
  expireDue(): Promise<number>;
  /**
   * Settles when another process has the book, with what every caller is told from then on: `ledger/fenced`, or `ledger/book-moved` with the database it went
   * to. It comes within a third of the lease, also where nobody asks for anything; never where the book is closed first.
   */
  readonly lost: Promise<Problem>;
  /** Answers what is waiting and gives the book back. */
  close(): Promise<void>;
}

const systemRandom: RandomBytes = (length) => new Uint8Array(randomBytes(length));

/** Makes the book if it is new, and takes it: from here until it is closed no other process can write it. */
export async function openBook(options: BookOptions): Promise<Book> {
  const { database, bookId, clock, waitMs = 8_000, leaseMs = 5_000, recoverMs = 30_000, maxAheadMs = Infinity } = options;
  const { pace = realPace, random = systemRandom, memory = MEMORY } = options;
  const holder = newId<HolderId>(clock.nowMs(), random);
  const writer = await Writer.open({ database, bookId, clock, waitMs, leaseMs, recoverMs, maxAheadMs, pace, holder, memory });
  const reader = readerOf(database, bookId);

  async function expireDue(): Promise<number> {
    let expired = 0;
    for (;;) {
      // What its writer goes by: the book's time is ahead of a clock that was put back.
      const due = await reader.due(Math.max(clock.nowMs(), (await reader.head()).nowMs), MAX_BATCH);
      const results = await writer.submit(due.map((transfer) => ({ kind: 'expire', transfer })));
      const created = results.filter((result) => result.code === 'created').length;
      expired += created;
      // What was due and not expired was settled or taken by a window in between.
      if (due.length < MAX_BATCH || created === 0) return expired;
    }
  }

  let last: Promise<unknown> = Promise.resolve();
  function exclusively<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  }

  return {
    ...untilMoved(reader, writer.lost),
    submit: (commands) => writer.submit(commands),
    exclusively,
    expireDue,
    lost: writer.lost,
    close: () => writer.close(),
  };
}

/** A reader that stops where the book went on: what another process of this database books, it sees; what is booked elsewhere it never will. */
function untilMoved(reader: BookReader, lost: Promise<Problem>): BookReader {
  let moved: Problem | null = null;
  void lost.then((problem) => (moved = problem.code === 'ledger/book-moved' ? problem : null));
  const here = (): BookReader => {
    if (moved) throw moved;
    return reader;
  };
  return {
    bookId: reader.bookId,
    head: async () => here().head(),
    account: async (id) => here().account(id),
    accounts: async (ids) => here().accounts(ids),
    accountsOf: async (owner, page) => here().accountsOf(owner, page),
    transfer: async (id) => here().transfer(id),
    hold: async (id) => here().hold(id),
    holds: async (ids) => here().holds(ids),
    window: async (id) => here().window(id),
    byKey: async (key) => here().byKey(key),
    records: async (page) => here().records(page),
    entries: async (id, page) => here().entries(id, page),
    balanceAt: async (id, at) => here().balanceAt(id, at),
    due: async (nowMs, limit) => here().due(nowMs, limit),
    interbookHolds: async (page) => here().interbookHolds(page),
  };
}
