import { assert, MAX_AMOUNT, NIL_UUID } from '#base';
import { MAX_UUID } from './registry.ts';
import { evidenceOf, keyOf, sameEvidence } from './keys.ts';
import { BALANCING_CREDIT, BALANCING_DEBIT, CLOSED, FINAL_POST, PENDING, POST_PENDING, SETTLES, VOID_PENDING } from '../flags.ts';
import { refused, type Balances, type RefusalCode, type Result } from '../results.ts';
import type { Draft } from '../state.ts';
import type { Account, CloseWindow, Evidence, Expire, Hold, Release, TransferBody } from '../types.ts';

function left(hold: Hold): bigint {
  return hold.amount - hold.captured;
}

/** Past its time and not in a window: it counts as expired even before its expiry record is written. */
function isDue(hold: Hold, nowMs: number): boolean {
  return hold.status === 'open' && hold.windowSeq === null && hold.expiresMs !== 0 && nowMs >= hold.expiresMs;
}

function closedCode(hold: Hold): RefusalCode | null {
  if (hold.status === 'posted') return 'pending_transfer_already_posted';
  if (hold.status === 'voided') return 'pending_transfer_already_voided';
  if (hold.status === 'expired') return 'pending_transfer_expired';
  return null;
}

/** Takes `released` off both accounts' pending and adds `posted` to their posted balances. */
function settle(draft: Draft, hold: Hold, released: bigint, posted: bigint, seq: bigint): Balances {
  const debit = draft.account(hold.debit);
  const credit = draft.account(hold.credit);
  assert(debit && credit, `the accounts of hold ${hold.id} are not loaded`);
  const debited: Account = { ...debit, debitsPending: debit.debitsPending - released, debitsPosted: debit.debitsPosted + posted, seq };
  const credited: Account = { ...credit, creditsPending: credit.creditsPending - released, creditsPosted: credit.creditsPosted + posted, seq };
  draft.putAccount(debited);
  draft.putAccount(credited);
  return { debit: debited, credit: credited };
}

/** Posts (once, or in several captures) or voids a hold. */
export function settleHold(draft: Draft, asked: TransferBody, evidence: Evidence): Result {
  const { flags, pendingId } = asked;
  const voids = (flags & VOID_PENDING) !== 0;
  const others = flags & (PENDING | BALANCING_DEBIT | BALANCING_CREDIT | SETTLES);
  if ((flags & POST_PENDING) !== 0 && voids) return refused('flags_are_mutually_exclusive');
  if (others !== 0) return refused('flags_are_mutually_exclusive');
  if (pendingId === NIL_UUID) return refused('pending_id_must_not_be_zero');
  if (pendingId === MAX_UUID) return refused('pending_id_must_not_be_int_max');
  if (pendingId === asked.id) return refused('pending_id_must_be_different');
  if (asked.timeoutS !== 0) return refused('timeout_reserved_for_pending_transfer');
  if (voids && (flags & FINAL_POST) !== 0) return refused('final_transfer_must_post_pending');
  const hold = draft.hold(pendingId);
  if (!hold) return refused(draft.transfer(pendingId) ? 'pending_transfer_not_pending' : 'pending_transfer_not_found');
  const balances: Balances = { debit: draft.account(hold.debit) ?? null, credit: draft.account(hold.credit) ?? null };
  const code =
    mismatch(asked, hold) ??
    wrongAmount(asked, hold, voids) ??
    closedCode(hold) ??
    lockedCode(draft, hold, asked, voids) ??
    closedAccount(balances, hold, voids);
  if (code) return refused(code, null, balances);

  const rest = left(hold);
  const amount = voids || asked.amount === MAX_AMOUNT ? rest : asked.amount;
  const captured = voids ? hold.captured : hold.captured + amount;
  const closes = voids || (flags & FINAL_POST) !== 0 || captured === hold.amount;
  const seq = draft.nextSeq;
  const record = draft.append(
    {
      ...asked,
      debit: hold.debit,
      credit: hold.credit,
      asset: hold.asset,
      code: hold.code,
      reference: asked.reference === NIL_UUID ? hold.reference : asked.reference,
      amount,
      ...evidenceOf(evidence),
      seq,
      nowMs: draft.nowMs,
    },
    null,
  );
  const after = settle(draft, hold, closes ? rest : amount, voids ? 0n : amount, seq);
  draft.putHold({ ...hold, captured, ...(closes && { status: voids ? 'voided' : 'posted', closedBy: asked.id }) });
  return { code: 'created', record, balances: after };
}

function mismatch(asked: TransferBody, hold: Hold): RefusalCode | null {
  if (asked.debit !== NIL_UUID && asked.debit !== hold.debit) return 'pending_transfer_has_different_debit_account_id';
  if (asked.credit !== NIL_UUID && asked.credit !== hold.credit) return 'pending_transfer_has_different_credit_account_id';
  if (asked.asset !== 0 && asked.asset !== hold.asset) return 'pending_transfer_has_different_asset';
  if (asked.code !== 0 && asked.code !== hold.code) return 'pending_transfer_has_different_code';
  return null;
}

