import { type AssetNo, type Hex, type PaymentId, type TransferId } from '#base';
import { closingIdOf, legIdOf, TRANSFER_CODES, type Hold, type LedgerRecord, type State } from '#ledger/core';
import { planInstructions, type PlannedInstruction, type TakenHold } from '#settlement/core';
import type { ChainFacts, PaidFact } from '../chain/facts.ts';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';
import { tokenOfAsset } from './assets.ts';
import { readEvidence } from './evidence.ts';
import type { HeldPayment, HoldBook } from './holds.ts';

type Of<Kind extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: Kind }>;

export interface SettlementSummary {
  readonly windows: number;
  readonly instructions: number;
  readonly paid: number;
  readonly returned: number;
  /** Held or instructed: on its way. */
  readonly open: number;
  /** Minor units that the vault has paid and the book has not posted yet, by token. */
  readonly unposted: ReadonlyMap<Hex, bigint>;
}

/** What decides about a payment's end: its place in an instruction's list, what the vault paid, and what the book released. */
interface PayoutFacts {
  readonly places: ReadonlyMap<TransferId, { readonly plan: PlannedInstruction; readonly index: number }>;
  readonly paid: ReadonlyMap<Hex, readonly PaidFact[]>;
  readonly releases: ReadonlyMap<TransferId, Of<'release'>>;
  readonly chain: ChainFacts;
}

/** From the windows through their instruction lists to what the vault paid and the book closed. `state` is that of the whole book. */
export function checkSettlement(holds: HoldBook, state: State, exported: Exported, chain: ChainFacts, findings: Findings): SettlementSummary {
  const records = exported.records.map(({ record }) => record);
  const windows = records.filter((record): record is Of<'window'> => record.kind === 'window');
  const booked = records.filter((record): record is Of<'instruction'> => record.kind === 'instruction');
  checkWindowsJoin(windows, findings);
  for (const record of booked)
    if (record.vault !== exported.header.vault)
      findings.add('window', record.seq, `The instruction of record ${record.seq} is for another vault, ${record.vault}`);
  const taken = Map.groupBy(
    [...state.holds.values()].filter(({ code }) => code === TRANSFER_CODES.payout),
    ({ windowSeq }) => windowSeq,
  );
  const byWindow = Map.groupBy(booked, ({ window }) => window);
  const planned = windows.flatMap((window) =>
    planWindow(holds, state, exported, window, taken.get(window.seq) ?? [], byWindow.get(window.window) ?? [], findings),
  );
  const known = new Set(windows.map(({ window }) => window));
  const strays = booked.filter(({ window }) => !known.has(window));
  for (const { seq, window } of strays) findings.add('window', seq, `The instruction of record ${seq} is of window ${window}, which no record closes`);

  checkPaidInstructions(planned, chain, findings);
  const unposted = new Map<Hex, bigint>();
  const facts: PayoutFacts = {
    places: new Map(planned.flatMap((plan) => plan.holds.map(({ hold }, index) => [hold, { plan, index }] as const))),
    paid: Map.groupBy(chain.paid, ({ instruction }) => instruction),
    releases: new Map(records.flatMap((record) => (record.kind === 'release' ? [[record.transfer, record] as const] : []))),
    chain,
  };
  const count = { paid: 0, returned: 0, open: 0 };
  for (const payment of holds.payments.values()) count[checkPayment(payment, state, facts, unposted, findings)]++;
  return { windows: windows.length, instructions: booked.length, ...count, unposted };
}

/** Between two windows no record is left out of both: no hold can be passed over for ever. */
function checkWindowsJoin(windows: readonly Of<'window'>[], findings: Findings): void {
  let next = 1n;
  for (const { seq, fromSeq } of windows) {
    if (fromSeq > next)
      findings.add('window', seq, `The window of record ${seq} begins at record ${fromSeq}: records ${next} to ${fromSeq - 1n} are in no window`);
    next = seq;
  }
}

