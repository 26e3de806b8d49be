import type { Context, EpochId, KeyId } from './ids.ts';
import { context } from './ids.ts';
import type { PartyId, Threshold } from './parties.ts';

/** What one party keeps of a key in one epoch. Secret: `share`; confidential: `chainCode` (section 9: with one child's private key it gives the root). */
export interface KeyShare extends Threshold {
  readonly keyId: KeyId;
  readonly epoch: number;
  readonly epochId: EpochId;
  /** The party that holds it. */
  readonly id: PartyId;
  /** x_i: 32 bytes, kept as bytes because a BigInt cannot be wiped (14). */
  readonly share: Uint8Array;
  /** X: 65 bytes. */
  readonly publicKey: Uint8Array;
  /** X_1..X_n in id order: 65 bytes each. */
  readonly publicShares: readonly Uint8Array[];
  /** cc: 32 bytes. */
  readonly chainCode: Uint8Array;
}

/** ctx of the key in its epoch (2.5). */
export function contextOf(key: Omit<KeyShare, 'share'>): Context {
  return context(key);
}
