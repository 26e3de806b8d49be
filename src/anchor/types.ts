import type { BookId, Hex, TimeMs, Uuid } from '#base';
import type { LedgerRecord } from '#ledger/core';
import type { BookRecord, Hash } from './core/core.ts';

/** Where the sealer and the prover read a book's records: the journal, off the writer. A Book is one. */
export interface RecordSource {
  readonly bookId: BookId;
  /** Records with seq >= fromSeq in order, at most `limit`. */
  records(range: { readonly fromSeq: bigint; readonly limit: number }): Promise<readonly LedgerRecord[]>;
}

/** Where one book's sealed batches are, if they are not in the deployment's own database: that of the book. What it says is checked, not believed. */
export interface BatchSource {
  readonly bookId: BookId;
  /** The book record hash of the batch of this number; null where there is none. */
  bookRecord(batchNo: bigint): Promise<Hash | null>;
  /** Batches after this number, oldest first, at most `limit`. */
  batches(after: bigint, limit: number): Promise<readonly NewBatch[]>;
}

/** A batch as it is sealed: what it says, and everything that proofs of its records need. */
export interface NewBatch extends BookRecord {
  readonly batchNo: bigint;
  readonly recordHash: Hash;
  /** Record leaves and fields roots, flat. */
  readonly leaves: Uint8Array;
  readonly fieldsRoots: Uint8Array;
  readonly oldestMs: TimeMs;
  readonly sealedMs: TimeMs;
}

/** An Anchored event that is in the chain now. */
export interface AnchoredEvent {
  readonly index: bigint;
  readonly leaf: Hex;
  readonly commitment: Hex;
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly isFinal: boolean;
}

/** What anchoring needs to know of the chain. */
export interface AnchorChain {
  readonly chainId: bigint;
  /** Of LedgerAnchor, lower case. */
  readonly anchorAddress: Hex;
  /** The events from this position of the log upwards, in order, as the chain has them now. */
  anchored(fromIndex: bigint): Promise<readonly AnchoredEvent[]>;
  /** Call data of LedgerAnchor.anchor(leaf, count, peaks, signature). */
  encodeAnchor(call: { readonly leaf: Hex; readonly count: bigint; readonly peaks: readonly Hex[]; readonly signature: Hex }): Hex;
}

/** What anchoring needs of the outbox of #chain, which has exactly this. */
export interface AnchorOutbox {
  enqueue(request: { readonly id: Uuid<'outbox'>; readonly purpose: string; readonly to: Hex; readonly data: Hex }): Promise<unknown>;
  transaction(id: Uuid<'outbox'>): Promise<{ readonly state: string }>;
  rebuildWith(purpose: string, rebuild: (transaction: { readonly id: Uuid<'outbox'> }) => Promise<AnchorRebuilt>): void;
}

/** The same bytes later, or the end: a signed leaf is never replaced. */
export type AnchorRebuilt = { readonly kind: 'retry'; readonly notBeforeMs: TimeMs } | { readonly kind: 'giveUp' };

/** How far a leaf is on its way into the log; `mined` can still go back to `sent`. */
export type AnchorState = 'intent' | 'signed' | 'sent' | 'mined' | 'final';

export interface AnchorProgress {
  readonly index: bigint;
  readonly from: AnchorState | null;
  readonly to: AnchorState;
  readonly transactionHash: Hex | null;
}

export interface SealedBatch {
  readonly book: BookId;
  readonly batchNo: bigint;
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly batchRoot: Hex;
  readonly bookRecord: Hex;
  readonly sealedMs: TimeMs;
  /** Null while no anchor carries it. */
  readonly anchor: { readonly index: bigint; readonly state: AnchorState; readonly transactionHash: Hex | null } | null;
}
