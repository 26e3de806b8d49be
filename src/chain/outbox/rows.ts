import { toHex, type Hex } from '#base';
import type { ChainLog } from '../client/types.ts';
import type { OutboxState } from './states.ts';
import type { Attempt, MinedReceipt, OutboxId, OutboxTransaction, TransactionFailure } from './types.ts';

export interface TransactionRow {
  readonly id: string;
  readonly purpose: string;
  readonly target: Uint8Array | null;
  readonly data: Uint8Array;
  readonly value: bigint;
  readonly gas_limit: bigint | null;
  readonly deadline_ms: bigint | null;
  readonly not_before_ms: bigint;
  readonly state: string;
  readonly nonce: bigint | null;
  readonly mined_hash: Uint8Array | null;
  readonly failure: TransactionFailure | null;
  readonly rebuilds: number;
  readonly created_ms: bigint;
  readonly updated_ms: bigint;
}

export interface AttemptRow {
  readonly hash: Uint8Array;
  readonly transaction: string;
  readonly nonce: bigint;
  readonly kind: string;
  readonly raw: Uint8Array;
  readonly gas_limit: bigint;
  readonly max_fee: bigint;
  readonly max_priority_fee: bigint;
  readonly signed_ms: bigint;
  readonly sent_ms: bigint | null;
  readonly block_number: bigint | null;
  readonly block_hash: Uint8Array | null;
  readonly reverted: boolean | null;
  readonly gas_used: bigint | null;
  readonly gas_price: bigint | null;
  readonly contract: Uint8Array | null;
  readonly logs: readonly StoredLog[] | null;
}

/** The part of a log that its receipt does not say already. */
export interface StoredLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly logIndex: number;
}

function toReceipt(row: AttemptRow): MinedReceipt | null {
  if (row.block_number === null || !row.block_hash || row.gas_used === null || row.gas_price === null) return null;
  const place = { blockNumber: row.block_number, blockHash: toHex(row.block_hash), transactionHash: toHex(row.hash) };
  return {
    hash: place.transactionHash,
    blockNumber: place.blockNumber,
    blockHash: place.blockHash,
    status: row.reverted ? 'reverted' : 'success',
    gasUsed: row.gas_used,
    effectiveGasPrice: row.gas_price,
    contractAddress: row.contract && toHex(row.contract),
    logs: (row.logs ?? []).map((log): ChainLog => ({ ...log, ...place })),
  };
}

function toAttempt(row: AttemptRow): Attempt {
  return {
    hash: toHex(row.hash),
    nonce: row.nonce,
    kind: row.kind as Attempt['kind'],
    raw: toHex(row.raw),
    gasLimit: row.gas_limit,
    maxFeePerGas: row.max_fee,
    maxPriorityFeePerGas: row.max_priority_fee,
    signedMs: Number(row.signed_ms),
    sentMs: row.sent_ms === null ? null : Number(row.sent_ms),
  };
}

/** `attempts`: those of this transaction, oldest first. */
export function toTransaction(row: TransactionRow, attempts: readonly AttemptRow[]): OutboxTransaction {
  const mined = row.mined_hash && toHex(row.mined_hash);
  const winner = attempts.find((attempt) => toHex(attempt.hash) === mined);
  return {
    id: row.id as OutboxId,
    purpose: row.purpose,
    to: row.target && toHex(row.target),
    data: toHex(row.data),
    value: row.value,
    gasLimit: row.gas_limit,
    deadlineMs: row.deadline_ms === null ? null : Number(row.deadline_ms),
    notBeforeMs: Number(row.not_before_ms),
    state: row.state as OutboxState,
    nonce: row.nonce,
    attempts: attempts.map(toAttempt),
    receipt: winner ? toReceipt(winner) : null,
    failure: row.failure,
    rebuilds: row.rebuilds,
    createdMs: Number(row.created_ms),
    updatedMs: Number(row.updated_ms),
  };
}

export function toStoredLogs(logs: readonly ChainLog[]): StoredLog[] {
  return logs.map(({ address, topics, data, logIndex }) => ({ address, topics, data, logIndex }));
}
