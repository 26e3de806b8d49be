import { setTimeout as sleep } from 'node:timers/promises';
import { Problem, type BookId, type Clock, type RandomBytes } from '#base';
import { openReplication, type OpenReplication, type Replication } from '#db';
import { schemaOf } from '#ledger';
import type { Seq } from '#ledger/core';
import { createMarkReader, readFrame, readMessage, statusFrame, type Lsn } from './core/core.ts';

export type HeadsEvent =
  /** What is committed is told from here on. */
  | { readonly kind: 'streaming'; readonly isKeptWithoutEnd: boolean }
  /** It is not, and the journal is asked at intervals; told once a reason, until it streams again. */
  | { readonly kind: 'polling'; readonly problem: Problem };

export interface HeadsOptions {
  /** Of a login that may replicate: the owner's, or another one. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onEvent?: (event: HeadsEvent) => void;
  /** The real one unless told. */
  readonly open?: OpenReplication;
}

/** How long to wait for records, told or not. */
export interface Patience {
  /** Milliseconds; unless given, as often as a journal should be asked that may have come further without our being told. */
  readonly forMs?: number;
  readonly signal?: AbortSignal;
}

/** How far the books of a database have come: a hint, never a promise. Whoever is woken reads the journal, which alone says what is there. */
export interface Heads {
  /** Returns when the book may have records after `seq`, and after a while in any case. */
  after(book: BookId, seq: Seq, patience?: Patience): Promise<void>;
  isStreaming(): boolean;
  close(): Promise<void>;
}

const PUBLICATION = 'cairn_heads';

/** Between two looks at the journal: of who is told, in case he was not; of who is not; of who is told of records that he cannot see yet. */
const CHECK_MS = 2_000;
const POLL_MS = 200;
const UNSEEN_MS = 10;

/** Between two reports to the server, each of which it has to answer, and how many of these it may leave unanswered. */
const STATUS_MS = 2_000;
const MOST_SILENT = 15;

/** Before the stream is tried again: where the connection broke, and where the server cannot or does not want to. */
const BROKEN_MS = 250;
const REFUSED_MS = 10_000;

/** For a transaction that was open before the stream and is no end to. */
const PATIENCE_MS = 10_000;

/**
 * Follows the heads of all books of a database in its write-ahead log, for any number of consumers in this process. The slot is a temporary one and lives as
 * long as the connection: a process that is gone keeps no log on the server, and a slot that is lost, by whatever cause, is replaced by another, after which
 * everybody reads the journal from his own position.
 */
export function openHeads(options: HeadsOptions): Heads {
  return new Follower(options);
}

interface Waiter {
  readonly schema: string;
  readonly seq: Seq;
  readonly wake: () => void;
}

class Follower implements Heads {
  readonly #options: HeadsOptions;
  readonly #closing = new AbortController();
  readonly #waiters = new Set<Waiter>();
  /** By schema: the furthest that this stream has told. */
  readonly #marks = new Map<string, Seq>();
  readonly #running: Promise<void>;
  #streaming = false;
  #told: string | null = null;

