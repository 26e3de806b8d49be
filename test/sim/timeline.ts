interface Event {
  readonly atUs: number;
  readonly order: number;
  readonly run: () => void;
}

/** All of time: what happens, and when, is one queue. Nothing waits for a real clock, and of two events at the same time the one that was planned first goes first. */
export class Timeline {
  nowUs = 0;
  /** Events so far: the number of the step that a finding names. */
  steps = 0;
  #order = 0;
  #touched = false;
  readonly #heap: Event[] = [];

  /** Plans something. */
  in(delayUs: number, run: () => void): void {
    const event = { atUs: this.nowUs + delayUs, order: this.#order++, run };
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** Said by whatever resolves a promise of the product: it runs to its next wait before the next event. */
  touch(): void {
    this.#touched = true;
  }

  /** Runs events until `isOver`; false when there are none left before that. */
  async run(isOver: () => boolean): Promise<boolean> {
    while (!isOver()) {
      const event = this.#pop();
      if (!event) return false;
      this.nowUs = event.atUs;
      this.steps += 1;
      event.run();
      if (!this.#touched) continue;
      this.#touched = false;
      // Everything that became ready in the product, and what that made ready, is run before this returns.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return true;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
