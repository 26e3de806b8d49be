import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  assert,
  concat,
  derivedId,
  uintBytes,
  utf8,
  uuidBytes,
  type AssetNo,
  type BookId,
  type Clock,
  type Hex,
  type PaymentId,
  type TransferId,
  type WindowId,
} from '#base';
import { canonicalJson } from '#anchor/core';
import type { Database } from '#db';
import { readCursor, type Book } from '#ledger';
import { closingIdOf, legIdOf, TRANSFER_CODES, VOID_PENDING, type Hold, type LedgerRecord, type WindowRecord } from '#ledger/core';
import {
  dayAfterS,
  daysToPay,
  largestPayout,
  planInstructions,
  WORD_AMOUNT_LIMIT,
  type Allowance,
  type PlannedInstruction,
  type TakenHold,
  type WindowContext,
} from './core/core.ts';
import { insertInstructions, openInstructions, payoutsOf } from './store.ts';

type InstructionRecord = Extract<LedgerRecord, { kind: 'instruction' }>;

export interface WindowDependencies {
  readonly database: Database;
  readonly book: Book;
  readonly bookId: BookId;
  readonly clock: Clock;
  readonly vault: Hex;
  readonly tokens: ReadonlyMap<AssetNo, Hex>;
  /** Seconds between the close of a window and the last moment its payees can be paid; from the day on that has room for them, where the vault's daily cap puts them off. */
  readonly payoutTtlS: number;
}

/** The window that starts behind the last one: closing it again is the same window. */
function windowIdOf(book: BookId, fromSeq: bigint): WindowId {
  return derivedId(keccak_256(concat(utf8('cairn.window'), uuidBytes(book), uintBytes(fromSeq, 8))));
}

/** Cursor: the last record that a window has looked at. */
export const WINDOWS = 'windows';

/** Closes the current window at the next record of the book: it takes every open hold that settles. */
export async function closeWindow(deps: WindowDependencies): Promise<WindowRecord> {
  const fromSeq = (await readCursor(deps.database.pool, WINDOWS, deps.bookId)) + 1n;
  const [result] = await deps.book.submit([{ kind: 'window', window: windowIdOf(deps.bookId, fromSeq), fromSeq }]);
  assert(result?.record?.kind === 'window', `a window could not be closed: ${result?.code}`);
  return result.record;
}

export interface BookingDependencies extends WindowDependencies {
  readonly allowanceOf: (token: Hex) => Promise<Allowance>;
  /** How many payees one transaction has gas for. */
  readonly payeesATransaction: (token: Hex) => Promise<number>;
  readonly report: (progress: { readonly instruction: Hex; readonly step: 'leftOut'; readonly detail: string }) => void;
}

/** In a release: no instruction names this hold. */
const NO_INSTRUCTION: Hex = `0x${'00'.repeat(32)}`;

/** Books the instructions that follow from a window, and remembers them. Everything in it follows from the book, so that doing it again after a crash changes nothing. */
export async function bookInstructions(deps: BookingDependencies, window: WindowRecord): Promise<readonly PlannedInstruction[]> {
  const closed = await deps.book.window(window.window);
  assert(closed, `window ${window.window} is in no book`);
  const payable: TakenHold[] = [];
  for (const hold of closed.holds) {
    const taken = await takenHold(deps, hold, window);
    if (taken) payable.push(taken);
  }
  await giveBackStrays(deps, closed.holds, payable);
  const planned = await planWindow(deps, window, payable);
  for (let from = 0; from < planned.length; from += LISTS_A_SUBMIT) await bookPlanned(deps, planned.slice(from, from + LISTS_A_SUBMIT));
  return planned;
}

/** Far below what one request to the book may have: a window has as many lists as its holds and the caps make. */
const LISTS_A_SUBMIT = 1_000;

