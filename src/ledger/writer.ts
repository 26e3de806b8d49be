import { assert, isUuid, Problem, type Clock, type TimeMs, type TransferId } from '#base';
import { decide, Draft, type Command, type LedgerRecord, type Result } from '#ledger/core';
import { isConnectionLoss, lossOf, takeBook, type Taker } from './store/lease.ts';
import type { Batch } from './store/batch.ts';
import { BookStore, type AppendOutcome, type Memory } from './store/store.ts';

/** The most commands in one request, and in one batch. */
export const MAX_BATCH = 8_192;
/** The most commands that may wait: past it requests are refused at once instead of answered too late. */
const MAX_WAITING = 200_000;
/** A batch that has cost so many connections, and is not written, is not sent again whole: it may be what they break by. */
const MOST_LOSSES = 2;
/** So many commands are worth a batch of their own, decided while the one before it is being written; fewer had better share one. */
const WORTH_A_BATCH = 64;

export interface WriterOptions extends Taker {
  readonly clock: Clock;
  /** How long to wait for the process that has the book, in milliseconds. */
  readonly waitMs: number;
  /** How long to try to get the book back after its connection broke, in milliseconds. */
  readonly recoverMs: number;
  readonly memory: Memory;
  /** By how much the clock may be ahead of the database's, in milliseconds; infinite where nobody looks. */
  readonly maxAheadMs: number;
}