function wrongAmount(asked: TransferBody, hold: Hold, voids: boolean): RefusalCode | null {
  const most = hold.status === 'open' ? left(hold) : hold.amount;
  if (asked.amount > most && (voids || asked.amount !== MAX_AMOUNT)) return 'exceeds_pending_transfer_amount';
  if (voids && asked.amount !== 0n && asked.amount !== most) return 'pending_transfer_has_different_amount';
  return null;
}

/** From window to release a hold can only be posted, all of it in the end; after it only voided. A final post of less gives back the rest, which the vault may still pay. */
function lockedCode(draft: Draft, hold: Hold, { flags, amount }: TransferBody, voids: boolean): RefusalCode | null {
  if (isDue(hold, draft.nowMs)) return 'pending_transfer_expired';
  const givesBack = voids || ((flags & FINAL_POST) !== 0 && amount < left(hold));
  if (givesBack && hold.windowSeq !== null && hold.releaseSeq === null) return 'pending_transfer_in_window';
  if (!voids && hold.releaseSeq !== null) return 'pending_transfer_released';
  return null;
}

/** A closed account can still give back what it holds, and is moved by what a window took: the vault may have paid it, whatever becomes of the account. */
function closedAccount({ debit, credit }: Balances, hold: Hold, voids: boolean): RefusalCode | null {
  if (voids || hold.windowSeq !== null) return null;
  if (debit && (debit.flags & CLOSED) !== 0) return 'debit_account_already_closed';
  if (credit && (credit.flags & CLOSED) !== 0) return 'credit_account_already_closed';
  return null;
}

function expireHold(draft: Draft, hold: Hold, evidence: Evidence): Result {
  const seq = draft.nextSeq;
  const record = draft.append(
    { kind: 'expiry', transfer: hold.id, ...evidenceOf(evidence), seq, nowMs: draft.nowMs },
    keyOf({ kind: 'expire', transfer: hold.id }),
  );
  const balances = settle(draft, hold, left(hold), 0n, seq);
  draft.putHold({ ...hold, status: 'expired' });
  return { code: 'created', record, balances };
}

export function expire(draft: Draft, command: Expire): Result {
  const hold = draft.hold(command.transfer);
  if (!hold) return refused(draft.transfer(command.transfer) ? 'pending_transfer_not_pending' : 'pending_transfer_not_found');
  if (hold.status === 'expired') return refused('exists', draft.keyed(keyOf(command)) ?? null);
  const closed = closedCode(hold);
  if (closed) return refused(closed);
  if (hold.releaseSeq !== null) return refused('pending_transfer_released');
  if (hold.windowSeq !== null) return refused('pending_transfer_in_window');
  if (!isDue(hold, draft.nowMs)) return refused('pending_transfer_not_due');
  return expireHold(draft, hold, command);
}

/** What a window closing now would take: open, settling, not taken before, from `fromSeq` on. */
function takable(draft: Draft, fromSeq: bigint): Hold[] {
  return draft.openHolds().filter((hold) => hold.settles && hold.windowSeq === null && hold.seq >= fromSeq);
}

/**
 * Closes a settlement window. Holds past their time are expired by records of their own just before it, so that "every open
 * hold" means the same to whoever recomputes it from the records alone.
 */
export function closeWindow(draft: Draft, command: CloseWindow): Result {
  const { window, fromSeq } = command;
  const key = keyOf(command);
  const existing = draft.keyed(key);
  if (existing?.kind === 'window') {
    if (fromSeq !== undefined && fromSeq !== existing.fromSeq) return refused('exists_with_different_body', existing);
    if (!sameEvidence(command, existing)) return refused('exists_with_different_fields', existing);
    return refused('exists', existing);
  }
  if (window === NIL_UUID) return refused('id_must_not_be_zero');
  if (window === MAX_UUID) return refused('id_must_not_be_int_max');

  const from = fromSeq ?? 1n;
  for (const hold of takable(draft, from)) if (isDue(hold, draft.nowMs)) expireHold(draft, hold, {});
  const seq = draft.nextSeq;
  const record = draft.append({ kind: 'window', window, fromSeq: from, toSeq: seq - 1n, ...evidenceOf(command), seq, nowMs: draft.nowMs }, key);
  for (const hold of takable(draft, from)) draft.putHold({ ...hold, windowSeq: seq });
  return { code: 'created', record, balances: null };
}

/** Lets a hold that its instruction finally did not pay be voided. */
export function release(draft: Draft, command: Release): Result {
  const { transfer, instruction, index, reason } = command;
  const key = keyOf(command);
  const existing = draft.keyed(key);
  if (existing?.kind === 'release') {
    const same = existing.instruction === instruction && existing.index === index && existing.reason === reason;
    if (!same) return refused('exists_with_different_body', existing);
    if (!sameEvidence(command, existing)) return refused('exists_with_different_fields', existing);
    return refused('exists', existing);
  }
  const hold = draft.hold(transfer);
  if (!hold) return refused(draft.transfer(transfer) ? 'pending_transfer_not_pending' : 'pending_transfer_not_found');
  const closed = closedCode(hold);
  if (closed) return refused(closed);
  if (hold.windowSeq === null) return refused('pending_transfer_not_in_window');

  const seq = draft.nextSeq;
  const record = draft.append({ kind: 'release', transfer, instruction, index, reason, ...evidenceOf(command), seq, nowMs: draft.nowMs }, key);
  draft.putHold({ ...hold, releaseSeq: seq });
  return { code: 'created', record, balances: null };
}
