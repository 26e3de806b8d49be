import type { BookId } from '#base';
import { moveCursor, readCursor } from '#ledger';
import { advancePayouts, type PayoutDependencies } from './payouts.ts';
import { bookInstructions, WINDOWS, type BookingDependencies } from './windows.ts';

/** The door of settlement: deposits come in, windows close, the vault pays against the anchored log, holds are posted or given back. */
export { liquidityReference, openChart, publishTariff } from './chart.ts';
export { creditDeposit, type CreditedDeposit, type DepositOwner, type DepositRules } from './deposits.ts';
export { payoutTransactionId } from './budget.ts';
export { provePayout, rebuildPayout, type PayoutProgress } from './payouts.ts';
export { receiptOfPayment, type ReceiptDependencies } from './receipts.ts';
export { allInstructions, openInstructions, payoutOfPayment, payoutsOf, payoutTotals, type Payout, type PayoutTotal, type StoredInstruction } from './store.ts';
export { createSweeper, type Sweeper, type SweepProgress } from './sweeps.ts';
export { instructionOf, type LogGate, type VaultChain, type VaultState } from './vault.ts';
export { closeWindow } from './windows.ts';

export type SettlementDependencies = PayoutDependencies &
  Omit<BookingDependencies, 'vault' | 'report'> & { readonly vaultAddress: BookingDependencies['vault'] };

const READER = 'settlement';
const PAGE = 1_000;

/** One pass: windows that closed become instructions, instructions move as far as they can. Says how many are still open. */
export async function tickSettlement(deps: SettlementDependencies): Promise<number> {
  await bookClosedWindows(deps, deps.bookId);
  return advancePayouts(deps);
}

async function bookClosedWindows(deps: SettlementDependencies, bookId: BookId): Promise<void> {
  for (;;) {
    const fromSeq = (await readCursor(deps.database.pool, READER, bookId)) + 1n;
    const records = await deps.book.records({ fromSeq, limit: PAGE });
    if (records.length === 0) return;
    for (const record of records) {
      if (record.kind !== 'window') continue;
      await bookInstructions({ ...deps, vault: deps.vaultAddress }, record);
      await moveCursor(deps.database.pool, WINDOWS, bookId, record.toSeq);
    }
    await moveCursor(deps.database.pool, READER, bookId, records.at(-1).seq);
  }
}
