import { fromHex, isHex, NIL_UUID, Problem, toHex, type AssetNo, type Hex, type TransferId } from '#base';
import { instructionId, listHash } from '#custody/intents';
import { PENDING, POST_PENDING, SETTLES, TRANSFER_CODES, VOID_PENDING, type LedgerRecord } from '#ledger/core';
import { parseCanonicalJson } from '../canonical.ts';
import type { Receipt } from './receipt.ts';
import type { PaidClaim } from './check.ts';

/** held: the money is set aside; instructed: a window took it and the vault may pay; settled: paid and booked; returned: given back to the merchant. */
export type StoryState = 'held' | 'instructed' | 'settled' | 'returned';

/** A payment as its proven records tell it. */
export interface Story {
  readonly state: StoryState;
  readonly asset: AssetNo;
  readonly symbol: string;
  readonly decimals: number;
  /** What the payee gets, in minor units. */
  readonly amount: bigint;
  readonly heldMs: number;
  /** When it was booked as paid or given back; null before. */
  readonly closedMs: number | null;
  readonly legs: readonly { readonly hold: TransferId; readonly code: number; readonly amount: bigint; readonly closedBy: TransferId | null }[];
}

/** Values of the shown fields by record. */
export type ShownValues = Map<bigint, ReadonlyMap<string, string>>;

type Of<Kind extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: Kind }>;

function refuse(where: string, why: string): Problem {
  return new Problem('anchor/receipt-refused', `${where}: ${why}.`, { where });
}

function only<T>(items: readonly T[], where: string): T {
  if (items.length !== 1) throw refuse(where, items.length === 0 ? 'there is none' : 'there is more than one');
  return items[0]!;
}

/** Whether the records tell one story about the receipt's payment; where they tell of a payout, what the chain has to confirm of it. */
export function storyOf(receipt: Receipt, records: readonly LedgerRecord[], shown: ShownValues): { readonly story: Story; readonly paid: PaidClaim | null } {
  const ofKind = <Kind extends LedgerRecord['kind']>(kind: Kind) => records.filter((record): record is Of<Kind> => record.kind === kind);
  records.forEach(({ seq }, i) => {
    if (i > 0 && seq <= records[i - 1]!.seq) throw refuse(`records[${i}]`, 'records stand in the order of the book, each once');
  });
  const transfers = ofKind('transfer');
  const stranger = transfers.find(({ reference }) => reference !== receipt.payment);
  if (stranger) throw refuse(`record ${stranger.seq}`, 'it belongs to another payment');
  const holds = transfers.filter(({ flags }) => (flags & PENDING) !== 0);
  const payout = only(
    holds.filter(({ code }) => code === TRANSFER_CODES.payout),
    'the payout leg',
  );
  const asset = only(
    ofKind('asset').filter(({ asset: no }) => no === payout.asset),
    `asset ${payout.asset}`,
  );
  const legs = holds.map((hold) => ({ hold: hold.id, code: hold.code, amount: hold.amount, closedBy: closingOf(hold, transfers)?.id ?? null }));
  const closings = transfers.filter(({ flags }) => (flags & (POST_PENDING | VOID_PENDING)) !== 0);
  const orphan = transfers.find((transfer) => !holds.includes(transfer) && !holds.some(({ id }) => id === transfer.pendingId));
  if (orphan) throw refuse(`record ${orphan.seq}`, 'it closes no hold of this receipt');
  const paid = receipt.payout && payoutClaim(receipt, payout, asset, ofKind('window'), ofKind('instruction'), shown);
  const state = stateOf(receipt, legs, closings, ofKind('instruction').length > 0);
  const story: Story = {
    state,
    asset: payout.asset,
    symbol: asset.symbol,
    decimals: asset.decimals,
    amount: payout.amount,
    heldMs: payout.nowMs,
    closedMs: closings.at(-1)?.nowMs ?? null,
    legs,
  };
  return { story, paid };
}

