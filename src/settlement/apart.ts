import { AssertionFailure, isOutage, Problem } from '#base';

/** The windows and instructions of one pass, each for itself: what one is in trouble with keeps no other from its way, and is told when the pass is over. An outage ends the pass, which is repeated. */
export class Apart {
  readonly #troubles: (Problem | AssertionFailure)[] = [];

  /** False where it got into trouble. */
  async each(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (isOutage(error) || !(error instanceof Problem || error instanceof AssertionFailure)) throw error;
      this.#troubles.push(error);
      return false;
    }
  }

  /** Throws what there is to tell. */
  end(): void {
    const [first, ...others] = this.#troubles;
    if (!first) return;
    if (others.length === 0) throw first;
    const all = this.#troubles.map(({ message }) => message).join(' ');
    throw new Problem('settlement/several-in-trouble', `${this.#troubles.length} windows or lists are in trouble. ${all}`, {}, first);
  }
}