/** The instructions that follow from a window's holds, against those that the book has. */
function planWindow(
  { payments }: HoldBook,
  state: State,
  { header }: Exported,
  window: Of<'window'>,
  taken: readonly Hold[],
  own: readonly Of<'instruction'>[],
  findings: Findings,
): readonly PlannedInstruction[] {
  const holds = taken.flatMap((hold): TakenHold[] => {
    const payment = payments.get(hold.reference as PaymentId);
    if (!payment)
      findings.add('window', window.seq, `The window of record ${window.seq} takes the hold of record ${hold.seq}, which is no authorised payment’s`);
    return payment ? [{ hold: hold.id, seq: hold.seq, payment: payment.payment, asset: hold.asset, amount: hold.amount, address: payment.address }] : [];
  });
  const [first] = own;
  if (!first) return [];
  const tokens = new Map<AssetNo, Hex>();
  for (const { asset } of holds) tokens.set(asset, tokenOfAsset(state, asset) ?? `0x${'00'.repeat(20)}`);
  // Where a list ends was decided by the vault's caps of that day; that every hold is in one list, in order, follows from the book.
  const counts = own.toSorted((a, b) => a.index - b.index).map(({ count }) => count);
  const planned = planOf({ book: header.book, window: window.window, notAfterS: first.notAfterS, tokens, counts }, holds);
  if (typeof planned === 'string') {
    findings.add('window', window.seq, `The instructions of the window of record ${window.seq} cannot be recomputed: ${planned}`);
    return [];
  }
  if (planned.length !== own.length)
    findings.add('window', window.seq, `The window of record ${window.seq} has ${own.length} instructions; its holds make ${planned.length}`);
  for (const record of own) {
    const plan = planned.find(({ index }) => index === record.index);
    const { token, listHash, count, total } = plan ?? {};
    const differs = (['token', 'listHash', 'count', 'total'] as const).find((member) => record[member] !== { token, listHash, count, total }[member]);
    if (differs !== undefined || record.notAfterS !== first.notAfterS)
      findings.add(
        'window',
        record.seq,
        `The instruction of record ${record.seq} has another ${differs ?? 'notAfter'} than follows from the holds of its window`,
      );
  }
  return planned;
}

/** Addresses and amounts out of evidence that nobody vouches for may not even fit a word of the list. */
function planOf(context: Parameters<typeof planInstructions>[0], holds: readonly TakenHold[]): readonly PlannedInstruction[] | string {
  const bad = holds.find(({ address, amount }) => !/^0x[0-9a-f]{40}$/.test(address) || amount >= 1n << 96n);
  return bad ? `the hold of record ${bad.seq} has no payable address or amount` : planInstructions(context, holds);
}

function checkPaidInstructions(planned: readonly PlannedInstruction[], { paid }: ChainFacts, findings: Findings): void {
  const plans = new Map(planned.map((plan) => [plan.id, plan]));
  for (const { instruction, token, payments, amount, transaction } of paid) {
    const plan = plans.get(instruction);
    if (!plan) {
      findings.add(
        'payout',
        null,
        `The vault paid ${amount} of ${token} in ${transaction} by the instruction ${instruction}, which does not follow from the book`,
      );
      continue;
    }
    const sum = plan.holds.reduce((total, hold, index) => (((payments >> BigInt(index)) & 1n) === 1n ? total + hold.amount : total), 0n);
    if (sum !== amount || plan.token !== token)
      findings.add(
        'payout',
        plan.holds[0]?.seq ?? null,
        `The vault paid ${amount} of ${token} in ${transaction}; the payments named there come to ${sum} of ${plan.token}`,
      );
  }
}