function closingOf(hold: Of<'transfer'>, transfers: readonly Of<'transfer'>[]): Of<'transfer'> | undefined {
  const closing = transfers.find(({ pendingId }) => pendingId === hold.id);
  if (!closing || hold.id === NIL_UUID) return undefined;
  const isSame = closing.amount === hold.amount && closing.asset === hold.asset && closing.debit === hold.debit && closing.credit === hold.credit;
  if (!isSame || closing.seq <= hold.seq) throw refuse(`record ${closing.seq}`, `it does not close hold ${hold.id} as it was`);
  return closing;
}

/** All legs end the same way, or the receipt is of no state a payment can be in. */
function stateOf(receipt: Receipt, legs: Story['legs'], closings: readonly Of<'transfer'>[], isInstructed: boolean): StoryState {
  const closed = legs.filter(({ closedBy }) => closedBy !== null).length;
  if (closed === 0) {
    if (receipt.payout && !isInstructed) throw refuse('payout', 'there is no instruction');
    return isInstructed ? 'instructed' : 'held';
  }
  if (closed !== legs.length) throw refuse('the legs', 'some are closed and some are open');
  const isPost = closings.every(({ flags }) => (flags & POST_PENDING) !== 0);
  const isVoid = closings.every(({ flags }) => (flags & VOID_PENDING) !== 0);
  if (isPost && receipt.payout) return 'settled';
  if (isVoid && !receipt.payout) return 'returned';
  throw refuse(
    'the legs',
    isPost ? 'they are booked as paid, and no payout is shown' : 'they are given back, although a payout is shown, or only some of them',
  );
}

/** The instruction that took this hold, word by word. */
function payoutClaim(
  receipt: Receipt,
  hold: Of<'transfer'>,
  asset: Of<'asset'>,
  windows: readonly Of<'window'>[],
  instructions: readonly Of<'instruction'>[],
  shown: ShownValues,
): PaidClaim {
  const { words, index, transaction } = receipt.payout!;
  const window = only(windows, 'the window');
  const instruction = only(instructions, 'the instruction');
  if ((hold.flags & SETTLES) === 0 || hold.seq < window.fromSeq || hold.seq > window.toSeq || window.toSeq !== window.seq - 1n) {
    throw refuse('the window', 'it does not take the hold');
  }
  if (instruction.window !== window.window || instruction.seq <= window.seq) throw refuse('the instruction', 'it is not of this window');
  if (instruction.vault !== receipt.vault) throw refuse('the instruction', 'it is for another vault');
  if (asset.caip19 !== `eip155:${receipt.chainId}/erc20:${instruction.token}`) throw refuse('the instruction', 'its token is not the asset of the hold');
  if (words.length !== instruction.count || listHash(words) !== instruction.listHash) throw refuse('payout.words', 'they are not the instruction’s list');
  const word = words[index];
  if (!word) throw refuse('payout.index', 'there is no such word');
  const [payee, amount] = splitWord(word);
  if (amount !== hold.amount) throw refuse('payout.index', 'the word pays another amount than the hold’s');
  checkShownPayee(shown.get(hold.seq)?.get('payee'), payee);
  const id = instructionId({ ...instruction, book: receipt.book });
  return { instruction: id, index, token: instruction.token, payee, amount, transaction };
}

/** payee address 20 || amount u96. */
function splitWord(word: Hex): readonly [payee: Hex, amount: bigint] {
  const bytes = fromHex(word);
  return [toHex(bytes.slice(0, 20)), BigInt(toHex(bytes.slice(20)))];
}

/** Where the payee's entry is shown, its `address` is where the money went. */
function checkShownPayee(value: string | undefined, payee: Hex): void {
  if (value === undefined || value === '') return;
  const address = (parseCanonicalJson(value) as { readonly address?: unknown }).address;
  if (typeof address !== 'string' || !isHex(address, 20) || address !== payee) throw refuse('the payee', 'his signed address is not where the money went');
}
