import type { TimeMs } from '#base';
import { isTerminal } from './states.ts';
import type { MinedReceipt, OutboxTransaction } from './types.ts';

/** What the chain says about one transaction at one moment. */
export interface Observation {
  readonly nowMs: TimeMs;
  readonly finalBlock: bigint;
  /** The receipt of whichever attempt is in a block now. */
  readonly receipt: MinedReceipt | null;
  /** In a final block the relayer's nonce is past this transaction's, and no attempt of ours was found for a while: a foreign transaction used it. */
  readonly nonceGone: boolean;
  /** The node still has the newest attempt. */
  readonly known: boolean;
  /** Its turn has come, and blocks came since the newest attempt was sent, without it. While none comes a higher fee buys nothing. */
  readonly passedOver: boolean;
}

export type Step =
  | { readonly kind: 'wait' }
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'replace'; readonly as: 'call' | 'cancel' }
  | { readonly kind: 'mined'; readonly receipt: MinedReceipt }
  | { readonly kind: 'orphaned' }
  /** In a final block, for ever. */
  | { readonly kind: 'settled'; readonly outcome: 'success' | 'reverted' | 'cancelled' }
  /** The nonce was used by a transaction that is not ours: it needs another one. */
  | { readonly kind: 'reopen' };

const WAIT: Step = { kind: 'wait' };

/** The next step of a transaction that has a nonce: one at a time, asked again after each. */
export function decide(transaction: OutboxTransaction, seen: Observation, replaceAfterMs: number): Step {
  if (transaction.state === 'intent' || isTerminal(transaction.state)) return WAIT;
  if (transaction.state === 'mined') return decideMined(transaction, seen);
  if (seen.receipt && transaction.state !== 'signed') return { kind: 'mined', receipt: seen.receipt };
  // A signed one is sent even when it is in a block already (it left just before a crash): the node answers `known` or `nonceUsed`.
  if (transaction.state === 'signed' || transaction.state === 'orphaned')
    return expired(transaction, seen.nowMs) ? cancelOnce(transaction) : { kind: 'broadcast' };
  return decideSent(transaction, seen, replaceAfterMs);
}

function decideMined(transaction: OutboxTransaction, seen: Observation): Step {
  const { receipt } = transaction;
  if (!receipt || receipt.blockHash !== seen.receipt?.blockHash || receipt.hash !== seen.receipt.hash) return { kind: 'orphaned' };
  if (receipt.blockNumber > seen.finalBlock) return WAIT;
  const winner = transaction.attempts.find((attempt) => attempt.hash === receipt.hash);
  if (winner?.kind === 'cancel') return { kind: 'settled', outcome: 'cancelled' };
  return { kind: 'settled', outcome: receipt.status };
}

function decideSent(transaction: OutboxTransaction, seen: Observation, replaceAfterMs: number): Step {
  const newest = transaction.attempts.at(-1);
  if (seen.nonceGone) return { kind: 'reopen' };
  if (expired(transaction, seen.nowMs) && newest?.kind === 'call') return { kind: 'replace', as: 'cancel' };
  if (newest?.sentMs == null) return { kind: 'broadcast' };
  if (seen.passedOver && seen.nowMs - newest.sentMs >= replaceAfterMs) return { kind: 'replace', as: newest.kind };
  return seen.known ? WAIT : { kind: 'broadcast' };
}

function cancelOnce(transaction: OutboxTransaction): Step {
  return transaction.attempts.at(-1)?.kind === 'cancel' ? { kind: 'broadcast' } : { kind: 'replace', as: 'cancel' };
}

export function expired(transaction: OutboxTransaction, nowMs: TimeMs): boolean {
  return transaction.deadlineMs !== null && nowMs >= transaction.deadlineMs;
}
