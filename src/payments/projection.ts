import { NIL_UUID, type BookId, type Clock, type PaymentId } from '#base';
import { catchUp } from '#cdc';
import type { Connection, Database } from '#db';
import type { Book } from '#ledger';
import { PENDING, POST_PENDING, TRANSFER_CODES, VOID_PENDING, type LedgerRecord, type TransferRecord } from '#ledger/core';
import type { PaymentProgress } from './coordinator.ts';
import { findPaymentByHold, heldPaymentsInRange, movePayment, type Payment, type PaymentChange } from './store.ts';
import { FINAL_STATES, type PaymentState } from './state.ts';

export interface ProjectionDependencies {
  readonly database: Database;
  readonly book: Book;
  readonly bookId: BookId;
  readonly clock: Clock;
  readonly report: (progress: PaymentProgress) => void;
}

/** The consumer whose position says how much of the book the payments know. */
export const PAYMENTS_READER = 'payments';

interface Projection extends ProjectionDependencies {
  /** The transaction that moves the reader. */
  readonly client: Connection;
}

/** Payments learn what became of their holds from the book's own records, never from whoever caused them: rebuilt from record 1 they come out the same. */
export function projectRecords(deps: ProjectionDependencies): Promise<number> {
  return catchUp({
    database: deps.database,
    source: deps.book,
    consumer: {
      name: PAYMENTS_READER,
      handle: async (client, records) => {
        for (const record of records) await project({ ...deps, client }, record);
      },
    },
  });
}

async function project(deps: Projection, record: LedgerRecord): Promise<void> {
  switch (record.kind) {
    case 'window':
      // Whoever was held in this range and has not expired by now was taken: expiries stand before the window in the same sequence.
      for (const payment of await heldPaymentsInRange(deps.client, record.fromSeq, record.toSeq)) await move(deps, payment, 'instructed');
      return;
    case 'expiry': {
      const payment = await findPaymentByHold(deps.client, record.transfer);
      if (payment) await projectExpiry(deps, payment);
      return;
    }
    case 'transfer':
      return projectTransfer(deps, record);
    default:
      return;
  }
}

async function projectTransfer(deps: Projection, record: TransferRecord): Promise<void> {
  if (record.flags & PENDING && record.code === TRANSFER_CODES.payout) return projectHold(deps, record);
  if (record.pendingId === NIL_UUID || record.reference === NIL_UUID) return;
  const payment = await findPaymentByHold(deps.client, record.pendingId);
  if (!payment || payment.payment !== (record.reference as PaymentId)) return;
  if (record.flags & POST_PENDING) return move(deps, payment, 'settled');
  if (record.flags & VOID_PENDING) return move(deps, payment, 'returned', { reasonCode: 'payments/not-payable', reason: reasonOf(record) });
}

/** Whoever booked the hold notes it as well, unless a crash came between: then it has to be noted before the window or the expiry that follows it in the book. */
async function projectHold(deps: Projection, record: TransferRecord): Promise<void> {
  const payment = await findPaymentByHold(deps.client, record.id);
  if (payment?.state === 'quoted') await move(deps, payment, 'held', { holdSeq: record.seq });
}

/** A crash may have kept the hold from being noted at all: its expiry then says both. */
async function projectExpiry(deps: Projection, payment: Payment): Promise<void> {
  const hold = payment.holdSeq === null ? await deps.book.hold(payment.hold) : undefined;
  const change = { reasonCode: 'payments/hold-expired', reason: 'No settlement window took the hold in time.' } as const;
  await move(deps, payment, 'expired', { ...change, ...(hold && { holdSeq: hold.seq }) });
}

function reasonOf(record: TransferRecord): string {
  const settlement = record.fields?.settlement ? (JSON.parse(record.fields.settlement) as { outcome: string }) : { outcome: 'unpaid' };
  return settlement.outcome === 'cancelled'
    ? 'The payout was cancelled on the chain.'
    : 'The stablecoin refused the payee until the deadline passed; the money is back in the account.';
}

async function move(deps: Projection, payment: Payment, to: PaymentState, change: PaymentChange = {}): Promise<void> {
  // A record seen twice finds its payment moved already; nothing leaves a final state, and a record that would must not keep the reader from those after it.
  if (payment.state === to || FINAL_STATES.includes(payment.state)) return;
  if (await movePayment(deps.client, payment, to, deps.clock.nowMs(), change)) deps.report({ payment, to, reason: change.reason ?? null });
}
