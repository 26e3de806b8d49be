import type { ChainLog } from '../client/types.ts';
import type { Hex, TimeMs, Uuid } from '#base';
import type { Queryable } from '#db';
import type { OutboxState } from './states.ts';

export type OutboxId = Uuid<'outbox'>;

export interface TransactionRequest {
  /** The idempotency key: the caller's own, for ever (derivedId of what it does). */
  readonly id: OutboxId;
  /** Who wants it and why, for people and for the choice of a rebuilder: 'anchor', 'pay', 'deploy', ... */
  readonly purpose: string;
  /** Lower-case address; null creates a contract. */
  readonly to: Hex | null;
  readonly data: Hex;
  /** Wei; 0 unless said. */
  readonly value?: bigint;
  /** Units of gas; estimated unless said. */
  readonly gasLimit?: bigint;
  /** From then on it is not sent any more; one that is on its way is replaced by an empty one of the same nonce. */
  readonly deadlineMs?: TimeMs;
}

/** One signed version of a transaction: all versions of one nonce are remembered, and whichever is mined wins. */
export interface Attempt {
  readonly hash: Hex;
  readonly nonce: bigint;
  /** `cancel` only uses up the nonce: nothing to the relayer itself. */
  readonly kind: 'call' | 'cancel';
  readonly raw: Hex;
  readonly gasLimit: bigint;
  /** Wei a unit of gas. */
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly signedMs: TimeMs;
  readonly sentMs: TimeMs | null;
}

export interface MinedReceipt {
  readonly hash: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly status: 'success' | 'reverted';
  readonly gasUsed: bigint;
  /** Wei a unit of gas. */
  readonly effectiveGasPrice: bigint;
  readonly contractAddress: Hex | null;
  readonly logs: readonly ChainLog[];
}

/**
 * Why a transaction failed. `reverted`: the contract refused it (on the chain, or in the estimate before it was sent); without an error and data where no node could say why. `outOfGas`: it ran, but not to its end, with
 * the gas it was given. `notTaken`: the node refused its bytes for a while, and an empty transaction took its nonce. `deadline`: its time passed.
 */
export interface TransactionFailure {
  readonly reason: 'reverted' | 'outOfGas' | 'notTaken' | 'deadline';
  /** The contract's custom error where it is known; arguments as decimal or hexadecimal strings. */
  readonly error: { readonly name: string; readonly args: readonly string[] } | null;
  readonly revertData: Hex;
}

export interface OutboxTransaction {
  readonly id: OutboxId;
  readonly purpose: string;
  readonly to: Hex | null;
  readonly data: Hex;
  readonly value: bigint;
  readonly gasLimit: bigint | null;
  readonly deadlineMs: TimeMs | null;
  readonly notBeforeMs: TimeMs;
  readonly state: OutboxState;
  readonly nonce: bigint | null;
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
  /** Set while mined, and for ever once final or failed on the chain. */
  readonly receipt: MinedReceipt | null;
  readonly failure: TransactionFailure | null;
  /** How often the payload was rebuilt by its owner. */
  readonly rebuilds: number;
  readonly createdMs: TimeMs;
  readonly updatedMs: TimeMs;
}

/** What the owner of a reverted payload wants: other bytes in the same transaction, the same bytes later, or the end. */
export type Rebuilt = { readonly kind: 'replace'; readonly data: Hex } | { readonly kind: 'retry'; readonly notBeforeMs: TimeMs } | { readonly kind: 'giveUp' };

export type Rebuild = (transaction: OutboxTransaction, failure: TransactionFailure) => Promise<Rebuilt>;

/** The payload as it has to be now; null leaves it as it is. */
export type Build = (transaction: OutboxTransaction) => Promise<Hex | null>;

/** A change of state that is already stored. */
export interface OutboxProgress {
  readonly id: OutboxId;
  readonly purpose: string;
  readonly from: OutboxState | null;
  readonly to: OutboxState;
  readonly hash: Hex | null;
  /** One sentence for a person where there is something to say. */
  readonly note?: string;
}

/** One pass over everything that is open. */
export interface TickReport {
  readonly changes: readonly OutboxProgress[];
  /** Transactions that are neither final nor failed after the pass: the loop may rest while it is 0. */
  readonly open: number;
}

export interface Outbox {
  readonly relayer: Hex;
  /**
   * Stored when this resolves, or with the transaction of the database that it is stored within: nothing that was decided is lost and nothing that was not is sent.
   * The same id with the same purpose, target, value and payload is the same transaction ('exists'); with another content chain/transaction-differs.
   */
  enqueue(request: TransactionRequest, within?: Queryable): Promise<'created' | 'exists'>;
  /** chain/transaction-unknown where there is none. */
  transaction(id: OutboxId): Promise<OutboxTransaction>;
  /**
   * Observes, sends, replaces, finishes; safe to call at any time, one pass at a time. Throws at once what stops all of it (unreachable, out of funds, busy, a chain that lost its state), and at the end of the pass what
   * one transaction is in trouble with while the others went on; the loop reports it and calls again.
   */
  tick(): Promise<TickReport>;
  /** Resolves when it is final or failed. Does not tick by itself. */
  waitFinal(id: OutboxId, signal?: AbortSignal): Promise<OutboxTransaction>;
  /** Who is asked when a payload of this purpose reverted; without one a revert is the end of the transaction. */
  rebuildWith(purpose: string, rebuild: Rebuild): void;
  /**
   * For payloads that are a proof of how something stands, which transactions of the purpose `changedBy` change: they are built anew in the moment in which they are sent, and sent only while no transaction that changes
   * it is on its way to a block. Those that come later have later nonces.
   */
  buildWith(purpose: string, changedBy: string, build: Build): void;
  /** Gives the relayer's lock back. */
  close(): Promise<void>;
}