interface Request {
  readonly commands: readonly Command[];
  readonly resolve: (results: Result[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests that were decided, and the statement that makes it so; none where they write nothing. */
interface Prepared {
  readonly requests: readonly Request[];
  readonly results: Result[][];
  readonly batch: Batch | null;
}

/** A batch on its way to the journal. */
interface Flight extends Prepared {
  readonly batch: Batch;
  readonly landed: Promise<{ readonly outcome: AppendOutcome } | { readonly error: unknown }>;
}

/**
 * The one writer of a book: requests are gathered while a batch is in flight, decided in order by the pure core, and appended in
 * one durable transaction; then each caller gets its own results. The next batch is decided on top of the one in flight, and sent once that one is durable: the
 * database and this process work at the same time, and nobody is answered on the strength of what may yet be lost.
 */
export class Writer {
  readonly #options: WriterOptions;
  #store: BookStore;
  #queue: Request[] = [];
  #waiting = 0;
  #running: Promise<void> | null = null;
  /** Why nothing is accepted any more. */
  #over: Problem | null = null;
  readonly #loss = Promise.withResolvers<Problem>();
  /** Another has the book: the problem that every caller gets from then on. Never settles where the book is closed by us. */
  readonly lost: Promise<Problem> = this.#loss.promise;

  private constructor(options: WriterOptions, store: BookStore) {
    this.#options = options;
    this.#store = store;
    void this.#mind(store);
  }

  static async open(options: WriterOptions): Promise<Writer> {
    const store = await takeBook(options, 'anybody', options.waitMs, (lease) => BookStore.open(options.bookId, lease, options.memory));
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
    let flight: Flight | null = null;
    while (this.#queue.length > 0 || flight) flight = await this.#turn(flight);
    this.#running = null;
  }

  /** Decides the next batch while one is in flight, answers for that one, and gives what is in flight then. */
  async #turn(flight: Flight | null): Promise<Flight | null> {
    // Callers that were just answered get the chance to ask again, so that they share the next batch.
    await this.#options.pace.yield();
    const requests = this.#gather(flight !== null);
    const next = requests.length === 0 ? null : await this.#prepareFor(requests, flight?.batch ?? null);
    const sound = flight === null || (await this.#land(flight));
    const launched = sound && next ? this.#launch(next) : null;
    // Answers after the launch: the database has the next batch while hundreds of callers go on.
    if (sound && flight) resolveAll(flight);
    if (sound && next) return launched;
    // What was decided on top of a batch that is not there, or could not be decided, is decided anew.
    if (requests.length > 0) await this.#answer(requests);
    return null;
  }

  /** While a batch is in flight only what is worth another one; else everything, or the half of it, so that the other half is decided meanwhile. */
  #gather(isFlying: boolean): Request[] {
    if (isFlying && this.#waiting < WORTH_A_BATCH) return [];
    const most = isFlying || this.#waiting < 2 * WORTH_A_BATCH ? MAX_BATCH : Math.min(MAX_BATCH, Math.ceil(this.#waiting / 2));
    let commands = 0;
    let count = 0;
    for (const request of this.#queue) {
      if (count > 0 && commands + request.commands.length > most) break;
      commands += request.commands.length;
      count += 1;
    }
    this.#waiting -= commands;
    return this.#queue.splice(0, count);
  }

  /** Null where it fails: whoever decides them alone finds out why. */
  async #prepareFor(requests: readonly Request[], below: Batch | null): Promise<Prepared | null> {
    if (this.#over && this.#over.code !== 'ledger/closed') return null;
    try {
      const commands = requests.map((request) => request.commands);
      return { requests, ...(await this.#prepare(commands, below)) };
    } catch {
      return null;
    }
  }

  #launch(prepared: Prepared): Flight | null {
    const { batch } = prepared;
    if (!batch) {
      resolveAll(prepared);
      return null;
    }
    const landed = this.#store.append(batch).then(
      (outcome) => ({ outcome }),
      (error: unknown) => ({ error }),
    );
    return { ...prepared, batch, landed };
  }

  /** Says whether a flight's batch was appended as it was decided; where it was not, its requests are answered, whatever came of it. Never throws. */
  async #land(flight: Flight): Promise<boolean> {
    const landing = await flight.landed;
    if ('outcome' in landing && landing.outcome === 'appended') return true;
    const sent = { records: flight.batch.draft.records, results: flight.results };
    const broken = 'error' in landing && isConnectionLoss(landing.error) ? landing.error : null;
    await this.#answer(flight.requests, broken ? { sent, broken, losses: 0 } : undefined);
    return false;
  }

  /** Resolves or rejects every request; never throws. */
  async #answer(requests: readonly Request[], attempt: Attempt = { sent: null, broken: null, losses: 0 }): Promise<void> {
    try {
      const results = await this.#book(
        requests.map((request) => request.commands),
        attempt,
      );
      resolveAll({ requests, results });
    } catch (error) {
      const isForAll = error instanceof Problem && attempt.losses < MOST_LOSSES;
      if (this.#over || isForAll || requests.length === 1) {
        for (const request of requests) request.reject(this.#over ?? error);
        return;
      }
      // A bug that one request meets, or what it does to its connection, must not be the others' failure.
      for (const request of requests) await this.#answer([request]);
    }
  }

  /** Books a batch of requests, over a lost connection if need be; a batch that costs one after the other is given up. */
  async #book(requests: readonly (readonly Command[])[], attempt: Attempt): Promise<Result[][]> {
    if (this.#over && this.#over.code !== 'ledger/closed') throw this.#over;
    for (;;) {
      if (attempt.broken) {
        const done = await this.#recover(attempt.broken, attempt);
        if (done) return done;
        attempt.losses += 1;
        if (attempt.losses === MOST_LOSSES)
          throw new Problem('store/outcome-unknown', 'The connection broke each time that this was sent.', {}, attempt.broken);
        attempt.sent = null;
        attempt.broken = null;
      }
      try {
        return await this.#attempt(requests, attempt);
      } catch (error) {
        if (!isConnectionLoss(error)) throw error;
        attempt.broken = error;
      }
    }
  }

  async #attempt(requests: readonly (readonly Command[])[], attempt: Attempt): Promise<Result[][]> {
    const store = this.#store;
    for (;;) {
      const { results, batch } = await this.#prepare(requests, null);
      if (!batch) return results;
      attempt.sent = { records: batch.draft.records, results };
      const outcome = await store.append(batch);
      attempt.sent = null;
      if (outcome === 'appended') return results;
      // What looks like another writer may be our own: a hold that was booked before and is closed by now is not there to be changed.
      if (await store.lookUp(unfiledIds(store, requests.flat()))) continue;
      assert(outcome !== 'duplicate', 'an id of the batch is in the journal and not found there');
      if (outcome !== 'fenced' && (await store.isAt(batch.draft.after.seq))) throw outcome.broken;
      throw this.#giveUp(await lossOf(store.lease.client, this.#options.bookId));
    }
  }

  /** Decides on top of what is durable, or of a batch that is on its way there. */
  async #prepare(requests: readonly (readonly Command[])[], below: Batch | null): Promise<Omit<Prepared, 'requests'>> {
    const store = this.#store;
    const commands = requests.flat();
    const absent = new Set<TransferId>();
    await store.load(commands);
    for (;;) {
      const clockMs = this.#options.clock.nowMs();
      if (clockMs - store.lease.lastServerMs() > this.#options.maxAheadMs) await this.#compareClocks(store, clockMs);
      const nowMs = Math.max(clockMs, store.state.nowMs, below?.draft.nowMs ?? 0);
      const draft = new Draft(store.state, nowMs, below?.draft ?? null);
      const results = requests.map((request) => decide(draft, request));
      // A refusal is believed once it is known that the id was not booked before: `exists` goes before nearly every other answer.
      const doubtful = unknownIds(store, commands, results.flat(), absent);
      if (await store.lookUp(doubtful)) continue;
      for (const id of doubtful) absent.add(id);
      return { results, batch: draft.records.length === 0 ? null : store.batch(draft, below) };
    }
  }

  /** Nothing is decided by a clock that is far ahead: the time of a book never goes back, so that one wrong reading would be its time for as long as it is wrong by. */
  async #compareClocks({ lease }: BookStore, clockMs: TimeMs): Promise<void> {
    const { bookId, maxAheadMs } = this.#options;
    const aheadMs = clockMs - (await lease.serverMs());
    if (aheadMs > maxAheadMs) throw new Problem('ledger/clock-ahead', `The clock here is ${aheadMs} ms ahead of the database's.`, { book: bookId, aheadMs });
  }

