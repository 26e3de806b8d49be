import { assert, isUuid, Problem, type BookId, type Clock, type TransferId } from '#base';
import type { Database } from '#db';
import { decide, Draft, type Command, type LedgerRecord, type Result } from '#ledger/core';
import { isConnectionLoss, takeBook } from './store/lease.ts';
import { BookStore } from './store/store.ts';

/** The most commands in one request, and in one batch. */
export const MAX_BATCH = 8_192;
/** The most commands that may wait: past it requests are refused at once instead of answered too late. */
const MAX_WAITING = 200_000;

export interface WriterOptions {
  readonly database: Database;
  readonly bookId: BookId;
  readonly clock: Clock;
  /** How long to wait for the process that has the book, in milliseconds. */
  readonly waitMs: number;
  /** How long to try to get the book back after its connection broke, in milliseconds. */
  readonly recoverMs: number;
}

interface Request {
  readonly commands: readonly Command[];
  readonly resolve: (results: Result[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The one writer of a book: requests are gathered while a batch is in flight, decided in order by the pure core, and appended in
 * one durable transaction; then each caller gets its own results.
 */
export class Writer {
  readonly #options: WriterOptions;
  #store: BookStore;
  #queue: Request[] = [];
  #waiting = 0;
  #running: Promise<void> | null = null;
  /** Why nothing is accepted any more. */
  #over: Problem | null = null;

  private constructor(options: WriterOptions, store: BookStore) {
    this.#options = options;
    this.#store = store;
  }

  static async open(options: WriterOptions): Promise<Writer> {
    const store = await takeBook(options.database, options.bookId, options.waitMs, (lease) => BookStore.open(options.bookId, lease));
    return new Writer(options, store);
  }

  /** All of the request's commands in one batch; a result each, in order. When this returns, what was created is durable. */
  submit(commands: readonly Command[]): Promise<Result[]> {
    if (this.#over) return Promise.reject(this.#over);
    if (commands.length > MAX_BATCH) {
      return Promise.reject(new Problem('ledger/batch-too-large', `A request has at most ${MAX_BATCH} commands; this one has ${commands.length}.`));
    }
    if (this.#waiting + commands.length > MAX_WAITING) {
      return Promise.reject(new Problem('ledger/overloaded', `${this.#waiting} commands are waiting for book ${this.#options.bookId}.`));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ commands, resolve, reject });
      this.#waiting += commands.length;
      this.#running ??= this.#run();
    });
  }

  /** Answers what is waiting, then gives the book back. */
  async close(): Promise<void> {
    this.#over ??= new Problem('ledger/closed', `Book ${this.#options.bookId} is being closed.`);
    await this.#running;
    await this.#store.lease.release();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      // Callers that were just answered get the chance to ask again, so that they share the next batch.
      await new Promise((resolve) => setImmediate(resolve));
      const requests = this.#gather();
      await this.#answer(requests);
    }
    this.#running = null;
  }

  #gather(): Request[] {
    let commands = 0;
    let count = 0;
    for (const request of this.#queue) {
      if (count > 0 && commands + request.commands.length > MAX_BATCH) break;
      commands += request.commands.length;
      count += 1;
    }
    this.#waiting -= commands;
    return this.#queue.splice(0, count);
  }

  /** Resolves or rejects every request; never throws. */
  async #answer(requests: readonly Request[]): Promise<void> {
    try {
      const results = await this.#book(requests.map((request) => request.commands));
      for (const [i, request] of requests.entries()) request.resolve(results[i]!);
    } catch (error) {
      if (this.#over || error instanceof Problem || requests.length === 1) {
        for (const request of requests) request.reject(this.#over ?? error);
        return;
      }
      // A bug that one request meets must not be the others' failure.
      for (const request of requests) await this.#answer([request]);
    }
  }

  /** Books a batch of requests, over lost connections if need be. */
  async #book(requests: readonly (readonly Command[])[]): Promise<Result[][]> {
    if (this.#over && this.#over.code !== 'ledger/closed') throw this.#over;
    const attempt: Attempt = { sent: null };
    for (;;) {
      try {
        return await this.#attempt(requests, attempt);
      } catch (error) {
        if (!isConnectionLoss(error)) throw error;
        const done = await this.#recover(error, attempt);
        if (done) return done;
      }
    }
  }

  async #attempt(requests: readonly (readonly Command[])[], attempt: Attempt): Promise<Result[][]> {
    const store = this.#store;
    const commands = requests.flat();
    const absent = new Set<TransferId>();
    await store.load(commands);
    for (;;) {
      const draft = new Draft(store.state, Math.max(this.#options.clock.nowMs(), store.state.nowMs));
      const results = requests.map((request) => decide(draft, request));
      // A refusal is believed once it is known that the id was not booked before: `exists` goes before nearly every other answer.
      const doubtful = unknownIds(store, commands, results.flat(), absent);
      if (await store.lookUp(doubtful)) continue;
      for (const id of doubtful) absent.add(id);
      if (draft.records.length === 0) return results;
      attempt.sent = { records: draft.records, results };
      const outcome = await store.append(draft);
      attempt.sent = null;
      if (outcome === 'appended') return results;
      // What looks like another writer may be our own: a hold that was booked before and is closed by now is not there to be changed.
      const known = await store.lookUp(unfiledIds(store, commands));
      if (outcome === 'fenced' && !known) throw this.#giveUp(new Problem('ledger/fenced', `Another process took book ${this.#options.bookId} over.`));
      assert(known, 'an id of the batch is in the journal and not found there');
    }
  }

  /**
   * Takes the book again after the connection broke, and looks into the journal for the batch that was on the way: where it is
   * there, these are its results; else it has to be decided again.
   */
  async #recover(cause: Problem, { sent }: Attempt): Promise<Result[][] | null> {
    const { database, bookId, recoverMs } = this.#options;
    await this.#store.lease.release();
    try {
      return await takeBook(database, bookId, recoverMs, async (lease) => {
        const store = await BookStore.open(bookId, lease);
        const written = sent !== null && (await store.holds(sent.records));
        this.#store = store;
        return written ? sent.results : null;
      });
    } catch (error) {
      // The database does not come back in time: these callers are told so, the next ones try again.
      if (isConnectionLoss(error)) throw sent === null ? error : new Problem('store/outcome-unknown', 'The connection broke during a batch.', {}, error);
      throw this.#giveUp(error instanceof Problem ? error : cause);
    }
  }

  /** From here on every request gets this problem; the same ids can be sent to whoever has the book then. */
  #giveUp(problem: Problem): Problem {
    this.#over = problem;
    return problem;
  }
}

interface Attempt {
  /** The batch whose fate is not known yet. */
  sent: { readonly records: readonly LedgerRecord[]; readonly results: Result[][] } | null;
}

/** The ids of the batch that are taken to be new. */
function unfiledIds({ state }: BookStore, commands: readonly Command[]): TransferId[] {
  return commands.flatMap((command) => {
    if (command.kind !== 'transfer' || state.transfers.has(command.id) || state.refusals.has(command.id)) return [];
    return isUuid<TransferId>(command.id) ? [command.id] : [];
  });
}

function unknownIds(store: BookStore, commands: readonly Command[], results: readonly Result[], absent: ReadonlySet<TransferId>): TransferId[] {
  const { transfers, refusals } = store.state;
  return commands.flatMap((command, i) => {
    const { code } = results[i]!;
    if (command.kind !== 'transfer' || code === 'created' || code === 'field_malformed') return [];
    return transfers.has(command.id) || refusals.has(command.id) || absent.has(command.id) ? [] : [command.id];
  });
}