/** What is booked stands, whatever the time to pay and the caps are today. A crash may have left a part of the lists to be booked: where those end, today's caps say. */
async function planWindow(deps: BookingDependencies, window: WindowRecord, payable: readonly TakenHold[]): Promise<readonly PlannedInstruction[]> {
  const context = { book: deps.bookId, window: window.window, tokens: deps.tokens };
  const booked = await bookedInstructions(deps.book, window);
  if (!booked[0]) return planByCaps(deps, context, window, payable);
  const counts = booked.map(({ count }) => count);
  const rest = payable.length - counts.reduce((sum, count) => sum + count, 0);
  const room = rest > 0 ? { caps: capsOf(await allowancesOf(deps, payable)), most: await mostOf(deps, payable) } : {};
  return planInstructions({ ...context, notAfterS: booked[0].notAfterS, counts, ...room }, payable);
}

async function bookPlanned(deps: BookingDependencies, planned: readonly PlannedInstruction[]): Promise<void> {
  const results = await deps.book.submit(
    planned.map(({ window: id, index, token, listHash, count, total, notAfterS }) => ({
      kind: 'instruction' as const,
      vault: deps.vault,
      token,
      window: id,
      index,
      listHash,
      count,
      total,
      notAfterS,
    })),
  );
  const seqs = results.map((result) => {
    assert(
      result.record?.kind === 'instruction' && (result.code === 'created' || result.code === 'exists'),
      `an instruction could not be booked: ${result.code}`,
    );
    return result.record.seq;
  });
  await insertInstructions(deps.database, planned, seqs, deps.clock.nowMs());
}

async function allowancesOf({ tokens, allowanceOf }: BookingDependencies, payable: readonly TakenHold[]): Promise<ReadonlyMap<AssetNo, Allowance>> {
  const allowances = new Map<AssetNo, Allowance>();
  for (const asset of new Set(payable.map((hold) => hold.asset))) allowances.set(asset, await allowanceOf(tokens.get(asset)!));
  return allowances;
}

async function mostOf({ tokens, payeesATransaction }: BookingDependencies, payable: readonly TakenHold[]): Promise<ReadonlyMap<AssetNo, number>> {
  const most = new Map<AssetNo, number>();
  for (const asset of new Set(payable.map((hold) => hold.asset))) most.set(asset, await payeesATransaction(tokens.get(asset)!));
  return most;
}

function capsOf(allowances: ReadonlyMap<AssetNo, Allowance>): ReadonlyMap<AssetNo, bigint> {
  return new Map([...allowances].map(([asset, allowance]) => [asset, largestPayout(allowance)]));
}

/** Instructions of this window that are in the book already, by index. */
async function bookedInstructions(book: Book, { window }: WindowRecord): Promise<readonly InstructionRecord[]> {
  const booked: InstructionRecord[] = [];
  for (;;) {
    const record = await book.byKey(`instruction:${window}:${booked.length}`);
    if (record?.kind !== 'instruction') return booked;
    booked.push(record);
  }
}

/** No list is more than the vault pays at once, or more payees than a transaction has gas for, and all have the time that its daily caps leave them: what has to wait for a later day can be paid on that day. */
async function planByCaps(
  deps: BookingDependencies,
  context: Pick<WindowContext, 'book' | 'window' | 'tokens'>,
  window: WindowRecord,
  payable: readonly TakenHold[],
): Promise<readonly PlannedInstruction[]> {
  const allowances = await allowancesOf(deps, payable);
  const room = { caps: capsOf(allowances), most: await mostOf(deps, payable) };
  const closedS = Math.floor(window.nowMs / 1000);
  const lists = planInstructions({ ...context, notAfterS: closedS, ...room }, payable);
  const before = await unpaidByAsset(deps);
  let startS = closedS;
  for (const [asset, allowance] of allowances) {
    const totals = lists.filter((list) => list.asset === asset).map(({ total }) => total);
    const days = daysToPay(allowance, [...(before.get(asset) ?? []), ...totals]);
    if (days > 0) startS = Math.max(startS, dayAfterS(allowance, days));
  }
  return planInstructions({ ...context, notAfterS: startS + deps.payoutTtlS, ...room }, payable);
}

