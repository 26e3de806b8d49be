import type { Hex } from '#base';
import type { DepositState } from './states.ts';

/** Where on the chain money arrived: the identity of a deposit, credited once for ever. */
export interface DepositIdentity {
  readonly chainId: bigint;
  readonly transactionHash: Hex;
  /** Of the token's Transfer log. */
  readonly logIndex: number;
}

/** Money that arrived in the vault, told by the token's own Transfer log. */
export interface Deposit {
  readonly identity: DepositIdentity;
  /** keccak(utf8("cairn.deposit") || chainId u64 || transactionHash 32 || logIndex u32): what ids of it derive from. */
  readonly digest: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly token: Hex;
  /** Who paid: owner of the tokens that moved. */
  readonly from: Hex;
  /** Minor units of the token. */
  readonly amount: bigint;
  /**
   * `referenced`: the vault's Deposited log of the same transaction names what it is for, proven by the payer's signature.
   * `plain`: a bare transfer; the caller credits it where `from` is a registered wallet, else to suspense.
   */
  readonly kind: 'referenced' | 'plain';
  /** 32 bytes: the merchant's uuid in the first 16, zeros after; null for a plain transfer. */
  readonly reference: Hex | null;
}

/** A place in the order of the chain: a log of a block. */
export interface DepositPlace {
  readonly block: bigint;
  readonly logIndex: number;
}

export interface DepositChange {
  readonly deposit: Deposit;
  readonly from: DepositState | null;
  readonly to: DepositState;
}

export interface ScanReport {
  /** The last final block whose deposits are all handled. */
  readonly scannedTo: bigint;
  readonly changes: readonly DepositChange[];
}

/** Both views of the money that arrives in one vault. */
export interface DepositScanner {
  /**
   * Hands every deposit that became final to `credit`, in the order of the chain, and moves the cursor behind each range only once `credit` resolved for all of it:
   * a crash hands some over again, so crediting is idempotent by the deposit's digest. Then brings the view of what is not final yet up to date.
   */
  scan(credit: (deposit: Deposit) => Promise<void>): Promise<ScanReport>;
  /** Seen but not final, by block: for people who ask where their money is. Nothing is ever credited from here. */
  pending(): Promise<readonly Deposit[]>;
  /** The plain ones from one sender that became final, behind a place of the chain and in its order, at most `limit`: all of them were handed to `credit`. */
  plain(from: Hex, after: DepositPlace, limit: number): Promise<readonly Deposit[]>;
}
