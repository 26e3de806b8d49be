import { Problem, type Clock, type TimeMs } from '#base';
import type { Fingerprint } from './identity.ts';
import type { Caller } from './pins.ts';

/** So many early refusals at once, and one more a second: each is a line in the audit log and an fsync, which a captured caller would otherwise have as often as it can ask. */
const BURST = 60;
const EVERY_MS = 1_000;

interface Bucket {
  tokens: number;
  filledMs: TimeMs;
  /** Whether the operators were told that it is empty. */
  isTold: boolean;
}

export interface RefusalLimitOptions {
  readonly clock: Clock;
  /** A call was turned away unread. */
  readonly onTurnedAway: (caller: Caller) => void;
  /** The first such call, until the caller was silent for long enough to have half of its refusals back. */
  readonly onEmpty: (caller: Caller, problem: Problem) => void;
}

/** A token bucket a caller. Who has used up its refusals is answered nothing, whatever it asks, until time gives it another one. */
export class RefusalLimit {
  readonly #options: RefusalLimitOptions;
  readonly #buckets = new Map<Fingerprint, Bucket>();

  constructor(options: RefusalLimitOptions) {
    this.#options = options;
  }

  /** wire/too-many-refusals: asked before anything of a call is looked at. */
  demandRoom(caller: Caller): void {
    const bucket = this.#filled(caller);
    if (bucket.tokens >= 1) return;
    const problem = new Problem('wire/too-many-refusals', `This ${caller.part} was refused ${BURST} calls that no honest one makes.`, {
      part: caller.part,
      fingerprint: caller.fingerprint,
    });
    this.#options.onTurnedAway(caller);
    if (!bucket.isTold) this.#options.onEmpty(caller, problem);
    bucket.isTold = true;
    throw problem;
  }

  /** One of its calls was refused at once. */
  count(caller: Caller): void {
    const bucket = this.#filled(caller);
    bucket.tokens = Math.max(0, bucket.tokens - 1);
  }

  /** By callers who are pinned, so there are few. A clock that goes back gives nobody anything. */
  #filled({ fingerprint }: Caller): Bucket {
    const nowMs = this.#options.clock.nowMs();
    const bucket = this.#buckets.get(fingerprint) ?? { tokens: BURST, filledMs: nowMs, isTold: false };
    this.#buckets.set(fingerprint, bucket);
    const passedMs = Math.max(0, nowMs - bucket.filledMs);
    bucket.tokens = Math.min(BURST, bucket.tokens + passedMs / EVERY_MS);
    bucket.filledMs = nowMs;
    if (bucket.tokens >= BURST / 2) bucket.isTold = false;
    return bucket;
  }
}