/** What each open instruction still has to pay, in the order in which they are paid. */
async function unpaidByAsset({ database, bookId }: BookingDependencies): Promise<ReadonlyMap<AssetNo, readonly bigint[]>> {
  const unpaid = new Map<AssetNo, bigint[]>();
  for (const { id, asset } of await openInstructions(database.pool, bookId)) {
    const payouts = await payoutsOf(database.pool, id);
    const amount = payouts.reduce((sum, payout) => (payout.state === 'open' || payout.state === 'failed' ? sum + payout.amount : sum), 0n);
    unpaid.set(asset, [...(unpaid.get(asset) ?? []), amount]);
  }
  return unpaid;
}

/** What the vault can pay of a hold: leg 0 of a payment, in a token of ours, with the payee's address in its evidence. Anything else is no payout, and nothing to stop for. */
async function takenHold({ book, tokens }: BookingDependencies, hold: Hold, window: WindowRecord): Promise<TakenHold | undefined> {
  if (hold.code !== TRANSFER_CODES.payout || hold.id !== legIdOf(hold.reference, 0) || !tokens.has(hold.asset)) return undefined;
  const record = await book.transfer(hold.id);
  const address = record?.kind === 'transfer' && record.fields?.payee !== undefined ? addressIn(record.fields.payee) : undefined;
  const amount = hold.amount - (await capturedBefore(book, hold, window));
  if (address === undefined || amount >= WORD_AMOUNT_LIMIT) return undefined;
  return { hold: hold.id, seq: hold.seq, payment: hold.reference as PaymentId, asset: hold.asset, amount, address };
}

function addressIn(payee: string): Hex | undefined {
  const { address } = JSON.parse(payee) as { address?: unknown };
  return typeof address === 'string' && /^0x[0-9a-f]{40}$/.test(address) ? (address as Hex) : undefined;
}

/** What was posted of a hold before the window took it: that is with the payee or wherever it went already. */
async function capturedBefore(book: Book, hold: Hold, window: WindowRecord): Promise<bigint> {
  let captured = 0n;
  if (hold.captured === 0n) return captured;
  for (let fromSeq = hold.seq + 1n; fromSeq < window.seq;) {
    const records = await book.records({ fromSeq, limit: 1_000 });
    for (const record of records) if (record.seq < window.seq && record.kind === 'transfer' && record.pendingId === hold.id) captured += record.amount;
    const last = records.at(-1);
    if (!last) break;
    fromSeq = last.seq + 1n;
  }
  return captured;
}

/** Holds that the window took and no instruction pays, nor any leg of a payment that one pays: released and voided at once, because the vault can never pay them. */
async function giveBackStrays({ book, bookId, report }: BookingDependencies, holds: readonly Hold[], payable: readonly TakenHold[]): Promise<void> {
  const ids = new Set(holds.map(({ id }) => id));
  const legs = new Set<TransferId>();
  for (const { payment } of payable) for (let leg = 0; ids.has(legIdOf(payment, leg)); leg++) legs.add(legIdOf(payment, leg));
  for (const hold of holds.filter(({ id }) => !legs.has(id))) {
    const reason = canonicalJson({ reason: 'no instruction pays it' });
    const [released] = await book.submit([
      { kind: 'release', transfer: hold.id, instruction: NO_INSTRUCTION, index: 0, reason: 2, linked: true },
      { kind: 'transfer', id: closingIdOf(hold.id), pendingId: hold.id, amount: 0n, flags: VOID_PENDING, fields: { reason }, subject: bookId },
    ]);
    // Once: the second time it exists.
    if (released?.code === 'created')
      report({ instruction: NO_INSTRUCTION, step: 'leftOut', detail: `the hold of record ${hold.seq} is no payment's and was given back` });
  }
}
