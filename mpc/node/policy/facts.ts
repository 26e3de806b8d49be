import type { Hex, TimeMs } from '#base';

/** What a node can be asked to sign, as far as the policy tells kinds apart. */
export const INTENT_KINDS = ['anchor', 'authorisation', 'cancel', 'governance', 'instruction', 'timelockCancel'] as const;

export type IntentKind = (typeof INTENT_KINDS)[number];

/** The contracts that an intent touches, by what they are to us. */
export interface ContractFact {
  readonly role: 'anchor' | 'vault' | 'safe' | 'timelock' | 'token';
  readonly address: Hex;
}

export interface PaymentFact {
  readonly token: Hex;
  readonly payee: Hex;
  /** Minor units. */
  readonly amount: bigint;
  /** Whether a merchant key that the operators registered signed this payee's entry. */
  readonly registered: boolean;
}

/** What the node itself found out about a request: decoded from the intent that it rebuilt, never told by the coordinator. */
export interface Facts {
  readonly kind: IntentKind;
  readonly chainId: bigint;
  /** The first is the contract that verifies the signature. */
  readonly contracts: readonly ContractFact[];
  readonly payments: readonly PaymentFact[];
  /** The 32 bytes to be signed. */
  readonly digest: Hex;
  readonly requestId: string;
  /** Name or key of whoever asks, as the channel authenticated it. */
  readonly requester: string;
  /** Time of the newest final block that this node's own endpoints agree on; absent where none was asked. */
  readonly witnessedMs?: TimeMs;
}

export interface Debit {
  readonly chainId: string;
  readonly token: Hex;
  readonly payee: Hex;
  readonly amount: bigint;
  /** It came into a vault of ours; absent of what went out. */
  readonly incoming?: true;
}

/** What left under one digest. Signed twice, it still moves the money once, so it counts once, from its latest release. */
export interface Spent {
  readonly digest: Hex;
  readonly atMs: TimeMs;
  readonly debits: readonly Debit[];
}

/** What is counted against the limits. Kept apart from the policy, so that a change of the policy forgets nothing. */
export interface Counters {
  /** The latest time that this node has seen. */
  readonly highWaterMs: TimeMs;
  /** One entry a digest; those older than a day before `highWaterMs` may be absent. */
  readonly spent: readonly Spent[];
}
