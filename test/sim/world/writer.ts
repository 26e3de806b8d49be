import { Problem, type BookId, type Clock } from '#base';
import { openBook, type Book, type Pace } from '#ledger';
import type { Result } from '#ledger/core';
import type { Witness } from '../judge.ts';
import type { Asked } from '../model/chains.ts';
import type { Random } from '../random.ts';
import { connectTo, type Wires } from '../server/connections.ts';
import type { Settings } from './settings.ts';

/** What a process that writes the book needs from the world. */
export interface Ground {
  readonly wires: Wires;
  readonly settings: Settings;
  readonly bookId: BookId;
  /** The time that everybody's clock is about, in milliseconds. */
  readonly nowMs: () => number;
  /** The book was opened by this process. */
  readonly onOpen: (writer: WriterProcess) => void;
  /** Runs what follows an answer of the product; what it throws is a finding. */
  readonly guard: (work: () => void) => void;
}

/** Problems after which a book is of no more use to who has it: it is closed and opened anew. */
const FINAL = new Set(['ledger/fenced', 'ledger/book-taken', 'ledger/closed']);

/** A process that writes the book, or waits for it: the product's own code, with clock, pace and connections of ours. */
export class WriterProcess {
  readonly witness: Witness;
  book: Book | null = null;
  isDead = false;
  /** How far its clock is beside everybody's. */
  skewMs = 0;
  readonly #ground: Ground;
  readonly #random: Random;
  /** What waits while the process stands still; null while it runs. */
  #waiting: (() => void)[] | null = null;
  readonly #connections: ReturnType<typeof connectTo>;

  constructor(ground: Ground, name: string, random: Random) {
    this.#ground = ground;
    this.#random = random;
    this.witness = { name, seen: 0, taken: 0, written: 0, readings: [] };
    this.#connections = connectTo(ground.wires, { name, deliver: (run) => this.deliver(run) });
    this.deliver(() => this.#open());
  }

  /** Something for this process happens now: later where it stands still, never where it is dead. */
  deliver(run: () => void): void {
    if (this.isDead) return;
    if (this.#waiting) {
      this.#waiting.push(run);
      return;
    }
    this.#ground.wires.timeline.touch();
    run();
  }

  /** Stands still, as a process that is stopped or not scheduled does; its connections live on. */
  pause(forUs: number): void {
    if (this.isDead || this.#waiting) return;
    this.#waiting = [];
    this.#ground.wires.timeline.in(forUs, () => {
      const waiting = this.#waiting ?? [];
      this.#waiting = null;
      for (const run of waiting) this.deliver(run);
    });
  }

  /** SIGKILL: its promises are never heard of again. */
  kill(): void {
    this.isDead = true;
    this.book = null;
    this.#connections.abandon();
  }

  /** Gives the book back and takes it again later, as an operator's restart does. */
  handOver(): void {
    const { book } = this;
    this.book = null;
    void book?.close().then(() => this.#openLater());
  }

  /** Asks the book; `answer` gets what came of it. */
  submit(asked: Asked, answer: (outcome: readonly Result[] | Problem) => void): void {
    const { book } = this;
    if (!book) {
      answer(new Problem('ledger/closed', 'There is no book here.'));
      return;
    }
    void book.submit(asked.commands).then(
      (results) => this.#ground.guard(() => answer(results)),
      (error: unknown) => this.#ground.guard(() => this.#failed(book, error, answer)),
    );
  }

  /** Looks for holds that are due, as the product's timer does. */
  expireDue(onDone: (expired: number) => void): void {
    const { book } = this;
    if (!book) return;
    void book.expireDue().then(
      (expired) => this.#ground.guard(() => onDone(expired)),
      (error: unknown) => this.#ground.guard(() => this.#failed(book, error, () => undefined)),
    );
  }

  #failed(book: Book, error: unknown, answer: (problem: Problem) => void): void {
    if (!(error instanceof Problem)) throw error;
    if (FINAL.has(error.code) && this.book === book) this.handOver();
    answer(error);
  }

  #openLater(): void {
    this.#ground.wires.timeline.in(this.#random.between(1, 50_000), () => this.deliver(() => this.#open()));
  }

  #open(): void {
    const { bookId, onOpen, guard, settings } = this.#ground;
    const waitMs = this.#random.pick([0, 200, 2_000, 10_000]);
    const recoverMs = this.#random.pick([100, 2_000, 30_000]);
    const { database } = this.#connections;
    const { memory, leaseMs } = settings;
    void openBook({ database, bookId, clock: this.#clock, waitMs, recoverMs, pace: this.#pace, random: this.#bytes, memory, leaseMs }).then(
      (book) => {
        this.book = book;
        return guard(() => onOpen(this));
      },
      (error: unknown) => {
        guard(() => {
          if (!(error instanceof Problem)) throw error;
        });
        this.#openLater();
      },
    );
  }

  readonly #clock: Clock = {
    nowMs: () => {
      const { readings } = this.witness;
      const nowMs = this.#ground.nowMs() + this.skewMs;
      if (readings.at(-1) !== nowMs && readings.push(nowMs) > 32) readings.shift();
      return nowMs;
    },
  };

  readonly #bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => this.#random.below(256));

  readonly #pace: Pace = {
    elapsedMs: () => this.#ground.wires.timeline.nowUs / 1_000,
    sleep: (ms, until) =>
      new Promise<void>((resolve) => {
        const end = (): void => this.deliver(resolve);
        if (until?.aborted) end();
        until?.addEventListener('abort', () => this.#ground.wires.timeline.in(0, end), { once: true });
        this.#ground.wires.timeline.in(Math.round(ms * 1_000), end);
      }),
    yield: () => new Promise<void>((resolve) => this.#ground.wires.timeline.in(this.#random.below(20), () => this.deliver(resolve))),
  };
}
