import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, derivedId, uintBytes, utf8, uuidBytes, type AssetNo, type BookId, type Clock, type Hex, type PaymentId, type WindowId } from '#base';
import type { Database } from '#db';
import { readCursor, type Book } from '#ledger';
import { TRANSFER_CODES, type Hold, type LedgerRecord, type WindowRecord } from '#ledger/core';
import { planInstructions, type PlannedInstruction, type TakenHold } from './core/core.ts';
import { insertInstructions } from './store.ts';

export interface WindowDependencies {
  readonly database: Database;
  readonly book: Book;
  readonly bookId: BookId;
  readonly clock: Clock;
  readonly vault: Hex;
  readonly tokens: ReadonlyMap<AssetNo, Hex>;
  /** Seconds between the close of a window and the last moment its payees can be paid. */
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

/** Books the instructions that follow from a window, and remembers them. Everything in it follows from the book, so that doing it again after a crash changes nothing. */
export async function bookInstructions(deps: WindowDependencies, window: WindowRecord): Promise<readonly PlannedInstruction[]> {
  const closed = await deps.book.window(window.window);
  assert(closed, `window ${window.window} is in no book`);
  const taken = closed.holds.filter((hold) => hold.code === TRANSFER_CODES.payout);
  const holds: TakenHold[] = [];
  for (const hold of taken) holds.push(takenHold(hold, await deps.book.transfer(hold.id)));
  const notAfterS = Math.floor(window.nowMs / 1000) + deps.payoutTtlS;
  const planned = planInstructions({ book: deps.bookId, window: window.window, notAfterS, tokens: deps.tokens }, holds);
  if (planned.length === 0) return planned;
  const results = await deps.book.submit(
    planned.map(({ window: id, index, token, listHash, count, total }) => ({
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
  return planned;
}

function takenHold(hold: Hold, record: LedgerRecord | null): TakenHold {
  assert(record?.kind === 'transfer' && record.fields?.payee, `hold ${hold.id} names no payee`);
  const { address } = JSON.parse(record.fields.payee) as { address: Hex };
  return { hold: hold.id, seq: hold.seq, payment: hold.reference as PaymentId, asset: hold.asset, amount: hold.amount, address };
}
