import assert from 'node:assert/strict';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { derivedId, isHex, isUuid, NIL_UUID, toHex, utf8, type AccountId, type TransferId } from '#base';
import type { Account, Command, Hold } from '#ledger/core';
import type { Backend } from './backends.ts';
import { PREFACE, type Case, type Step } from './table.ts';

/** Where a case is played: what it asks of a book, and what it may look at there. */
export interface Place {
  submit(commands: readonly Command[]): ReturnType<Backend['submit']>;
  account(id: AccountId): Promise<Account | null>;
  /** With the sequence as the case counts it, from 1. */
  hold(id: TransferId): Promise<Hold | null>;
  /** How many records the case has made, but for those that every case begins with. */
  records(): Promise<number>;
}

/** One step of a case, and whether it went as the table says. */
export async function play(place: Place, step: Exclude<Step, { do: 'wait' }>): Promise<void> {
  switch (step.do) {
    case 'submit': {
      const results = await place.submit(step.lines.map((line) => line.command));
      for (const [i, { where, code, booked }] of step.lines.entries()) {
        const { code: answered, record } = results[i]!;
        assert.equal(answered, code, where);
        if (booked !== null) assert.equal(record?.kind === 'transfer' ? record.amount : null, booked, where);
      }
      return;
    }
    case 'balance': {
      const account = await place.account(step.account);
      const shown = account && `${account.debitsPending}/${account.debitsPosted} ${account.creditsPending}/${account.creditsPosted}`;
      return assert.equal(shown, step.balance, step.where);
    }
    case 'hold': {
      const hold = await place.hold(step.transfer);
      const taken = hold && hold.windowSeq !== null && step.hold.includes(' in ') ? ` in ${hold.windowSeq}` : '';
      return assert.equal(hold && `${hold.status} ${hold.captured}${taken}`, step.hold, step.where);
    }
    case 'records':
      return assert.equal(await place.records(), step.count, step.where);
  }
}

/** A book of its own. */
export function ownPlace(backend: Backend): Place {
  const records = async (): Promise<number> => (await backend.records()).length - PREFACE.length;
  return { submit: (commands) => backend.submit(commands), account: (id) => backend.account(id), hold: (id) => backend.hold(id), records };
}

/** Members that make a record the same one, beside its ids: see `keyOf`. */
const KEYS: ReadonlySet<string> = new Set(['authorisation', 'wallet', 'root']);

/** A value as part `no` of a shared book has it: ids, keys and assets of its own; what is malformed, nil or the largest stays so. */
function translated(no: number, name: string, value: unknown): unknown {
  if (name === 'asset' && typeof value === 'number' && value > 0 && value < 100) return no * 100 + value;
  if (typeof value !== 'string') return value;
  const own = keccak_256(utf8(`${no} ${value}`));
  if (isUuid(value)) return value === NIL_UUID || value.startsWith('ffffffff') ? value : derivedId(own);
  return KEYS.has(name) && isHex(value, (value.length - 2) / 2) ? toHex(own.slice(0, (value.length - 2) / 2)) : value;
}

/** Part `no` (from 1) of a book that other cases are in as well: nothing that one names is another's. */
export class SharedPlace implements Place {
  readonly #backend: Backend;
  readonly #no: number;
  /** Of every record that an answer named: those of this case, since no other can name them. */
  readonly #seqs = new Set<bigint>();
  /** The record just before the case's first; null where the cases of the book are played at once and nobody can count. */
  #before: bigint | null = null;

  constructor(backend: Backend, no: number) {
    this.#backend = backend;
    this.#no = no;
  }

  /** Makes what every case begins with. */
  async begin(): Promise<void> {
    await this.submit(PREFACE);
    this.#seqs.clear();
  }

  /** As `begin`, where no other case is played at the same time: windows take whatever is open, so one closes first that takes what was left open by others. */
  async beginAlone(): Promise<void> {
    const results = await this.submit([{ kind: 'window', window: derivedId(keccak_256(utf8(`broom ${this.#no}`))) }, ...PREFACE]);
    this.#before = results.at(-1)!.record!.seq - BigInt(PREFACE.length);
  }

