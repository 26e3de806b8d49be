import type { AssetNo, BookId, Hex, PaymentId, TransferId, WindowId } from '#base';
import { assert } from '#base';
import { instructionId, listHash, paymentWord, type Instruction } from '#custody/intents';

/** One done flag and 255 bits share a storage slot of the vault. */
export const MAX_PAYMENTS = 255;

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
}

export interface PlannedInstruction extends Instruction {
  /** instructionId: what the vault and its signer know it by. */
  readonly id: Hex;
  readonly asset: AssetNo;
  readonly holds: readonly TakenHold[];
  readonly words: readonly Hex[];
}

/** Deterministic: by asset, then by the holds' order in the book, at most 255 an instruction. Who has the records has the instructions. */
export function planInstructions(context: WindowContext, holds: readonly TakenHold[]): readonly PlannedInstruction[] {
  const assets = [...new Set(holds.map((hold) => hold.asset))].sort((a, b) => a - b);
  const lists = assets.flatMap((asset) => {
    const ofAsset = holds.filter((hold) => hold.asset === asset).sort((a, b) => (a.seq < b.seq ? -1 : 1));
    return Array.from({ length: Math.ceil(ofAsset.length / MAX_PAYMENTS) }, (_, i) => ofAsset.slice(i * MAX_PAYMENTS, (i + 1) * MAX_PAYMENTS));
  });
  return lists.map((list, index) => planInstruction(context, list, index));
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
