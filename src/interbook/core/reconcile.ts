import { NIL_UUID, type AccountId, type TransferId } from '#base';
import { PENDING, POST_PENDING, VOID_PENDING, type LedgerRecord } from '#ledger/core';
import { verdictOf, type ReceiverState, type SenderState } from './verdict.ts';

/** What one record moved through a clearing account for good, and for which transfer; `out`: of this book. */
export interface Passage {
  readonly transfer: TransferId;
  readonly direction: 'out' | 'in';
  readonly amount: bigint;
}

/** Null where the record moved nothing through this account for good. What belongs to no transfer goes by the record's own id: somebody will be asked about it by name. */
export function passageOf(record: LedgerRecord, clearing: AccountId): Passage | null {
  if (record.kind !== 'transfer' || (record.flags & (PENDING | VOID_PENDING)) !== 0) return null;
  const settled = (record.flags & POST_PENDING) !== 0 ? record.pendingId : record.id;
  if (record.credit === clearing) return { transfer: settled, direction: 'out', amount: record.amount };
  if (record.debit !== clearing) return null;
  const reference = record.reference as string as TransferId;
  return { transfer: reference === (NIL_UUID as TransferId) ? settled : reference, direction: 'in', amount: record.amount };
}

/** What passed under one transfer's name: out of the sender's book and into the receiver's, minor units. */
export interface Passed {
  readonly sent: bigint;
  readonly received: bigint;
}

/** The passages of two clearing accounts, each transfer forgotten once as much arrived as was sent: what is left accounts for all that the two differ by. */
export class Tally {
  readonly #open = new Map<TransferId, Passed>();

  add({ transfer, direction, amount }: Passage): void {
    const { sent, received } = this.#open.get(transfer) ?? { sent: 0n, received: 0n };
    const now = direction === 'out' ? { sent: sent + amount, received } : { sent, received: received + amount };
    if (now.sent === now.received) this.#open.delete(transfer);
    else this.#open.set(transfer, now);
  }

  get rest(): ReadonlyMap<TransferId, Passed> {
    return this.#open;
  }
}

/** `moving`: under way, or ended since the accounts were read. `wrong`: no transfer does this. `done`: it neither moved nor will move anything. */
export interface Explanation {
  readonly kind: 'moving' | 'wrong' | 'done';
  readonly what: string;
}

/**
 * Why a transfer shows in one clearing account and not in the other. `booked`: what the records that follow from its holds moved in each book, as of the same moments as
 * `passed`; the states are as of now.
 */
export function explain(now: { readonly sender: SenderState; readonly receiver: ReceiverState }, booked: Passed, passed: Passed): Explanation {
  const verdict = verdictOf(now.sender, now.receiver);
  if (verdict.kind === 'contradiction') return { kind: 'wrong', what: verdict.what };
  if (booked.sent !== passed.sent || booked.received !== passed.received)
    return { kind: 'wrong', what: 'somebody passed money in its name that is not its own' };
  if (verdict.kind === 'step') return { kind: 'moving', what: `next is ${verdict.step}` };
  return passed.sent === passed.received ? { kind: 'done', what: verdict.ending } : { kind: 'moving', what: `${verdict.ending} meanwhile` };
}