  async submit(commands: readonly Command[]): ReturnType<Backend['submit']> {
    const results = await this.#backend.submit(commands.map((command) => this.#translate(command)));
    for (const { record } of results) if (record) this.#seqs.add(record.seq);
    return results;
  }

  account(id: AccountId): Promise<Account | null> {
    return this.#backend.account(this.#id(id));
  }

  async hold(id: TransferId): Promise<Hold | null> {
    const hold = await this.#backend.hold(this.#id(id));
    return hold && hold.windowSeq !== null && this.#before !== null ? { ...hold, windowSeq: hold.windowSeq - this.#before } : hold;
  }

  async records(): Promise<number> {
    if (this.#before === null) return this.#seqs.size;
    const own = await this.#backend.records(this.#before + 1n);
    return own.length - PREFACE.length;
  }

  #id<Id extends string>(id: Id): Id {
    return translated(this.#no, 'id', id) as Id;
  }

  #translate(command: Command): Command {
    const own = Object.fromEntries(Object.entries(command).map(([name, value]) => [name, translated(this.#no, name, value)])) as unknown as Command;
    if (own.kind !== 'window' || own.fromSeq === undefined || own.fromSeq < 0n || this.#before === null) return own;
    return { ...own, fromSeq: own.fromSeq + this.#before };
  }
}

/** What became of each case: null where all of it went as the table says. */
export type Outcomes = ReadonlyMap<Case, Error | null>;

interface Course {
  readonly case: Case;
  readonly place: SharedPlace;
  readonly left: Exclude<Step, { do: 'wait' }>[];
  /** For each step left: how long after the beginning it is played. */
  readonly atMs: number[];
}

/** A case's steps, each with the sum of the waits before it. */
function courseOf(which: Case, place: SharedPlace): Course {
  const course: Course = { case: which, place, left: [], atMs: [] };
  let atMs = 0;
  for (const step of which.steps) {
    if (step.do === 'wait') {
      atMs += step.ms;
      continue;
    }
    course.left.push(step);
    course.atMs.push(atMs);
  }
  return course;
}

/**
 * Plays all cases in one book. Those in which no window closes are played side by side, a step of each at a time, every one at its own moment: the clock only
 * moves on when no case has anything left to do before. The others follow one after the other. `forgetful`: nothing is answered from memory.
 */
export async function playAll(backend: Backend, cases: readonly Case[], forgetful: boolean): Promise<Outcomes> {
  const outcomes = new Map<Case, Error | null>();
  const forget = async (): Promise<void> => (forgetful ? backend.forget() : undefined);
  const attempt = async (which: Case, work: () => Promise<void>): Promise<boolean> => {
    const failure = await work().then(
      () => null,
      (error: unknown) => (error instanceof Error ? error : new TypeError(String(error))),
    );
    if (failure !== null || !outcomes.has(which)) outcomes.set(which, failure);
    return failure === null;
  };

  let no = 0;
  const closesWindow = ({ steps }: Case): boolean => steps.some((step) => step.do === 'submit' && step.lines.some(({ command }) => command.kind === 'window'));
  let courses = cases.filter((which) => !closesWindow(which)).map((which) => courseOf(which, new SharedPlace(backend, (no += 1))));
  await Promise.all(courses.map((course) => attempt(course.case, () => course.place.begin())));
  let nowMs = 0;
  while ((courses = courses.filter((course) => course.left.length > 0)).length > 0) {
    const nextMs = Math.min(...courses.map((course) => course.atMs[0]!));
    backend.wait(nextMs - nowMs);
    nowMs = nextMs;
    await forget();
    const turn = courses.filter((course) => course.atMs[0] === nowMs);
    await Promise.all(
      turn.map(async (course) => {
        course.atMs.shift();
        const step = course.left.shift()!;
        if (!(await attempt(course.case, () => play(course.place, step)))) course.left.length = 0;
      }),
    );
  }

  for (const which of cases.filter(closesWindow)) {
    const place = new SharedPlace(backend, (no += 1));
    await attempt(which, async () => {
      await place.beginAlone();
      for (const step of which.steps) {
        if (step.do === 'wait') {
          backend.wait(step.ms);
          continue;
        }
        if (step.do === 'submit') await forget();
        await play(place, step);
      }
    });
  }
  return outcomes;
}
