/** All values that something has had, each from a place in the sequence on. */
export class History<Value> {
  readonly seqs: number[] = [];
  readonly #values: Value[] = [];

  put(seq: number, value: Value): void {
    if (this.seqs.at(-1) === seq) this.#values[this.#values.length - 1] = value;
    else {
      this.seqs.push(seq);
      this.#values.push(value);
    }
  }

  get last(): Value | undefined {
    return this.#values[this.#values.length - 1];
  }

  /** The value just after the record `seq`; undefined where it was not there yet. */
  at(seq: number): Value | undefined {
    const { seqs } = this;
    if (seqs.length === 0 || seqs[0]! > seq) return undefined;
    if (seqs[seqs.length - 1]! <= seq) return this.last;
    let [low, high] = [0, seqs.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (seqs[middle]! <= seq) low = middle;
      else high = middle;
    }
    return this.#values[low];
  }
}
