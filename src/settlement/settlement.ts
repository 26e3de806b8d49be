import type { BookId } from '#base';
import { moveCursor, readCursor } from '#ledger';
import { Apart } from './apart.ts';
import { advancePayouts, type PayoutDependencies } from './payouts.ts';
import { bookInstructions, WINDOWS, type BookingDependencies } from './windows.ts';

/** The door of settlement: deposits come in, windows close, the vault pays against the anchored log, holds are posted or given back. */
export { liquidityReference, openChart, publishTariff } from './chart.ts';
export { claimDeposit, claimOfWallets, type ClaimedDeposit } from './claims.ts';
export { creditDeposit, type CreditedDeposit, type DepositOwner, type DepositRules } from './deposits.ts';
export { payoutTransactionId } from './budget.ts';
export { provePayout, rebuildPayout, type PayoutProgress } from './payouts.ts';
export { proofOfEntry, receiptOfPayment, type ReceiptDependencies } from './receipts.ts';
export { allInstructions, openInstructions, payoutOfPayment, payoutsOf, payoutTotals, type Payout, type PayoutTotal, type StoredInstruction } from './store.ts';
export { createSweeper, type Sweeper, type SweepProgress } from './sweeps.ts';
export { instructionOf, type LogGate, type VaultChain, type VaultState } from './vault.ts';
export { closeWindow } from './windows.ts';

export type SettlementDependencies = PayoutDependencies &
  Omit<BookingDependencies, 'vault' | 'report'> & { readonly vaultAddress: BookingDependencies['vault'] };

const READER = 'settlement';
const PAGE = 1_000;

/** One pass: windows that closed become instructions, instructions move as far as they can. Says how many are still open, or throws in the end what one of them is in trouble with. */
export async function tickSettlement(deps: SettlementDependencies): Promise<number> {
  const apart = new Apart();
  await bookClosedWindows(deps, deps.bookId, apart);
  const open = await advancePayouts(deps, apart);
  apart.end();
  return open;
}

/** A window in trouble is looked at again in the next pass, and those behind it with it, which changes nothing of them. */
async function bookClosedWindows(deps: SettlementDependencies, bookId: BookId, apart: Apart): Promise<void> {
  let fromSeq = (await readCursor(deps.database.pool, READER, bookId)) + 1n;
  for (let areBooked = true; ;) {
    const records = await deps.book.records({ fromSeq, limit: PAGE });
    if (records.length === 0) return;
    for (const record of records) {
      if (record.kind !== 'window') continue;
      // The next window begins behind this one, whatever becomes of this one's instructions.
      await moveCursor(deps.database.pool, WINDOWS, bookId, record.toSeq);
      if (!(await apart.each(() => bookInstructions({ ...deps, vault: deps.vaultAddress }, record)))) areBooked = false;
    }
    const last = records.at(-1).seq;
    if (areBooked) await moveCursor(deps.database.pool, READER, bookId, last);
    fromSeq = last + 1n;
  }
}
