/** Milliseconds since 1970-01-01T00:00:00Z, as PostgreSQL and the leaves store them. */
export type TimeMs = number;

/** One clock drives holds, windows, retries and expiry, so that a test or the sandbox can move all of them together. */
export interface Clock {
  nowMs(): TimeMs;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** A clock that stands still until it is told to move. */
export class ManualClock implements Clock {
  #nowMs: TimeMs;

  constructor(startMs: TimeMs) {
    this.#nowMs = startMs;
  }

  nowMs(): TimeMs {
    return this.#nowMs;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
  }
}

/** Fills the given bytes with randomness; a parameter wherever randomness decides something. */
export type RandomBytes = (length: number) => Uint8Array;
