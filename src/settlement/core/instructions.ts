import type { AssetNo, BookId, Hex, PaymentId, TransferId, WindowId } from '#base';
import { assert } from '#base';
import { instructionId, listHash, paymentWord, type Instruction } from '#custody/intents';

/** One done flag and 255 bits share a storage slot of the vault. */
export const MAX_PAYMENTS = 255;

/** Amounts from here on do not fit beside an address into a word of the list: uint96. */
export const WORD_AMOUNT_LIMIT = 1n << 96n;

/** A hold that a window took: leg 0 of a payment. */
export interface TakenHold {
  readonly hold: TransferId;
  /** Of its record in the book. */
  readonly seq: bigint;
  readonly payment: PaymentId;
  readonly asset: AssetNo;
  readonly amount: bigint;
  /** Where the payee wants his money, as the merchant signed it. */
  readonly address: Hex;
}

export interface WindowContext {
  readonly book: BookId;
  readonly window: WindowId;
  /** Seconds; until then anyone may retry, after it a hold may be voided. */
  readonly notAfterS: number;
  readonly tokens: ReadonlyMap<AssetNo, Hex>;
  /** The most, in minor units, that the vault pays of an asset in one transaction when the window is booked; none for an auditor. */
  readonly caps?: ReadonlyMap<AssetNo, bigint>;
  /** The most payees of an asset that one transaction has gas for when the window is booked; 255 unless said. */
  readonly most?: ReadonlyMap<AssetNo, number>;
  /** Payments of each instruction that is booked already, by index. Where a list ends was decided then, by the caps of that day; all the rest follows from the holds. */
  readonly counts?: readonly number[];
}

export interface PlannedInstruction extends Instruction {
  /** instructionId: what the vault and its signer know it by. */
  readonly id: Hex;
  readonly asset: AssetNo;
  readonly holds: readonly TakenHold[];
  readonly words: readonly Hex[];
}

/** Deterministic: by asset, then by the holds' order in the book, at most 255 an instruction, and no more than the vault's cap and the gas of a transaction have room for. Who has the records has the instructions. */
export function planInstructions(context: WindowContext, holds: readonly TakenHold[]): readonly PlannedInstruction[] {
  const ordered = [...holds].sort((a, b) => a.asset - b.asset || (a.seq < b.seq ? -1 : 1));
  const lists: TakenHold[][] = [];
  let total = 0n;
  for (const hold of ordered) {
    const list = lists.at(-1);
    if (list && goesOn(context, list, lists.length - 1, hold, total + hold.amount)) {
      list.push(hold);
      total += hold.amount;
    } else {
      lists.push([hold]);
      total = hold.amount;
    }
  }
  return lists.map((list, index) => planInstruction(context, list, index));
}

/**
 * Whether the list at `index` takes the next hold too. A hold above the cap is in a list of its own: the vault refuses that one list until the cap is raised or the hold is given back. Where the cap is nothing at all, which
 * stops the token, all lists come back or wait alike, and there is no use in one a hold.
 */
function goesOn({ caps, most, counts }: WindowContext, list: readonly TakenHold[], index: number, next: TakenHold, total: bigint): boolean {
  if (next.asset !== list[0]!.asset || list.length >= MAX_PAYMENTS) return false;
  const count = counts?.[index];
  if (count !== undefined) return list.length < count;
  if (list.length >= (most?.get(next.asset) ?? MAX_PAYMENTS)) return false;
  const cap = caps?.get(next.asset);
  return cap === undefined || cap === 0n || total <= cap;
}

function planInstruction({ book, window, notAfterS, tokens }: WindowContext, holds: readonly TakenHold[], index: number): PlannedInstruction {
  const asset = holds[0]!.asset;
  const token = tokens.get(asset);
  assert(token, `asset ${asset} has no token`);
  const words = holds.map((hold) => paymentWord(hold.address, hold.amount));
  const total = holds.reduce((sum, hold) => sum + hold.amount, 0n);
  const instruction: Instruction = { book, window, index, token, listHash: listHash(words), count: holds.length, total, notAfterS };
  return { ...instruction, id: instructionId(instruction), asset, holds, words };
}
