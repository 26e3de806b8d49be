import type { BookId, Clock } from '#base';
import type { Database } from '#db';
import type { Command, Result } from '#ledger/core';
import { realPace, type Pace } from './store/lease.ts';
import { readerOf, type BookReader } from './store/reader.ts';
import { MEMORY, type Memory } from './store/store.ts';
import { MAX_BATCH, Writer } from './writer.ts';

export interface BookOptions {
  readonly database: Database;
  readonly bookId: BookId;
  readonly clock: Clock;
  /** How long to wait for another process that has the book, in milliseconds; 5,000 unless told. */
  readonly waitMs?: number;
  /** How long callers wait while the database is away, in milliseconds, before they are told; 30,000 unless told otherwise. */
  readonly recoverMs?: number;
  /** Real time unless told. */
  readonly pace?: Pace;
  /** How much of the book is kept in memory; what is forgotten is loaded again. */
  readonly memory?: Memory;
}

/** A book that this process writes. */
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
  /** Answers what is waiting and gives the book back. */
  close(): Promise<void>;
}

/** Makes the book if it is new, and takes it: from here until it is closed no other process can write it. */
export async function openBook(options: BookOptions): Promise<Book> {
  const { database, bookId, clock } = options;
  const writer = await Writer.open({ waitMs: 5_000, recoverMs: 30_000, pace: realPace, memory: MEMORY, ...options });
  const reader = readerOf(database, bookId);

  async function expireDue(): Promise<number> {
    let expired = 0;
    for (;;) {
      const due = await reader.due(clock.nowMs(), MAX_BATCH);
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

  return { ...reader, submit: (commands) => writer.submit(commands), exclusively, expireDue, close: () => writer.close() };
}
