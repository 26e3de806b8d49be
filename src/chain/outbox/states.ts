/**
 * The life of a transaction. The same table is in PostgreSQL (cairn.outbox_transition), where a trigger enforces it; a test compares the two.
 * `mined` is in a block that can still go; `orphaned` was in a block that went.
 */
export const OUTBOX_TRANSITIONS = {
  // Refused by the estimate, or its deadline passed before anything was signed.
  intent: ['signed', 'failed'],
  signed: ['sent'],
  // Back to intent when a foreign transaction used the nonce up, finally.
  sent: ['mined', 'intent'],
  // Back to intent when it reverted, finally, and its owner rebuilt the payload.
  mined: ['final', 'orphaned', 'failed', 'intent'],
  orphaned: ['sent', 'mined'],
  final: [],
  failed: [],
} as const satisfies Record<string, readonly string[]>;

export type OutboxState = keyof typeof OUTBOX_TRANSITIONS;

/** It may be mined in the next block, or be waiting for those with lower nonces. */
export function isOnItsWay(state: OutboxState): boolean {
  return state === 'signed' || state === 'sent' || state === 'orphaned';
}

export function isTerminal(state: OutboxState): boolean {
  return OUTBOX_TRANSITIONS[state].length === 0;
}