  constructor(options: HeadsOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  isStreaming(): boolean {
    return this.#streaming;
  }

  after(book: BookId, seq: Seq, { forMs, signal }: Patience = {}): Promise<void> {
    const schema = schemaOf(book);
    // Told, and not visible: the log knows of a commit before other transactions see it, and before a synchronous standby has it.
    const isUnseen = (this.#marks.get(schema) ?? 0n) > seq;
    const waitMs = Math.min(forMs ?? Infinity, isUnseen ? UNSEEN_MS : (forMs ?? (this.#streaming ? CHECK_MS : POLL_MS)));
    return new Promise((resolve) => {
      const waiter: Waiter = {
        schema,
        seq,
        wake: () => {
          clearTimeout(timer);
          for (const each of signals) each.removeEventListener('abort', waiter.wake);
          this.#waiters.delete(waiter);
          resolve();
        },
      };
      const signals = [this.#closing.signal, ...(signal ? [signal] : [])];
      const timer = setTimeout(waiter.wake, waitMs);
      this.#waiters.add(waiter);
      for (const each of signals) each.addEventListener('abort', waiter.wake);
      if (signals.some(({ aborted }) => aborted)) waiter.wake();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const problem = problemOf(await this.#stream());
      this.#streaming = false;
      if (signal.aborted) return;
      if (problem.message !== this.#told) this.#options.onEvent?.({ kind: 'polling', problem });
      this.#told = problem.message;
      // Whoever counted on being told looks for himself from now on.
      this.#wakeAll();
      await sleep(problem.code === 'store/unreachable' ? BROKEN_MS : REFUSED_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One life of a stream: returns why it ended. */
  async #stream(): Promise<unknown> {
    const { open = openReplication, url, random } = this.#options;
    const slot = `cairn_heads_${Buffer.from(random(8)).toString('hex')}`;
    const life = new Life(this.#options.clock, (schema, seq) => this.#mark(schema, seq));
    try {
      this.#marks.clear();
      const replication = await open({
        url,
        slot,
        publication: PUBLICATION,
        onData: (payload) => life.take(payload),
        patienceMs: PATIENCE_MS,
        signal: this.#closing.signal,
      });
      this.#streaming = true;
      this.#told = null;
      this.#options.onEvent?.({ kind: 'streaming', isKeptWithoutEnd: replication.isKeptWithoutEnd });
      // What was committed before the slot was there is told to nobody.
      this.#wakeAll();
      return await life.live(replication, this.#closing.signal);
    } catch (error) {
      return error;
    }
  }

  #mark(schema: string, seq: Seq): void {
    this.#marks.set(schema, seq);
    for (const waiter of this.#waiters) if (waiter.schema === schema && waiter.seq < seq) waiter.wake();
  }

  #wakeAll(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }
}

/** A stream from its start to its end: reads what comes, answers, and notices when nothing comes. */
class Life {
  readonly #clock: Clock;
  readonly #onMark: (schema: string, seq: Seq) => void;
  readonly #readMarks = createMarkReader();
  #replication: Replication | undefined;
  #failure: unknown;
  #lsn: Lsn = 0n;
  #unanswered = 0;

  constructor(clock: Clock, onMark: (schema: string, seq: Seq) => void) {
    this.#clock = clock;
    this.#onMark = onMark;
  }

  take(payload: Uint8Array): void {
    try {
      this.#unanswered = 0;
      const frame = readFrame(payload);
      if (frame.kind === 'keepalive') {
        this.#done(frame.end);
        if (frame.wantsReply) this.#report(false);
        return;
      }
      const message = readMessage(frame.message);
      for (const { schema, seq } of this.#readMarks(message)) this.#onMark(schema, seq);
      if (message.kind === 'commit') this.#done(message.end);
    } catch (error) {
      this.#failure ??= error;
      void this.#replication?.close();
    }
  }

  async live(replication: Replication, signal: AbortSignal): Promise<unknown> {
    this.#replication = replication;
    const close = () => void replication.close();
    const timer = setInterval(() => {
      if (this.#unanswered++ >= MOST_SILENT) close();
      else this.#report(true);
    }, STATUS_MS);
    signal.addEventListener('abort', close);
    if (signal.aborted || this.#failure) close();
    const reason = await replication.ended;
    signal.removeEventListener('abort', close);
    clearInterval(timer);
    return this.#failure ?? reason;
  }

  #done(lsn: Lsn): void {
    if (lsn > this.#lsn) this.#lsn = lsn;
  }

  #report(wantsReply: boolean): void {
    this.#replication?.send(statusFrame({ lsn: this.#lsn, nowMs: this.#clock.nowMs(), wantsReply }));
  }
}

function problemOf(reason: unknown): Problem {
  if (reason === null || reason === undefined) return new Problem('store/unreachable', 'The database ended the stream.');
  if (reason instanceof Problem && (reason.code === 'store/unreachable' || reason.code === 'store/unreadable-stream')) return reason;
  const detail = reason instanceof Problem ? reason.detail : `The database says: ${reason instanceof Error ? reason.message : 'nothing'}.`;
  return new Problem('store/no-stream', detail, {}, reason);
}
