import type { JsonValue } from '#anchor/core';
import type { Hex, RandomBytes } from '#base';
import type { FolderLock } from '../files/files.ts';
import type { Head } from '../heads/heads.ts';
import type { Approval, Facts, Spent } from '../policy/policy.ts';
import type { Confirmation, EpochMade, EpochRef, PairMade, Poisoned } from './events.ts';
import type { KeyProvider } from './keyProvider.ts';
import type { EpochRecord } from './state.ts';

export interface StoreOptions {
  /** The node's own data folder: nobody else's, never in a snapshot. */
  readonly folder: string;
  readonly node: string;
  readonly provider: KeyProvider;
  readonly random: RandomBytes;
}

export interface OpenOptions extends StoreOptions {
  /** Of the folder, where the caller has taken it already; it is the store's from then on. */
  readonly lock?: FolderLock | undefined;
  /** Whether this confirmation is by that party over what this epoch fixed: the protocol's own check, since only it knows what is signed. */
  readonly isConfirmation: (record: EpochRecord, confirmation: Confirmation) => boolean;
  /** Whether this is H("test-sign/v1"; ctx, S) of this epoch and of these signers beside us: the only digest that is signed without asking the policy. */
  readonly isTestDigest: (record: EpochRecord, peers: readonly number[], digest: Hex) => boolean;
}

/** What a restored node has lost and its peers have not (11.3): whatever it released in the last day was released by a peer too, and whom it poisoned it told. */
export interface PeersMemory {
  readonly spent: readonly Spent[];
  readonly poisonings: readonly Poisoned[];
}

/** What section 4 left for one peer. `secrets` (OT state, zero seeds) stays the caller's to wipe. */
export interface NewPair extends Omit<PairMade, 'file'> {
  readonly secrets: Uint8Array;
}

/** What a DKG, a refresh or a reshare left behind; the bytes stay the caller's to wipe. */
export interface NewEpoch extends EpochMade {
  readonly share: Uint8Array;
  readonly pairs: readonly NewPair[];
  /** Encrypted to this node's own recovery keys (11.3); erased with the epoch. */
  readonly backup?: Uint8Array;
}

interface Session extends EpochRef {
  readonly sid: Hex;
  /** The other signers. */
  readonly peers: readonly number[];
  /** Of the audit log, after the line that says what was decided. */
  readonly audit: Head;
}

export interface SigningSession extends Session {
  readonly facts: Facts;
  readonly approvals: readonly Approval[];
  /** The decoded intent, bigints as strings. */
  readonly intent: JsonValue;
  /** That stands in this signer's slot of the sid. */
  readonly policyHash: Hex;
}

export interface TestSession extends Session {
  /** H("test-sign/v1"; ctx, S). */
  readonly digest: Hex;
}
