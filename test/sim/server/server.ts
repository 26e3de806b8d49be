import assert from 'node:assert/strict';
import type { Random } from '../random.ts';
import type { Timeline } from '../timeline.ts';
import { appendPlanOf, type AppendPlan, type Written } from './plan.ts';
import { HANDLERS } from './statements.ts';
import { Tables, Violation, type Appended } from './tables.ts';

/** One connection as the server sees it. */
export interface Session {
  readonly owner: string;
  readonly pid: number;
  /** Ended: nothing that arrives for it is done any more. */
  isOver: boolean;
  /** The client is gone; the statement that runs is finished first. */
  isClosing: boolean;
  isBusy: boolean;
  /** Tells the client that the connection has ended. */
  hangUp(): void;
}

export type Answer = { readonly rows: Written[] } | { readonly error: Error };

/** A PostgreSQL in memory: sessions, advisory locks, the tables of books, and statements that are done whole or not at all. */
export class Server {
  isUp = true;
  readonly sessions = new Set<Session>();
  /** Told of each batch at the moment it is durable. */
  onAppend: (owner: string, appended: Appended) => void = () => undefined;
  /** Told when a session takes a book. */
  onTake: (owner: string, seq: bigint, epoch: bigint) => void = () => undefined;
  /** Told when a session is ended by another one. */
  onEvict: (owner: string) => void = () => undefined;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #books = new Map<string, Tables>();
  readonly #locks = new Map<string, Session>();
  #pids = 0;
  readonly #plans = new Map<string, AppendPlan>();

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  /** The tables of a book, by the 32 digits of its id. */
  book(hex: string): Tables {
    const known = this.#books.get(hex) ?? new Tables();
    this.#books.set(hex, known);
    return known;
  }

  /** A number for a new session. */
  nextPid(): number {
    return ++this.#pids;
  }

  accept(session: Session): void {
    this.sessions.add(session);
  }

  /** Ends a session at once, as a killed backend ends: what it had not committed is lost, and its locks are free. */
  end(session: Session): void {
    session.isOver = true;
    this.sessions.delete(session);
    for (const [key, holder] of this.#locks) if (holder === session) this.#locks.delete(key);
  }

  /** The client went away: the session ends when what it does is done. */
  close(session: Session): void {
    session.isClosing = true;
    if (!session.isBusy) this.end(session);
  }

  /** Every session ends in the middle of what it does; connections are refused until it is up again. */
  crash(downUs: number): void {
    this.isUp = false;
    for (const session of this.sessions) {
      this.end(session);
      session.hangUp();
    }
    this.#timeline.in(downUs, () => (this.isUp = true));
  }

  /** Takes the book's lock from a session that lives on, as a pooler between it and the server can: from here on only the epoch keeps two writers apart. */
  loseLocks(): number {
    const lost = this.#locks.size;
    this.#locks.clear();
    return lost;
  }

  /** A statement that has arrived: it is done after `workUs`, whole or not at all, and its answer is given to `reply`. */
  run(
    session: Session,
    statement: { readonly name: string; readonly text: string; readonly values: readonly unknown[] },
    workUs: number,
    reply: (answer: Answer) => void,
  ): void {
    if (session.isOver) return;
    session.isBusy = true;
    this.#timeline.in(workUs, () => {
      if (session.isOver) return;
      session.isBusy = false;
      const answer = this.#execute(session, statement.name, statement.text, statement.values);
      if (session.isClosing) this.end(session);
      else reply(answer);
    });
  }

  #execute(session: Session, fullName: string, text: string, params: readonly unknown[]): Answer {
    const [, name = '', hex = ''] = /^(.*)\.([0-9a-f]{32})$/.exec(fullName) ?? [];
    const tables = this.book(hex);
    if (text.includes('cairn.fence(')) return this.#append(session.owner, fullName, text, params, tables);
    const handler = HANDLERS[name];
    assert(handler, `the simulated server has no answer to the statement ${fullName}: give it one in test/sim/server/statements.ts`);
    const rows = handler(
      {
        text,
        tables,
        lock: (key) => {
          const holder = this.#locks.get(key);
          if (holder && holder !== session) return false;
          this.#locks.set(key, session);
          return true;
        },
        pid: session.pid,
        nowMs: this.#timeline.nowUs / 1_000,
        isBusy: (pid) => [...this.sessions].some((one) => one.pid === pid && one.isBusy),
        terminate: (pid) => this.#terminate(pid),
        unlock: (key) => this.#locks.get(key) === session && this.#locks.delete(key),
      },
      params,
    );
    if (name === 'load.take' && rows.length > 0) this.onTake(session.owner, tables.head.seq, tables.head.epoch);
    return { rows };
  }

  #terminate(pid: number): boolean {
    const session = [...this.sessions].find((one) => one.pid === pid);
    if (!session) return false;
    this.end(session);
    session.hangUp();
    this.onEvict(session.owner);
    return true;
  }

  #append(owner: string, name: string, text: string, params: readonly unknown[], tables: Tables): Answer {
    const plan = this.#plans.get(name) ?? appendPlanOf(text);
    this.#plans.set(name, plan);
    try {
      this.onAppend(owner, tables.append(plan, params, this.#random));
      return { rows: [{ fence: '' }] };
    } catch (error) {
      if (error instanceof Violation) return { error };
      throw error;
    }
  }
}
