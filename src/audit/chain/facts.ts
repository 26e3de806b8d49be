import type { Hex } from '#base';

/* What the chain says of a deployment, up to its newest final block. */

export interface AnchoredFact {
  readonly index: bigint;
  readonly leaf: Hex;
  readonly previous: Hex;
  readonly commitment: Hex;
  readonly transaction: Hex;
  readonly block: number;
  /** When it was mined, seconds; only of leaves that the export does not have. */
  readonly timestamp: bigint | null;
}

export interface PaidFact {
  readonly instruction: Hex;
  readonly token: Hex;
  /** Bit i: word i of the instruction's list was paid by this transaction. */
  readonly payments: bigint;
  readonly amount: bigint;
  readonly transaction: Hex;
}

export interface CancelledFact {
  readonly instruction: Hex;
  readonly index: number;
}

/** Money that arrived in the vault. */
export interface DepositFact {
  readonly transaction: Hex;
  readonly logIndex: number;
  readonly block: number;
  readonly token: Hex;
  readonly from: Hex;
  readonly amount: bigint;
  /** Null for a plain transfer. */
  readonly reference: Hex | null;
}

export interface ChainFacts {
  readonly finalBlock: number;
  /** Seconds. */
  readonly finalTimestamp: bigint;
  /** What the vault believes and serves. */
  readonly vaultAnchor: Hex;
  readonly vaultBook: Hex;
  /** What LedgerAnchor stores. */
  readonly commitment: Hex;
  readonly anchored: readonly AnchoredFact[];
  readonly paid: readonly PaidFact[];
  readonly cancelled: readonly CancelledFact[];
  readonly deposits: readonly DepositFact[];
  /** Minor units that the vault holds, by token. */
  readonly holdings: ReadonlyMap<Hex, bigint>;
}
