import { assert, type Hex } from '#base';
import type { EpochRef } from './events.ts';

/** One set-up of a pair, whose Delta is what a failed check gives away. */
export interface SetupRef extends EpochRef {
  readonly peer: number;
  readonly generation: number;
}

/** A set-up under which this process died so often while its checks were evaluated. */
export interface Suspicion extends SetupRef {
  readonly crashes: number;
}

/**
 * So many crashes poison a set-up. A crash between a failed check and its POISON tells the peer the verdict, by its silence, as a reply would: one bit of Delta that it chose, beside those that its passed checks
 * told it (one more, on average). Four of them are about 8 bits of 128, which leaves 2^120 to guess; and the count is of the set-up, not of a window of time, because Delta does not change with time. Nearly every crash
 * is none of the peer's doing, so that one alone, which would stop the pair until two operators meet, proves nothing.
 */
export const CRASHES_THAT_POISON = 4;

/** Which sessions are being evaluated, and how often a process ended while one was. Pure: the journal's lines are replayed into it. */
export class Marks {
  readonly #open = new Map<Hex, readonly SetupRef[]>();
  readonly #crashes = new Map<string, Suspicion>();

  get suspicions(): readonly Suspicion[] {
    return [...this.#crashes.values()];
  }
  get isAnyOpen(): boolean {
    return this.#open.size > 0;
  }

  isOpen(sid: Hex): boolean {
    return this.#open.has(sid);
  }

  begin(sid: Hex, setups: readonly SetupRef[]): void {
    assert(!this.#open.has(sid), 'a session is evaluated once, because its N_i is new');
    this.#open.set(sid, setups);
  }

  end(sid: Hex): void {
    this.#open.delete(sid);
  }

  /** The process that had opened what is open died. Once a set-up, however many sessions it had: after its first failed check nothing else of a pair is evaluated. Gives those that are poisoned by it. */
  crash(): readonly Suspicion[] {
    const struck = new Map([...this.#open.values()].flat().map((setup) => [nameOf(setup), setup]));
    this.#open.clear();
    return [...struck].flatMap(([name, setup]) => {
      const suspicion = { ...setup, crashes: (this.#crashes.get(name)?.crashes ?? 0) + 1 };
      this.#crashes.set(name, suspicion);
      return suspicion.crashes >= CRASHES_THAT_POISON ? [suspicion] : [];
    });
  }
}

function nameOf({ keyId, epochId, peer, generation }: SetupRef): string {
  return `${keyId} ${epochId} ${peer} ${generation}`;
}
