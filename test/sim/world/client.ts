import { Problem } from '#base';
import type { Result } from '#ledger/core';
import { ask, type Asked } from '../model/chains.ts';
import type { Random } from '../random.ts';
import type { Timeline } from '../timeline.ts';
import type { Settings } from './settings.ts';
import type { Workload } from './workload.ts';
import type { WriterProcess } from './writer.ts';

type Outcome = readonly Result[] | Problem;

/** What clients need from the world. */
export interface Office {
  readonly timeline: Timeline;
  readonly settings: Settings;
  readonly workload: Workload;
  /** Whether messages are lost and doubled; a run ends without. */
  readonly isFaulty: () => boolean;
  /** Whether anything new is asked. */
  readonly isAsking: () => boolean;
  readonly writers: () => readonly WriterProcess[];
  /** A request reaches a writer, which may answer it: everything that is said of it is checked there. */
  readonly deliver: (writer: WriterProcess, asked: Asked, reply: (outcome: Outcome) => void) => void;
  /** From now on the request may be booked. */
  readonly learn: (asked: Asked) => void;
  readonly count: (what: 'lost requests of clients' | 'lost replies to clients' | 'doubled requests' | 'retries' | 'given up') => void;
}

/** Somebody who asks one thing after the other, again with the same ids where no answer comes, and sometimes gives up. */
export class Client {
  readonly #office: Office;
  readonly #random: Random;
  #asked: Asked | null = null;
  /** Counts the requests, so that an answer to an earlier one is known for what it is. */
  #turn = 0;
  #attempts = 0;

  constructor(office: Office, random: Random) {
    this.#office = office;
    this.#random = random;
    this.#think();
  }

  get isIdle(): boolean {
    return this.#asked === null;
  }

  #think(): void {
    this.#asked = null;
    this.#office.timeline.in(this.#random.below(200), () => {
      if (!this.#office.isAsking()) return;
      this.#asked = ask(this.#office.workload.request());
      this.#office.learn(this.#asked);
      this.#turn += 1;
      this.#attempts = 0;
      this.#send();
    });
  }

  #send(): void {
    const { timeline, settings, isFaulty, count } = this.#office;
    const [asked, turn] = [this.#asked, this.#turn];
    if (!asked) return;
    this.#attempts += 1;
    if (this.#attempts > 1) count('retries');
    if (isFaulty() && this.#random.chance(settings.lostRequest)) count('lost requests of clients');
    else this.#travel(asked, turn);
    if (isFaulty() && this.#random.chance(settings.duplicate)) {
      count('doubled requests');
      timeline.in(this.#random.below(20_000), () => this.#travel(asked, turn));
    }
    const attempt = this.#attempts;
    timeline.in(this.#random.between(20_000, 400_000), () => {
      if (turn === this.#turn && attempt === this.#attempts && this.#asked) this.#again(turn);
    });
  }

  #travel(asked: Asked, turn: number): void {
    const { timeline, settings, isFaulty, writers, deliver, count } = this.#office;
    timeline.in(this.#random.below(2 * settings.network.latencyUs), () => {
      const open = writers().filter(({ book }) => book !== null);
      const writer = this.#random.pick(open.length > 0 ? open : writers());
      deliver(writer, asked, (outcome) => {
        if (isFaulty() && this.#random.chance(settings.lostReply)) {
          count('lost replies to clients');
          return;
        }
        timeline.in(this.#random.below(2 * settings.network.latencyUs), () => this.#hear(turn, outcome));
      });
    });
  }

  #hear(turn: number, outcome: Outcome): void {
    if (turn !== this.#turn || !this.#asked) return;
    if (!(outcome instanceof Problem)) {
      this.#think();
      return;
    }
    const attempt = this.#attempts;
    this.#office.timeline.in(this.#random.between(100, 20_000), () => {
      if (turn === this.#turn && attempt === this.#attempts && this.#asked) this.#again(turn);
    });
  }

  #again(turn: number): void {
    if (turn !== this.#turn) return;
    if (this.#office.isFaulty() && this.#random.below(20) === 0) {
      this.#office.count('given up');
      this.#think();
    } else {
      this.#send();
    }
  }
}