/** Whether a payment's holds ended as the vault says: posted when and only when it was paid, given back only when it can never be. */
function checkPayment(payment: HeldPayment, state: State, facts: PayoutFacts, unposted: Map<Hex, bigint>, findings: Findings): 'paid' | 'returned' | 'open' {
  const holds = payment.legs.map(({ index }) => state.holds.get(legIdOf(payment.payment, index)));
  const [first] = holds;
  if (!first) return 'open';
  const { plan, index = -1 } = facts.places.get(first.id) ?? {};
  const transactions = plan ? (facts.paid.get(plan.id) ?? []).filter(({ payments }) => ((payments >> BigInt(index)) & 1n) === 1n) : [];
  const status = first.status;
  const say = (seq: bigint, what: string): void => findings.add('payout', seq, `Payment ${payment.payment}, held in record ${payment.seq}, ${what}`);
  for (const hold of holds) if (hold && !sameEnd(hold, first)) say(hold.seq, 'has legs that did not end together');
  if (transactions.length > 1) say(payment.seq, `was paid ${transactions.length} times`);
  const closing = first.closedBy === null ? undefined : state.transfers.get(first.closedBy);
  if (status === 'posted') {
    const at = closing?.seq ?? payment.seq;
    if (transactions.length === 0) say(at, `is booked as paid in record ${at}, and the vault has not paid it`);
    if (first.closedBy !== closingIdOf(first.id) || first.captured !== first.amount)
      say(at, `was posted with ${first.captured} of ${first.amount} in record ${at}`);
    if (closing && transactions.length > 0)
      checkSettled(
        closing,
        plan!.id,
        index,
        transactions.map(({ transaction }) => transaction),
        say,
      );
    return 'paid';
  }
  if (transactions.length > 0 && status === 'open') {
    unposted.set(plan!.token, (unposted.get(plan!.token) ?? 0n) + first.amount);
    return 'open';
  }
  if (transactions.length > 0) say(closing?.seq ?? payment.seq, `was given back, and the vault paid it in ${transactions[0]!.transaction}`);
  if (status === 'voided' && first.windowSeq !== null) checkRelease(payment, facts.releases.get(first.id), plan, index, facts.chain, say);
  return status === 'open' ? 'open' : 'returned';
}

function sameEnd(hold: Hold, first: Hold): boolean {
  return hold.status === first.status && hold.windowSeq === first.windowSeq && (hold.status !== 'posted' || hold.captured === hold.amount);
}

function checkSettled(closing: LedgerRecord, instruction: Hex, index: number, transactions: readonly Hex[], say: (seq: bigint, what: string) => void): void {
  const said = readEvidence(closing.fields?.settlement, { instruction: 'string', index: 'number', transactionHash: 'string', outcome: 'string' });
  if (typeof said === 'string') return say(closing.seq, `is booked as paid in record ${closing.seq}, whose settlement ${said}`);
  if (said.instruction !== instruction || said.index !== index || said.outcome !== 'paid' || !transactions.includes(said.transactionHash as Hex))
    say(closing.seq, `is booked in record ${closing.seq} as paid by another instruction or transaction than the chain’s ${transactions.join(', ')}`);
}

function checkRelease(
  payment: HeldPayment,
  release: Of<'release'> | undefined,
  plan: PlannedInstruction | undefined,
  index: number,
  { cancelled, finalTimestamp }: ChainFacts,
  say: (seq: bigint, what: string) => void,
): void {
  if (!release) return say(payment.seq, 'was given back without a release');
  if (!plan || release.instruction !== plan.id || release.index !== index)
    return say(release.seq, `was released in record ${release.seq} from an instruction that it is not in`);
  const isCancelled = cancelled.some((one) => one.instruction === plan.id && one.index === index);
  if (release.reason === 2 && !isCancelled) say(release.seq, `was released in record ${release.seq} as cancelled, which the vault does not say`);
  if (release.reason === 1 && finalTimestamp <= BigInt(plan.notAfterS))
    say(release.seq, `was released in record ${release.seq} while it could still be paid, until ${plan.notAfterS}`);
  if (release.reason !== 1 && release.reason !== 2)
    say(release.seq, `was released in record ${release.seq} for the reason ${release.reason}, which there is not`);
}
