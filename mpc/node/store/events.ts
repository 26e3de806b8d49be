import type { JsonValue } from '#anchor/core';
import type { Hex, TimeMs } from '#base';
import type { Head } from '../heads/heads.ts';
import type { PolicyChange } from '../policy/policy.ts';

/** One epoch of one key. */
export interface EpochRef {
  readonly keyId: string;
  /** H("epoch/v1"; ...), section 2.5. 32 bytes. */
  readonly epochId: Hex;
}

/** A sealed file: its name is made of these, its bytes hash to `digest`. */
export interface FileRef {
  readonly kind: 'share' | 'pair' | 'backup';
  /** Of a pair; else 0. */
  readonly peer: number;
  readonly serial: number;
  readonly digest: Hex;
}

/** A pair as section 4 made it. */
export interface PairMade {
  readonly peer: number;
  /** Of the set-up (section 4): grows with every set-up of this pair under this epoch. */
  readonly generation: number;
  readonly setupId: Hex;
  readonly file: FileRef;
}

/** A signed "I have e+1 on my disk" (section 3, D4; 10.3). */
export interface Confirmation {
  readonly party: number;
  readonly signature: Hex;
}

/** What a ceremony fixed about an epoch, without anything secret. */
export interface EpochMade extends EpochRef {
  readonly epoch: number;
  /** Ids of all n parties, this node's too, ascending. */
  readonly parties: readonly number[];
  /** X, X_1..X_n, t, what the confirmation covers: as the protocol writes it. Canonical JSON. */
  readonly data: JsonValue;
}

interface At {
  readonly atMs: TimeMs;
}

export interface SpentJson {
  readonly digest: Hex;
  readonly atMs: TimeMs;
  readonly debits: readonly { readonly chainId: string; readonly token: Hex; readonly payee: Hex; readonly amount: string; readonly incoming?: true }[];
}

/** RELEASED (section 14): this signer's last message of a session is about to leave. */
export interface Released extends EpochRef, At {
  readonly event: 'released';
  readonly sid: Hex;
  readonly digest: Hex;
  readonly requestId: string;
  /** Decoded, as canonical JSON; null of a test signature, whose digest says nothing but that it is one. */
  readonly intent: JsonValue;
  /** null of a test signature. */
  readonly policy: { readonly version: number; readonly hash: Hex } | null;
  readonly spent: SpentJson | null;
  readonly audit: Head;
}

/** POISON (section 12): a check against this peer failed. */
export interface Poisoned extends EpochRef, At {
  readonly event: 'poisoned';
  readonly peer: number;
  readonly generation: number;
  readonly sid: Hex;
  /** Which check: "ote", "rvole", "check-3", "check-4". */
  readonly check: string;
  readonly audit: Head;
}

/**
 * A session is about to look at what depends on Delta. It ends with its release, or with `evaluated` after whatever verdict is on the disk; one that is open when the store is opened was cut short by a crash,
 * which is a verdict to whoever was waiting for it.
 */
export interface Evaluating extends EpochRef, At {
  readonly event: 'evaluating';
  readonly sid: Hex;
  readonly peers: readonly number[];
}

/** Everything that a node's disk remembers, in order. Nothing of a session is in it (section 14). */
export type StoreEvent =
  | ({
      readonly event: 'pending';
      readonly made: EpochMade;
      readonly share: FileRef;
      readonly pairs: readonly PairMade[];
      readonly backup: FileRef | null;
    } & At)
  | ({ readonly event: 'confirmed'; readonly signature: Hex } & EpochRef & At)
  | ({ readonly event: 'promoted'; readonly bundle: readonly Confirmation[] } & EpochRef & At)
  | ({ readonly event: 'dropped' } & EpochRef & At)
  | ({ readonly event: 'restored'; readonly made: EpochMade; readonly share: FileRef } & At)
  | ({ readonly event: 'remembered'; readonly spent: readonly SpentJson[]; readonly poisonings: readonly Poisoned[] } & At)
  | ({ readonly event: 'activated' } & EpochRef & At)
  | ({ readonly event: 'retired'; readonly reason: string } & EpochRef & At)
  | ({ readonly event: 'paired'; readonly pair: PairMade; readonly approvedBy: string } & EpochRef & At)
  | ({ readonly event: 'pair-activated'; readonly peer: number } & EpochRef & At)
  | Poisoned
  | Released
  | Evaluating
  | ({ readonly event: 'evaluated'; readonly sid: Hex } & At)
  /** A signature with these peers came out invalid (section 12). */
  | ({ readonly event: 'invalid'; readonly sid: Hex; readonly peers: readonly number[] } & EpochRef & At)
  /** Found at an opening: the process before died while sessions were evaluated. */
  | ({ readonly event: 'crashed' } & At)
  | ({ readonly event: 'policy'; readonly change: PolicyChange } & At);
