import { Problem } from '#base';
import type { PartyId } from './parties.ts';

/**
 * What must be on the disk before anything else leaves this party (digest section 12):
 * - none: nothing; a retry has a new sid
 * - alarm: nothing; but the coordinator is wrong or hostile, and an operator hears of it
 * - count: one more malformed message of the culprit, with an alarm
 * - keep-evidence: both signed messages are kept
 * - poison-pair: no session with the culprit until a whole new set-up of the pair, in both directions, that an operator approved
 * - self-test: x_i G == X_i of the own share is checked
 * - count-failure: one more invalid signature of the peer (t = 2) or of the quorum (t >= 3), which is suspended after a few
 * - drop-attempt: a key generation, refresh or reshare ends; after the own confirmation rule 10.3 stands above this
 */
export type Effect = 'none' | 'alarm' | 'count' | 'keep-evidence' | 'poison-pair' | 'self-test' | 'count-failure' | 'drop-attempt';

/** The table of section 12: the code decides the effect, so that no call site can soften it. */
const EFFECTS = {
  'mpc/pair-not-usable': 'none',
  'mpc/malformed-message': 'count',
  'mpc/bad-opening': 'keep-evidence',
  'mpc/echo-differs': 'keep-evidence',
  'mpc/equivocation': 'keep-evidence',
  'mpc/session-differs': 'alarm',
  'mpc/not-the-accepted-session': 'alarm',
  'mpc/ot-check-failed': 'poison-pair',
  'mpc/rvole-check-failed': 'poison-pair',
  'mpc/product-check-failed': 'poison-pair',
  'mpc/key-sum-differs': 'self-test',
  'mpc/invalid-signature': 'count-failure',
  'mpc/overflowing-signature': 'none',
  'mpc/bad-share': 'drop-attempt',
  'mpc/bad-proof': 'drop-attempt',
  'mpc/key-differs': 'drop-attempt',
  'mpc/confirmation-differs': 'drop-attempt',
} as const satisfies Record<string, Effect>;

export type AbortCode = keyof typeof EFFECTS;

/** The end of a protocol run: why, who is known to be to blame (pairwise and local; it convinces nobody else), and what must be durable first. */
export interface Abort {
  readonly problem: Problem;
  readonly culprit: PartyId | null;
  readonly effect: Effect;
}

/** The problem to throw inside a step; `attempt` hands it to the caller as a value. */
export function abort(code: AbortCode, culprit: PartyId | null, detail: string): Problem {
  return new Problem(code, detail, { culprit, effect: EFFECTS[code] });
}

export interface Aborted {
  readonly kind: 'abort';
  readonly abort: Abort;
}

/** Runs one step and turns an abort in it into a value, because the caller has to write its effect down before anything is sent; whatever else is thrown goes on. */
export function attempt<Result>(step: () => Result): Result | Aborted {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof Problem) || !(error.code in EFFECTS)) throw error;
    const { culprit, effect } = error.facts as { culprit: PartyId | null; effect: Effect };
    return { kind: 'abort', abort: { problem: error, culprit, effect } };
  }
}

/**
 * A value that is taken once: what one round leaves for the next. The second taker is refused, because a round that runs twice with the same secrets gives the key away (2.6). Private, so that neither
 * JSON nor a structured clone carries it to a disk or to another thread.
 */
export class Once<T> {
  #value: T | undefined;
  readonly #what: string;

  constructor(value: T, what: string) {
    this.#value = value;
    this.#what = what;
  }

  /** A `guard` that throws leaves the value where it is: what was asked too early may be asked again. */
  take(guard?: (value: T) => void): T {
    const value = this.#value;
    if (value === undefined) throw new Problem('mpc/step-already-taken', `${this.#what} was taken before.`);
    guard?.(value);
    this.#value = undefined;
    return value;
  }
}
