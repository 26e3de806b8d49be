import { MAX_AMOUNT, NIL_UUID, type AccountId, type AssetNo, type TransferId, type Uuid } from '#base';
import type { Account, Evidence, Hold, RefusalCode, TransferBody, TransferCommand, TransferRecord } from '#ledger/core';
import type { View } from './view.ts';

/** What a transfer would meet: everything that docs/ledger-semantics.md lets a refusal depend on. */
interface Case {
  readonly asked: TransferBody;
  readonly isVoid: boolean;
  readonly isPending: boolean;
  readonly debit: Account | undefined;
  readonly credit: Account | undefined;
  readonly hold: Hold | undefined;
  /** What is left of the hold; of one that is closed, its amount. */
  readonly left: bigint;
  /** What would be booked. */
  readonly amount: bigint;
  readonly isDue: boolean;
  readonly view: View;
}

type Rule = readonly [RefusalCode, (given: Case) => unknown];

export const MAX_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const SETTLING = 4 | 8;

/** The page's table, from top to bottom, for transfers that are no post and no void. The first rule that applies is the answer. */
const NEW: readonly Rule[] = [
  ['debit_account_id_must_not_be_zero', ({ asked }) => asked.debit === NIL_UUID],
  ['debit_account_id_must_not_be_int_max', ({ asked }) => asked.debit === MAX_UUID],
  ['credit_account_id_must_not_be_zero', ({ asked }) => asked.credit === NIL_UUID],
  ['credit_account_id_must_not_be_int_max', ({ asked }) => asked.credit === MAX_UUID],
  ['accounts_must_be_different', ({ asked }) => asked.debit === asked.credit],
  ['pending_id_must_be_zero', ({ asked }) => asked.pendingId !== NIL_UUID],
  ['timeout_reserved_for_pending_transfer', ({ asked, isPending }) => asked.timeoutS > 0 && !isPending],
  ['settling_transfer_must_be_pending', ({ asked, isPending }) => asked.flags & 64 && !isPending],
  ['final_transfer_must_post_pending', ({ asked }) => asked.flags & 128],
  ['asset_must_not_be_zero', ({ asked }) => asked.asset === 0],
  ['code_must_not_be_zero', ({ asked }) => asked.code === 0],
  ['debit_account_not_found', ({ debit }) => !debit],
  ['credit_account_not_found', ({ credit }) => !credit],
  ['accounts_must_have_the_same_asset', ({ debit, credit }) => debit?.asset !== credit?.asset],
  ['transfer_must_have_the_same_asset_as_accounts', ({ asked, debit }) => debit?.asset !== asked.asset],
  ['debit_account_already_closed', ({ debit }) => debit && debit.flags & 8],
  ['credit_account_already_closed', ({ credit }) => credit && credit.flags & 8],
  ['overflows_debits_pending', ({ isPending, debit, amount }) => isPending && debit && debit.debitsPending + amount > MAX_AMOUNT],
  ['overflows_credits_pending', ({ isPending, credit, amount }) => isPending && credit && credit.creditsPending + amount > MAX_AMOUNT],
  ['overflows_debits_posted', ({ debit, amount }) => debit && debit.debitsPosted + amount > MAX_AMOUNT],
  ['overflows_credits_posted', ({ credit, amount }) => credit && credit.creditsPosted + amount > MAX_AMOUNT],
  ['overflows_debits', ({ debit, amount }) => debit && debit.debitsPending + debit.debitsPosted + amount > MAX_AMOUNT],
  ['overflows_credits', ({ credit, amount }) => credit && credit.creditsPending + credit.creditsPosted + amount > MAX_AMOUNT],
  ['exceeds_credits', ({ debit, amount }) => debit && debit.flags & 2 && room(debit, 'debits') < amount],
  ['exceeds_debits', ({ credit, amount }) => credit && credit.flags & 4 && room(credit, 'credits') < amount],
];

