import { NIL_UUID, type Uuid } from '#base';
import { ALL_ACCOUNT_FLAGS, CLOSED, CREDITS_MUST_NOT_EXCEED_DEBITS, DEBITS_MUST_NOT_EXCEED_CREDITS } from '../flags.ts';
import { evidenceOf, keyOf, NAMED_MEMBERS, sameEvidence } from './keys.ts';
import { refused, type Result } from '../results.ts';
import type { Draft } from '../state.ts';
import type { Account, AccountBody, CloseAccount, LedgerRecord, NamedCommand, OpenAccount, OpenAsset } from '../types.ts';

export const MAX_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

export function openAsset(draft: Draft, command: OpenAsset): Result {
  const { asset, decimals, caip19, peg, symbol } = command;
  const key = keyOf(command);
  const existing = draft.keyed(key);
  if (existing?.kind === 'asset') {
    const same = existing.decimals === decimals && existing.caip19 === caip19 && existing.peg === peg && existing.symbol === symbol;
    if (!same) return refused('exists_with_different_body', existing);
    if (!sameEvidence(command, existing)) return refused('exists_with_different_fields', existing);
    return refused('exists', existing);
  }
  if (asset === 0) return refused('asset_must_not_be_zero');

  const record = draft.append({ kind: 'asset', asset, decimals, caip19, peg, symbol, ...evidenceOf(command), seq: draft.nextSeq, nowMs: draft.nowMs }, key);
  return { code: 'created', record, balances: null };
}

/** An account may have been closed since it was opened: that alone does not make a retry another account. */
function differentFlags(asked: number, account: Account): boolean {
  return (asked | CLOSED) !== (account.flags | CLOSED) || ((asked & CLOSED) !== 0 && (account.flags & CLOSED) === 0);
}

function accountExists(draft: Draft, command: OpenAccount, account: Account): Result {
  const record = draft.keyed(keyOf(command)) ?? null;
  const balances = { debit: account, credit: null };
  if (differentFlags(command.flags ?? 0, account)) return refused('exists_with_different_flags', record, balances);
  if (command.asset !== account.asset) return refused('exists_with_different_asset', record, balances);
  if (command.code !== account.code) return refused('exists_with_different_code', record, balances);
  if ((command.overdraft ?? 0n) !== account.overdraft) return refused('exists_with_different_overdraft', record, balances);
  if ((command.owner ?? NIL_UUID) !== account.owner) return refused('exists_with_different_owner', record, balances);
  if (record && !sameEvidence(command, record)) return refused('exists_with_different_fields', record, balances);
  return refused('exists', record, balances);
}

export function openAccount(draft: Draft, command: OpenAccount): Result {
  const { id, asset, code, flags = 0, overdraft = 0n, owner = NIL_UUID as Uuid<string> } = command;
  const limits = flags & (DEBITS_MUST_NOT_EXCEED_CREDITS | CREDITS_MUST_NOT_EXCEED_DEBITS);
  if ((flags & ~ALL_ACCOUNT_FLAGS) !== 0) return refused('reserved_flag');
  if (id === NIL_UUID) return refused('id_must_not_be_zero');
  if (id === MAX_UUID) return refused('id_must_not_be_int_max');
  const existing = draft.account(id);
  if (existing) return accountExists(draft, command, existing);
  if (limits === (DEBITS_MUST_NOT_EXCEED_CREDITS | CREDITS_MUST_NOT_EXCEED_DEBITS)) return refused('flags_are_mutually_exclusive');
  if (overdraft !== 0n && limits === 0) return refused('overdraft_must_be_zero');
  if (asset === 0) return refused('asset_must_not_be_zero');
  if (code === 0) return refused('code_must_not_be_zero');
  if (!draft.hasAsset(asset)) return refused('asset_not_found');

  const body: AccountBody = { kind: 'account', id, asset, code, flags, overdraft, owner };
  const record = draft.append({ ...body, ...evidenceOf(command), seq: draft.nextSeq, nowMs: draft.nowMs }, keyOf(command));
  const zero = { debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };
  const account: Account = { id, asset, code, flags, overdraft, owner, ...zero, seq: record.seq };
  draft.putAccount(account);
  return { code: 'created', record, balances: { debit: account, credit: null } };
}

/** For good: an account that may be opened and closed again could be reopened by a late retry. */
export function closeAccount(draft: Draft, command: CloseAccount): Result {
  const account = draft.account(command.id);
  if (!account) return refused('account_not_found');
  if ((account.flags & CLOSED) !== 0) return refused('exists', draft.keyed(keyOf(command)) ?? null, { debit: account, credit: null });

  const flags = account.flags | CLOSED;
  const { id, asset, code, overdraft, owner } = account;
  const body: AccountBody = { kind: 'account', id, asset, code, flags, overdraft, owner };
  const record = draft.append({ ...body, ...evidenceOf(command), seq: draft.nextSeq, nowMs: draft.nowMs }, keyOf(command));
  const closed: Account = { ...account, flags, seq: record.seq };
  draft.putAccount(closed);
  return { code: 'created', record, balances: { debit: closed, credit: null } };
}

function sameBody(command: NamedCommand, existing: LedgerRecord): boolean {
  const asked: Record<string, unknown> = { ...command };
  const written: Record<string, unknown> = { ...existing };
  return NAMED_MEMBERS[command.kind].every((member) => asked[member] === written[member]);
}

/** Appends what only has to be unique. An instruction belongs to a window that was closed. */
export function applyNamed(draft: Draft, command: NamedCommand): Result {
  const key = keyOf(command);
  const existing = draft.keyed(key);
  if (existing && !sameBody(command, existing)) return refused('exists_with_different_body', existing);
  if (existing && !sameEvidence(command, existing)) return refused('exists_with_different_fields', existing);
  if (existing) return refused('exists', existing);
  if (command.kind === 'instruction' && !draft.keyed(`window:${command.window}`)) return refused('window_not_found');

  const { linked: _, ...body } = command;
  const record = draft.append({ ...body, seq: draft.nextSeq, nowMs: draft.nowMs }, key);
  return { code: 'created', record, balances: null };
}
