/** What stands in the two journals of a node's book: JSON, every bigint as its decimal digits. */
import type { Hex } from '#base';
import type { AnchoredFact } from './core/core.ts';

export interface StoredBigints {
  readonly [member: string]: string;
}

/** A line of the replica's journal. */
export type ReplicaLine =
  | { readonly type: 'registration'; readonly registration: StoredBigints }
  | { readonly type: 'page'; readonly ends: readonly string[]; readonly items: readonly unknown[] }
  | { readonly type: 'log'; readonly cursor: { readonly block: string; readonly hash: string }; readonly events: readonly StoredBigints[] }
  | { readonly type: 'claims'; readonly proofs: readonly (readonly [id: string, isSo: boolean])[] };

/** A line of the journal of votes. */
export type VoteLine = { readonly type: 'registration'; readonly registration: StoredBigints } | { readonly type: 'vote'; readonly vote: StoredBigints };

export function storedBigints(object: Readonly<Record<string, unknown>>): StoredBigints {
  return Object.fromEntries(Object.entries(object).map(([member, value]) => [member, String(value)]));
}

export function eventOf(stored: StoredBigints): AnchoredFact {
  const { index, leaf, previous, commitment, timestampS } = stored as { readonly [Member in keyof AnchoredFact]: string };
  return { index: BigInt(index), leaf: leaf as Hex, previous: previous as Hex, commitment: commitment as Hex, timestampS: BigInt(timestampS) };
}
