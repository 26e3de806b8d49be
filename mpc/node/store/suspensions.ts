import { Problem, type Hex } from '#base';
import type { EpochRef } from './events.ts';

/** After so many invalid signatures the peers in them are suspended until one of their pairs is set up anew by its operators, or the epoch is over (digest 12). */
export const MAX_INVALID_SIGNATURES = 3;

/** Of which peers signatures came out invalid, an epoch: one peer where two sign, a quorum where more do, since nobody knows by whose fault; never the key. Pure: the journal's lines are replayed into it. */
export class Suspensions {
  readonly #counts = new Map<Hex, Map<string, number>>();

  count({ epochId }: EpochRef, peers: readonly number[]): void {
    const counts = this.#counts.get(epochId) ?? new Map<string, number>();
    counts.set(peers.join(), (counts.get(peers.join()) ?? 0) + 1);
    this.#counts.set(epochId, counts);
  }

  /** A pair of this peer was set up anew: of every set that it was in nothing is held against anybody. */
  lift({ epochId }: EpochRef, peer: number): void {
    const counts = this.#counts.get(epochId);
    for (const peers of counts?.keys() ?? []) if (peers.split(',').includes(String(peer))) counts!.delete(peers);
  }

  /** The sets of peers of this epoch that are suspended. */
  of({ epochId }: EpochRef): readonly (readonly number[])[] {
    const counts = this.#counts.get(epochId) ?? [];
    return [...counts].filter(([, count]) => count >= MAX_INVALID_SIGNATURES).map(([peers]) => peers.split(',').map(Number));
  }

  /** session/pair-unusable where exactly these peers are. */
  demandNone(ref: EpochRef, peers: readonly number[]): void {
    if (!this.of(ref).some((suspended) => suspended.join() === peers.join())) return;
    throw new Problem('session/pair-unusable', `${MAX_INVALID_SIGNATURES} signatures with ${peers.join(', ')} came out invalid; they are suspended.`, {
      peers,
    });
  }
}