/** The same for posts and voids. */
const SETTLE: readonly Rule[] = [
  ['flags_are_mutually_exclusive', ({ asked }) => (asked.flags & SETTLING) === SETTLING || asked.flags & (2 | 16 | 32 | 64)],
  ['pending_id_must_not_be_zero', ({ asked }) => asked.pendingId === NIL_UUID],
  ['pending_id_must_not_be_int_max', ({ asked }) => asked.pendingId === MAX_UUID],
  ['pending_id_must_be_different', ({ asked }) => asked.pendingId === asked.id],
  ['timeout_reserved_for_pending_transfer', ({ asked }) => asked.timeoutS > 0],
  ['final_transfer_must_post_pending', ({ asked, isVoid }) => isVoid && asked.flags & 128],
  ['pending_transfer_not_found', ({ asked, hold, view }) => !hold && !view.transfer(asked.pendingId)],
  ['pending_transfer_not_pending', ({ hold }) => !hold],
  ['pending_transfer_has_different_debit_account_id', ({ asked, hold }) => asked.debit !== NIL_UUID && asked.debit !== hold?.debit],
  ['pending_transfer_has_different_credit_account_id', ({ asked, hold }) => asked.credit !== NIL_UUID && asked.credit !== hold?.credit],
  ['pending_transfer_has_different_asset', ({ asked, hold }) => asked.asset > 0 && asked.asset !== hold?.asset],
  ['pending_transfer_has_different_code', ({ asked, hold }) => asked.code > 0 && asked.code !== hold?.code],
  ['exceeds_pending_transfer_amount', ({ asked, left, isVoid }) => asked.amount > left && (isVoid || asked.amount !== MAX_AMOUNT)],
  ['pending_transfer_has_different_amount', ({ asked, left, isVoid }) => isVoid && asked.amount !== 0n && asked.amount !== left],
  ['pending_transfer_already_posted', ({ hold }) => hold?.status === 'posted'],
  ['pending_transfer_already_voided', ({ hold }) => hold?.status === 'voided'],
  ['pending_transfer_expired', ({ hold, isDue }) => hold?.status === 'expired' || isDue],
  ['pending_transfer_released', ({ hold, isVoid }) => hold?.releaseSeq !== null && !isVoid],
  [
    'pending_transfer_in_window',
    ({ asked, hold, isVoid, left }) => hold?.windowSeq !== null && hold?.releaseSeq === null && (isVoid || (asked.flags & 128 && asked.amount < left)),
  ],
  ['debit_account_already_closed', ({ debit, hold, isVoid }) => !isVoid && hold?.windowSeq === null && debit && debit.flags & 8],
  ['credit_account_already_closed', ({ credit, hold, isVoid }) => !isVoid && hold?.windowSeq === null && credit && credit.flags & 8],
];

/** How much more may still go to the limited side: holds count as if they were posted. */
function room(account: Account, limited: 'debits' | 'credits'): bigint {
  const { debitsPending, debitsPosted, creditsPending, creditsPosted, overdraft } = account;
  return limited === 'debits' ? creditsPosted + overdraft - debitsPosted - debitsPending : debitsPosted + overdraft - creditsPosted - creditsPending;
}

export function isDue(hold: Hold | undefined, nowMs: number): boolean {
  return hold?.status === 'open' && hold.windowSeq === null && hold.expiresMs > 0 && hold.expiresMs <= nowMs;
}

/** Of a balancing transfer never more than the surplus that is posted and not held. */
function surplusOf(flags: number, amount: bigint, debit: Account | undefined, credit: Account | undefined): bigint {
  const ceilings = [amount];
  if (flags & 16 && debit) ceilings.push(debit.creditsPosted - debit.debitsPosted - debit.debitsPending);
  if (flags & 32 && credit) ceilings.push(credit.debitsPosted - credit.creditsPosted - credit.creditsPending);
  const least = ceilings.reduce((low, one) => (one < low ? one : low));
  return least < 0n ? 0n : least;
}

/** The command with everything absent spelled out. */
function wholeOf(command: TransferCommand): TransferBody {
  return {
    kind: 'transfer',
    id: command.id,
    pendingId: command.pendingId ?? (NIL_UUID as TransferId),
    debit: command.debit ?? (NIL_UUID as AccountId),
    credit: command.credit ?? (NIL_UUID as AccountId),
    asset: command.asset ?? (0 as AssetNo),
    amount: command.amount,
    code: command.code ?? 0,
    flags: command.flags ?? 0,
    timeoutS: command.timeoutS ?? 0,
    effectiveMs: command.effectiveMs ?? 0,
    reference: command.reference ?? (NIL_UUID as Uuid<string>),
  };
}