  /**
   * Takes the book again after the connection broke, and looks into the journal for the batch that was on the way: where it is
   * there, these are its results; else it has to be decided again.
   */
  async #recover(cause: Problem, { sent }: Pick<Attempt, 'sent'>): Promise<Result[][] | null> {
    const { bookId, recoverMs, memory } = this.#options;
    await this.#store.lease.release();
    try {
      return await takeBook(this.#options, 'ourselves', recoverMs, async (lease) => {
        const store = await BookStore.open(bookId, lease, memory);
        const written = sent !== null && (await store.holds(sent.records));
        this.#store = store;
        void this.#mind(store);
        return written ? sent.results : null;
      });
    } catch (error) {
      // The database does not come back in time, or cannot do it now (busy, its disk full): these callers are told so, the next ones try again.
      if (error instanceof Problem && error.code.startsWith('store/'))
        throw sent === null ? error : new Problem('store/outcome-unknown', 'The connection broke during a batch.', {}, error);
      throw this.#giveUp(error instanceof Problem ? error : cause);
    }
  }

  /** A writer that is idle learns from its lease what a busy one learns from its batches: the connection broke, and it takes the book again; or the book is another's. */
  async #mind(store: BookStore): Promise<void> {
    const cause = await store.lease.ended;
    while (this.#running) await this.#running;
    if (cause === null || this.#store !== store || this.#over) return;
    if (!isConnectionLoss(cause)) this.#giveUp(cause);
    else
      this.#running = this.#recover(cause, { sent: null }).then(
        () => this.#run(),
        () => this.#run(),
      );
  }

  /** From here on every request gets this problem; the same ids can be sent to whoever has the book then. */
  #giveUp(problem: Problem): Problem {
    this.#over = problem;
    this.#loss.resolve(problem);
    return problem;
  }
}

interface Attempt {
  /** The batch whose fate is not known yet. */
  sent: { readonly records: readonly LedgerRecord[]; readonly results: Result[][] } | null;
  /** How the connection was lost that it went by. */
  broken: Problem | null;
  /** How many connections were lost before that, and are replaced. */
  losses: number;
}

function resolveAll({ requests, results }: Omit<Prepared, 'batch'>): void {
  for (const [i, request] of requests.entries()) request.resolve(results[i]!);
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
    // A malformed id is in no journal; in a chain that failed as a whole its command may bear another code than its own.
    if (command.kind !== 'transfer' || code === 'created' || !isUuid<TransferId>(command.id)) return [];
    return transfers.has(command.id) || refusals.has(command.id) || absent.has(command.id) ? [] : [command.id];
  });
}
