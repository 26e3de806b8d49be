import { MAX_AMOUNT, NIL_UUID, type AccountId, type AssetNo, type TransferId, type Uuid } from '#base';
import { MAX_UUID } from './registry.ts';
import { evidenceOf, sameEvidence } from './keys.ts';
import {
  ALL_TRANSFER_FLAGS,
  BALANCING_CREDIT,
  BALANCING_DEBIT,
  CLOSED,
  CREDITS_MUST_NOT_EXCEED_DEBITS,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  FINAL_POST,
  PENDING,
  POST_PENDING,
  SETTLES,
  VOID_PENDING,
} from '../flags.ts';
import { settleHold } from './holds.ts';
import { refused, type Balances, type RefusalCode, type Result } from '../results.ts';
import type { Draft } from '../state.ts';
import type { Account, Evidence, TransferBody, TransferCommand, TransferRecord } from '../types.ts';

const NIL_TRANSFER = NIL_UUID as TransferId;

/** The command with everything absent spelled out as nil or zero: the shape of a body before it is booked. */
function askedBody(command: TransferCommand): TransferBody {
  return {
    kind: 'transfer',
    id: command.id,
    pendingId: command.pendingId ?? NIL_TRANSFER,
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

function balancesOf(draft: Draft, debit: AccountId, credit: AccountId): Balances {
  return { debit: draft.account(debit) ?? null, credit: draft.account(credit) ?? null };
}

/** Whether a retry that asked for `asked.amount` asked for what was booked. */
function sameAmount(draft: Draft, asked: TransferBody, booked: TransferRecord): boolean {
  if (asked.amount === booked.amount) return true;
  if ((asked.flags & (BALANCING_DEBIT | BALANCING_CREDIT)) !== 0) return asked.amount > booked.amount;
  if ((asked.flags & VOID_PENDING) !== 0) return asked.amount === 0n;
  if ((asked.flags & POST_PENDING) === 0 || asked.amount !== MAX_AMOUNT) return false;
  const hold = draft.hold(booked.pendingId);
  return hold !== undefined && hold.closedBy === booked.id && hold.captured === hold.amount;
}

function existsCode(draft: Draft, asked: TransferBody, evidence: Evidence, booked: TransferRecord): RefusalCode {
  const settles = (asked.flags & (POST_PENDING | VOID_PENDING)) !== 0;
  // A post or a void may leave out what it takes from its hold.
  const inherits = (value: string | number): boolean => settles && (value === NIL_UUID || value === 0);
  const inherited = settles ? (draft.hold(booked.pendingId)?.reference ?? NIL_UUID) : NIL_UUID;
  const reference = inherits(asked.reference) ? inherited : asked.reference;
  if (asked.flags !== booked.flags) return 'exists_with_different_flags';
  if (asked.pendingId !== booked.pendingId) return 'exists_with_different_pending_id';
  if (asked.timeoutS !== booked.timeoutS) return 'exists_with_different_timeout';
  if (asked.debit !== booked.debit && !inherits(asked.debit)) return 'exists_with_different_debit_account_id';
  if (asked.credit !== booked.credit && !inherits(asked.credit)) return 'exists_with_different_credit_account_id';
  if (!sameAmount(draft, asked, booked)) return 'exists_with_different_amount';
  if (reference !== booked.reference) return 'exists_with_different_reference';
  if (asked.effectiveMs !== booked.effectiveMs) return 'exists_with_different_effective_date';
  if (asked.asset !== booked.asset && !inherits(asked.asset)) return 'exists_with_different_asset';
  if (asked.code !== booked.code && !inherits(asked.code)) return 'exists_with_different_code';
  if (!sameEvidence(evidence, booked)) return 'exists_with_different_fields';
  return 'exists';
}

/** Single-phase and pending transfers, posts and voids: TigerBeetle's order of checks. */
export function applyTransfer(draft: Draft, command: TransferCommand): Result {
  const asked = askedBody(command);
  const { id, flags } = asked;
  if ((flags & ~ALL_TRANSFER_FLAGS) !== 0) return refused('reserved_flag');
  if (id === NIL_UUID) return refused('id_must_not_be_zero');
  if (id === MAX_UUID) return refused('id_must_not_be_int_max');
  const booked = draft.transfer(id);
  if (booked) return refused(existsCode(draft, asked, command, booked), booked, balancesOf(draft, booked.debit, booked.credit));
  const refusal = draft.refusal(id);
  if (refusal) return refused('id_already_failed', refusal, balancesOf(draft, asked.debit, asked.credit));
  if ((flags & (POST_PENDING | VOID_PENDING)) !== 0) return settleHold(draft, asked, command);
  return move(draft, asked, command);
}

/** How much a balancing transfer may move: at most what was asked, never more than the account's own posted surplus (no overdraft is drawn). */
function balancedAmount(asked: TransferBody, debit: Account, credit: Account): bigint {
  let amount = asked.amount;
  if ((asked.flags & BALANCING_DEBIT) !== 0) amount = least(amount, debit.creditsPosted - debit.debitsPosted - debit.debitsPending);
  if ((asked.flags & BALANCING_CREDIT) !== 0) amount = least(amount, credit.debitsPosted - credit.creditsPosted - credit.creditsPending);
  return amount;
}

function least(amount: bigint, surplus: bigint): bigint {
  if (surplus <= 0n) return 0n;
  return amount < surplus ? amount : surplus;
}

/** The posted balance alone is looked at for a hold as well: it is there that its amount is to go. */
function overflow(pending: boolean, amount: bigint, debit: Account, credit: Account): RefusalCode | null {
  // Where the sums fit so do their parts: two comparisons answer nearly every transfer.
  const [debits, credits] = [debit.debitsPending + debit.debitsPosted + amount, credit.creditsPending + credit.creditsPosted + amount];
  if (debits <= MAX_AMOUNT && credits <= MAX_AMOUNT) return null;
  if (pending && debit.debitsPending + amount > MAX_AMOUNT) return 'overflows_debits_pending';
  if (pending && credit.creditsPending + amount > MAX_AMOUNT) return 'overflows_credits_pending';
  if (debit.debitsPosted + amount > MAX_AMOUNT) return 'overflows_debits_posted';
  if (credit.creditsPosted + amount > MAX_AMOUNT) return 'overflows_credits_posted';
  return debits > MAX_AMOUNT ? 'overflows_debits' : 'overflows_credits';
}

/** The limits count holds: what is only pending can be posted at any time. */
function exceedsCredits(account: Account, amount: bigint): boolean {
  if ((account.flags & DEBITS_MUST_NOT_EXCEED_CREDITS) === 0) return false;
  return account.debitsPending + account.debitsPosted + amount > account.creditsPosted + account.overdraft;
}

function exceedsDebits(account: Account, amount: bigint): boolean {
  if ((account.flags & CREDITS_MUST_NOT_EXCEED_DEBITS) === 0) return false;
  return account.creditsPending + account.creditsPosted + amount > account.debitsPosted + account.overdraft;
}

function move(draft: Draft, asked: TransferBody, evidence: Evidence): Result {
  const { flags } = asked;
  const pending = (flags & PENDING) !== 0;
  if (asked.debit === NIL_UUID) return refused('debit_account_id_must_not_be_zero');
  if (asked.debit === MAX_UUID) return refused('debit_account_id_must_not_be_int_max');
  if (asked.credit === NIL_UUID) return refused('credit_account_id_must_not_be_zero');
  if (asked.credit === MAX_UUID) return refused('credit_account_id_must_not_be_int_max');
  if (asked.debit === asked.credit) return refused('accounts_must_be_different');
  if (asked.pendingId !== NIL_UUID) return refused('pending_id_must_be_zero');
  if (!pending && asked.timeoutS !== 0) return refused('timeout_reserved_for_pending_transfer');
  if (!pending && (flags & SETTLES) !== 0) return refused('settling_transfer_must_be_pending');
  if ((flags & FINAL_POST) !== 0) return refused('final_transfer_must_post_pending');
  if (asked.asset === 0) return refused('asset_must_not_be_zero');
  if (asked.code === 0) return refused('code_must_not_be_zero');
  const balances = balancesOf(draft, asked.debit, asked.credit);
  const { debit, credit } = balances;
  if (!debit) return refused('debit_account_not_found', null, balances);
  if (!credit) return refused('credit_account_not_found', null, balances);
  if (debit.asset !== credit.asset) return refused('accounts_must_have_the_same_asset', null, balances);
  if (asked.asset !== debit.asset) return refused('transfer_must_have_the_same_asset_as_accounts', null, balances);
  if ((debit.flags & CLOSED) !== 0) return refused('debit_account_already_closed', null, balances);
  if ((credit.flags & CLOSED) !== 0) return refused('credit_account_already_closed', null, balances);
  const amount = balancedAmount(asked, debit, credit);
  const tooLarge = overflow(pending, amount, debit, credit);
  if (tooLarge) return refused(tooLarge, null, balances);
  if (exceedsCredits(debit, amount)) return refused('exceeds_credits', null, balances);
  if (exceedsDebits(credit, amount)) return refused('exceeds_debits', null, balances);

  const seq = draft.nextSeq;
  const record = draft.append({ ...asked, amount, ...evidenceOf(evidence), seq, nowMs: draft.nowMs }, null);
  const debited: Account = pending
    ? { ...debit, debitsPending: debit.debitsPending + amount, seq }
    : { ...debit, debitsPosted: debit.debitsPosted + amount, seq };
  const credited: Account = pending
    ? { ...credit, creditsPending: credit.creditsPending + amount, seq }
    : { ...credit, creditsPosted: credit.creditsPosted + amount, seq };
  draft.putAccount(debited);
  draft.putAccount(credited);
  if (pending) {
    draft.putHold({
      id: asked.id,
      seq,
      debit: asked.debit,
      credit: asked.credit,
      asset: asked.asset,
      amount,
      code: asked.code,
      reference: asked.reference,
      settles: (flags & SETTLES) !== 0,
      expiresMs: asked.timeoutS === 0 ? 0 : draft.nowMs + asked.timeoutS * 1000,
      captured: 0n,
      status: 'open',
      closedBy: null,
      windowSeq: null,
      releaseSeq: null,
    });
  }
  return { code: 'created', record, balances: { debit: debited, credit: credited } };
}
