import { NIL_UUID, type TransferId, type Uuid } from '#base';
import { PENDING, POST_PENDING, TRANSFER_CODES, VOID_PENDING, type LedgerRecord } from '#ledger/core';
import type { PaymentState } from '#payments';

/** What a record says of a payment: by which hold the payment is known, and in which states it may be once it has learned of the record. */
export interface EntryClaim {
  readonly hold: TransferId;
  readonly states: readonly PaymentState[];
  /** What the record did to the money. */
  readonly what: 'held' | 'paid out' | 'given back' | 'released by its deadline';
}

/** What there is to compare of a payment. */
export interface PaymentSaid {
  readonly payment: Uuid<'payment'>;
  readonly state: PaymentState;
}

/** The claim of a record about a payment; null where it makes none. A payment is known by the first leg of its hold, so the other legs make none. */
export function claimOf(record: LedgerRecord): EntryClaim | null {
  if (record.kind === 'expiry') return { hold: record.transfer, states: ['expired'], what: 'released by its deadline' };
  if (record.kind !== 'transfer' || record.reference === NIL_UUID || record.code !== TRANSFER_CODES.payout) return null;
  if (record.flags & PENDING) return { hold: record.id, states: ['held', 'instructed', 'settled', 'returned', 'expired'], what: 'held' };
  if (record.flags & POST_PENDING) return { hold: record.pendingId, states: ['settled'], what: 'paid out' };
  return record.flags & VOID_PENDING ? { hold: record.pendingId, states: ['returned'], what: 'given back' } : null;
}

/** How a record and the payment that it is about disagree, in one sentence; null where they agree. */
export function disagreement(record: LedgerRecord, claim: EntryClaim, payment: PaymentSaid | undefined): string | null {
  const entry = `record ${record.seq}, by which money was ${claim.what}`;
  // Holds of others expire as well.
  if (!payment) return record.kind === 'expiry' ? null : `There is no payment for ${entry}.`;
  return claim.states.includes(payment.state) ? null : `Payment ${payment.payment} is ${payment.state} after ${entry}.`;
}
