import { NIL_UUID, type AccountId, type BookId } from '#base';
import { PENDING, POST_PENDING, VOID_PENDING, type Hold, type LedgerRecord, type TransferRecord } from '#ledger/core';

/** What happened to money, as a receiver is told; what it was in full he asks the API, with his own key. */
export interface WebhookEvent {
  /** The record's, so that whoever is told twice knows it. */
  readonly id: string;
  readonly type: 'transfer.booked' | 'transfer.held' | 'transfer.posted' | 'transfer.voided' | 'transfer.expired';
  readonly book: BookId;
  readonly seq: string;
  readonly recordedMs: number;
  readonly transfer: string;
  /** The hold that was posted or voided. */
  readonly hold: string | null;
  /** What the transfer is about, a payment's id for instance. */
  readonly reference: string | null;
}

/** An event, and the accounts that it concerns. */
export interface Told {
  readonly event: WebhookEvent;
  readonly accounts: readonly AccountId[];
}

/** The event of a record; null where it moves nobody's money. `holdOf` knows the holds that expire. */
export function eventOf(book: BookId, record: LedgerRecord, holdOf: (id: Hold['id']) => Hold | null): Told | null {
  const about = { id: `evt_${book}_${record.seq}`, book, seq: `${record.seq}`, recordedMs: record.nowMs };
  if (record.kind === 'expiry') {
    const hold = holdOf(record.transfer);
    if (!hold) return null;
    const event: WebhookEvent = { ...about, type: 'transfer.expired', transfer: hold.id, hold: null, reference: orNull(hold.reference) };
    return { event, accounts: [hold.debit, hold.credit] };
  }
  if (record.kind !== 'transfer') return null;
  const event: WebhookEvent = { ...about, type: typeOf(record), transfer: record.id, hold: orNull(record.pendingId), reference: orNull(record.reference) };
  return { event, accounts: [record.debit, record.credit] };
}

function typeOf({ flags }: TransferRecord): WebhookEvent['type'] {
  if (flags & PENDING) return 'transfer.held';
  if (flags & POST_PENDING) return 'transfer.posted';
  return flags & VOID_PENDING ? 'transfer.voided' : 'transfer.booked';
}

function orNull(id: string): string | null {
  return id === NIL_UUID ? null : id;
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** After each attempt that failed, how long until the next: three days in all, then it is given up. */
const WAITS_MS = [5 * SECOND_MS, 30 * SECOND_MS, 120 * SECOND_MS, 600 * SECOND_MS, ...[1, 3, 6, 12, 24, 24].map((hours) => hours * HOUR_MS)];

/** When to try again after so many attempts; null where it is given up. `jitter`, 0 to 255, spreads over a quarter of the wait those who failed together. */
export function retryMs(attempts: number, nowMs: number, jitter: number): number | null {
  const waitMs = WAITS_MS[attempts - 1];
  return waitMs === undefined ? null : nowMs + waitMs + Math.floor((waitMs * jitter) / 1024);
}
