import type { Filed } from '#ledger/core';

/**
 * Keeps what was set or asked for of late: at least the last `most` of it, at most twice as many. Two maps, of which the older one is dropped as a whole when the younger one is
 * full: nothing is moved but what is asked for again, and no entry is looked for to be thrown out.
 */
export class Recent<Key, Value> implements Filed<Key, Value> {
  readonly #most: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    // Who asks is about to decide on it, and what is set meanwhile must not drive it out.
    if (old !== undefined) this.set(key, old);
    return old;
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
