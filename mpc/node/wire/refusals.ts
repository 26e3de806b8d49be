import { Problem, type Clock, type TimeMs } from '#base';
import type { Fingerprint } from './identity.ts';
import type { Caller } from './pins.ts';

/** So many early refusals at once, and one more a second: each is a line in the audit log and an fsync, which a captured caller would otherwise have as often as it can ask. */
const BURST = 60;
const EVERY_MS = 1_000;

interface Bucket {
  tokens: number;
  filledMs: TimeMs;
}

/** A token bucket a caller: sixty at once, and one more a second. By callers who are pinned, so there are few. A clock that goes back gives nobody anything. */
export class Buckets {
  readonly #nowMs: () => TimeMs;
  readonly #buckets = new Map<Fingerprint, Bucket>();

  constructor(nowMs: () => TimeMs) {
    this.#nowMs = nowMs;
  }

  left({ fingerprint }: Caller): number {
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(fingerprint) ?? { tokens: BURST, filledMs: nowMs };
    this.#buckets.set(fingerprint, bucket);
    const passedMs = Math.max(0, nowMs - bucket.filledMs);
    bucket.tokens = Math.min(BURST, bucket.tokens + passedMs / EVERY_MS);
    bucket.filledMs = nowMs;
    return bucket.tokens;
  }

  /** Whether there was one to take. */
  take(caller: Caller): boolean {
    const left = this.left(caller);
    this.#buckets.get(caller.fingerprint)!.tokens = Math.max(0, left - 1);
    return left >= 1;
  }
}

export interface RefusalLimitOptions {
  readonly clock: Clock;
  /** A call was turned away unread. */
  readonly onTurnedAway: (caller: Caller) => void;
  /** The first such call, until the caller was silent for long enough to have half of its refusals back. */
  readonly onEmpty: (caller: Caller, problem: Problem) => void;
}

/** Who has used up its refusals is answered nothing, whatever it asks, until time gives it another one. */
export class RefusalLimit {
  readonly #options: RefusalLimitOptions;
  readonly #buckets: Buckets;
  /** Of whom the operators were told. */
  readonly #told = new Set<Fingerprint>();

  constructor(options: RefusalLimitOptions) {
    this.#options = options;
    this.#buckets = new Buckets(() => options.clock.nowMs());
  }

  /** wire/too-many-refusals: asked before anything of a call is looked at. */
  demandRoom(caller: Caller): void {
    const left = this.#buckets.left(caller);
    if (left >= BURST / 2) this.#told.delete(caller.fingerprint);
    if (left >= 1) return;
    const problem = new Problem('wire/too-many-refusals', `This ${caller.part} was refused ${BURST} calls that no honest one makes.`, {
      part: caller.part,
      fingerprint: caller.fingerprint,
    });
    this.#options.onTurnedAway(caller);
    if (!this.#told.has(caller.fingerprint)) this.#options.onEmpty(caller, problem);
    this.#told.add(caller.fingerprint);
    throw problem;
  }

  /** One of its calls was refused at once. */
  count(caller: Caller): void {
    this.#buckets.take(caller);
  }
}
