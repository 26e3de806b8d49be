import { FINAL_POST, PENDING, POST_PENDING, VOID_PENDING, type Hold, type LedgerRecord } from '#ledger/core';

/** What a record does to both of its accounts: minor units added to (or taken off) their pending and their posted balances. */
export interface Effect {
  readonly pending: bigint;
  readonly posted: bigint;
}

/** The effect of a transfer or an expiry; `hold` is the hold it settles, as it became in the end. */
export function effectOf(record: LedgerRecord, hold: Hold | undefined): Effect {
  if (record.kind === 'expiry' && hold) return { pending: hold.captured - hold.amount, posted: 0n };
  if (record.kind !== 'transfer') return { pending: 0n, posted: 0n };
  if ((record.flags & PENDING) !== 0) return { pending: record.amount, posted: 0n };
  if ((record.flags & VOID_PENDING) !== 0) return { pending: -record.amount, posted: 0n };
  if ((record.flags & POST_PENDING) === 0) return { pending: 0n, posted: record.amount };
  // The final post also gives back what no capture took.
  const rest = hold && (record.flags & FINAL_POST) !== 0 ? hold.amount - hold.captured : 0n;
  return { pending: -record.amount - rest, posted: record.amount };
}