export function sameEvidence(a: Evidence, b: Evidence): boolean {
  const fields = (from: Evidence): string => JSON.stringify(Object.entries(from.fields ?? {}).sort(([x], [y]) => (x < y ? -1 : 1)));
  return a.subject === b.subject && fields(a) === fields(b);
}

/** The first difference between what is asked now and what was booked under the id, in the order of the page. */
function difference(asked: TransferBody, evidence: Evidence, booked: TransferRecord, view: View): RefusalCode {
  const hold = asked.flags & SETTLING ? view.hold(booked.pendingId) : undefined;
  const takes = <T>(given: T, absent: T, fromHold: T | undefined): T => (given === absent && fromHold !== undefined ? fromHold : given);
  const isSameAmount =
    asked.amount === booked.amount ||
    (asked.flags & (16 | 32) && asked.amount > booked.amount) ||
    (asked.flags & 8 && asked.amount === 0n) ||
    (asked.flags & 4 && asked.amount === MAX_AMOUNT && hold?.closedBy === booked.id && hold.captured === hold.amount);
  const differences: readonly (readonly [RefusalCode, unknown])[] = [
    ['exists_with_different_flags', asked.flags !== booked.flags],
    ['exists_with_different_pending_id', asked.pendingId !== booked.pendingId],
    ['exists_with_different_timeout', asked.timeoutS !== booked.timeoutS],
    ['exists_with_different_debit_account_id', takes(asked.debit, NIL_UUID as AccountId, hold?.debit) !== booked.debit],
    ['exists_with_different_credit_account_id', takes(asked.credit, NIL_UUID as AccountId, hold?.credit) !== booked.credit],
    ['exists_with_different_amount', !isSameAmount],
    ['exists_with_different_reference', takes(asked.reference, NIL_UUID as Uuid<string>, hold?.reference) !== booked.reference],
    ['exists_with_different_effective_date', asked.effectiveMs !== booked.effectiveMs],
    ['exists_with_different_asset', takes(asked.asset, 0 as AssetNo, hold?.asset) !== booked.asset],
    ['exists_with_different_code', takes(asked.code, 0, hold?.code) !== booked.code],
    ['exists_with_different_fields', !sameEvidence(evidence, booked)],
  ];
  return differences.find(([, differs]) => differs)?.[0] ?? 'exists';
}

/** The answer to a transfer: why not, or what is booked. */
export function judgeTransfer(view: View, command: TransferCommand, nowMs: number): RefusalCode | TransferBody {
  const asked = wholeOf(command);
  if (asked.flags > 255) return 'reserved_flag';
  if (asked.id === NIL_UUID) return 'id_must_not_be_zero';
  if (asked.id === MAX_UUID) return 'id_must_not_be_int_max';
  const booked = view.transfer(asked.id);
  if (booked) return difference(asked, command, booked, view);
  if (view.refusal(asked.id)) return 'id_already_failed';

  const settles = (asked.flags & SETTLING) > 0;
  const hold = settles ? view.hold(asked.pendingId) : undefined;
  const debit = view.account(hold?.debit ?? asked.debit);
  const credit = view.account(hold?.credit ?? asked.credit);
  const left = !hold ? 0n : hold.status === 'open' ? hold.amount - hold.captured : hold.amount;
  const isVoid = (asked.flags & 8) > 0;
  const takesRest = isVoid || asked.amount === MAX_AMOUNT;
  const amount = !settles ? surplusOf(asked.flags, asked.amount, debit, credit) : takesRest ? left : asked.amount;
  const given: Case = { asked, isVoid, isPending: (asked.flags & 2) > 0, debit, credit, hold, left, amount, isDue: isDue(hold, nowMs), view };
  const refused = (settles ? SETTLE : NEW).find(([, applies]) => applies(given));
  if (refused) return refused[0];
  if (!hold) return { ...asked, amount };
  const reference = asked.reference === NIL_UUID ? hold.reference : asked.reference;
  return { ...asked, amount, debit: hold.debit, credit: hold.credit, asset: hold.asset, code: hold.code, reference };
}
