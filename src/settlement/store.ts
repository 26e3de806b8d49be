import { fromHex, toHex, type AssetNo, type BookId, type Hex, type PaymentId, type TimeMs, type TransferId, type WindowId } from '#base';
import { concat } from '#base';
import { execute, inTransaction, loadSql, query, type Database, type Queryable, type Row } from '#db';
import { instructionId } from '#custody/intents';
import type { PlannedInstruction } from './core/core.ts';

const sql = loadSql(new URL('./sql/settlement.sql', import.meta.url), [
  'insertInstruction',
  'insertPayouts',
  'openInstructions',
  'findInstruction',
  'allInstructions',
  'moveInstruction',
  'payoutsOf',
  'payoutOfPayment',
  'markPaid',
  'markFailed',
  'markClosed',
  'payoutTotals',
]);

/** booked: its leaf is in the book. paying: the vault was told. paid: every payee has his money, finally. closed: every hold is posted or voided. */
export type InstructionState = 'booked' | 'paying' | 'paid' | 'closed';

/** open: not tried. failed: tried and skipped. paid: paid in a final block. booked: its hold is posted. returned: its hold is voided. */
export type PayoutState = 'open' | 'failed' | 'paid' | 'booked' | 'returned';

export interface StoredInstruction {
  readonly id: Hex;
  readonly book: BookId;
  readonly window: WindowId;
  readonly index: number;
  /** Of its record. */
  readonly seq: bigint;
  readonly token: Hex;
  readonly asset: AssetNo;
  readonly words: readonly Hex[];
  readonly total: bigint;
  readonly notAfterS: number;
  readonly state: InstructionState;
  /** Transactions asked for so far: the first pays, the later ones retry. */
  readonly attempts: number;
  readonly signature: Hex | null;
  readonly dueMs: TimeMs;
  /** What has to come before the vault can pay it, in one sentence; null while it waits for nothing. */
  readonly waitsFor: string | null;
}

export interface Payout {
  readonly instruction: Hex;
  readonly index: number;
  readonly payment: PaymentId;
  readonly hold: TransferId;
  readonly address: Hex;
  readonly amount: bigint;
  readonly state: PayoutState;
  readonly txHash: Hex | null;
  readonly blockNumber: bigint | null;
  readonly tries: number;
  /** Of its instruction. */
  readonly waitsFor: string | null;
}

function toInstruction(row: Row): StoredInstruction {
  const bytes = new Uint8Array(row.words);
  return {
    id: toHex(row.instruction),
    book: row.book,
    window: row.window_id,
    index: row.index,
    seq: row.seq,
    token: toHex(row.token),
    asset: row.asset,
    words: Array.from({ length: bytes.length / 32 }, (_, i) => toHex(bytes.slice(i * 32, i * 32 + 32))),
    total: row.total,
    notAfterS: Number(row.not_after_s),
    state: row.state,
    attempts: row.attempts,
    signature: row.signature && toHex(row.signature),
    dueMs: Number(row.due_ms),
    waitsFor: row.waits_for,
  };
}

function toPayout(row: Row): Payout {
  return {
    instruction: toHex(row.instruction),
    index: row.index,
    payment: row.payment,
    hold: row.hold,
    address: toHex(row.address),
    amount: row.amount,
    state: row.state,
    txHash: row.tx_hash && toHex(row.tx_hash),
    blockNumber: row.block_number,
    tries: row.tries,
    waitsFor: row.waits_for,
  };
}

/** Remembers the instructions of a window whose records are in the book at `seqs`. Doing it again changes nothing. */
export async function insertInstructions(database: Database, planned: readonly PlannedInstruction[], seqs: readonly bigint[], nowMs: TimeMs): Promise<void> {
  await inTransaction(database.pool, async (client) => {
    for (const [i, plan] of planned.entries()) {
      const id = fromHex(instructionId(plan));
      await execute(client, sql.insertInstruction, [
        id,
        plan.book,
        plan.window,
        plan.index,
        seqs[i],
        fromHex(plan.token),
        plan.asset,
        concat(...plan.words.map(fromHex)),
        plan.total,
        plan.notAfterS,
        nowMs,
      ]);
      await execute(client, sql.insertPayouts, [
        id,
        plan.holds.map((_, index) => index),
        plan.holds.map((hold) => hold.payment),
        plan.holds.map((hold) => hold.hold),
        plan.holds.map((hold) => Buffer.from(fromHex(hold.address))),
        plan.holds.map((hold) => hold.amount),
      ]);
    }
  });
}

export async function openInstructions(client: Queryable, book: BookId): Promise<StoredInstruction[]> {
  return (await query(client, sql.openInstructions, [book])).map(toInstruction);
}

export async function instructionRow(client: Queryable, id: Hex): Promise<StoredInstruction | undefined> {
  return (await query(client, sql.findInstruction, [fromHex(id)])).map(toInstruction)[0];
}

export async function allInstructions(client: Queryable, book: BookId): Promise<StoredInstruction[]> {
  return (await query(client, sql.allInstructions, [book])).map(toInstruction);
}

export async function moveInstruction(
  client: Queryable,
  instruction: StoredInstruction,
  change: Partial<Pick<StoredInstruction, 'state' | 'attempts' | 'dueMs' | 'signature' | 'waitsFor'>>,
): Promise<void> {
  const to = { ...instruction, ...change };
  await execute(client, sql.moveInstruction, [
    fromHex(instruction.id),
    instruction.state,
    to.state,
    to.attempts,
    to.dueMs,
    to.signature && fromHex(to.signature),
    to.waitsFor,
  ]);
}

export async function payoutsOf(client: Queryable, instruction: Hex): Promise<Payout[]> {
  return (await query(client, sql.payoutsOf, [fromHex(instruction)])).map(toPayout);
}

export async function payoutOfPayment(client: Queryable, payment: PaymentId): Promise<Payout | undefined> {
  return (await query(client, sql.payoutOfPayment, [payment])).map(toPayout)[0];
}

export async function markPaid(client: Queryable, payout: Payout, txHash: Hex, blockNumber: bigint): Promise<void> {
  await execute(client, sql.markPaid, [fromHex(payout.instruction), payout.index, fromHex(txHash), blockNumber]);
}

export async function markFailed(client: Queryable, instruction: Hex, indexes: readonly number[]): Promise<void> {
  await execute(client, sql.markFailed, [fromHex(instruction), indexes]);
}

export async function markClosed(client: Queryable, payout: Payout, state: 'booked' | 'returned'): Promise<void> {
  await execute(client, sql.markClosed, [fromHex(payout.instruction), payout.index, state]);
}

export interface PayoutTotal {
  readonly asset: AssetNo;
  readonly state: PayoutState;
  readonly total: bigint;
  readonly count: number;
}

export async function payoutTotals(client: Queryable, book: BookId): Promise<PayoutTotal[]> {
  return (await query(client, sql.payoutTotals, [book])).map((row) => ({ asset: row.asset, state: row.state, total: row.total, count: Number(row.count) }));
}
