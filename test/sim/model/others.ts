import { NIL_UUID } from '#base';
import type { Account, Command, LedgerRecord, OpenAccount, RecordBody, RefusalCode, TransferCommand } from '#ledger/core';
import { isDue, MAX_UUID, sameEvidence } from './rules.ts';
import type { View } from './view.ts';

type Other = Exclude<Command, TransferCommand>;

/** The columns "becomes record" and "the same again" of docs/ledger-semantics.md: what a command that is no transfer is unique by. */
export function nameOf(command: Other): string {
  switch (command.kind) {
    case 'openAsset':
      return `asset ${command.asset}`;
    case 'openAccount':
      return `account ${command.id}`;
    case 'closeAccount':
      return `closed ${command.id}`;
    case 'expire':
      return `expired ${command.transfer}`;
    case 'release':
      return `released ${command.transfer}`;
    case 'window':
      return `window ${command.window}`;
    case 'instruction':
      return `instruction ${command.window} ${command.index}`;
    case 'merchant':
      return `merchant ${command.authorisation}`;
    case 'wallet':
      return `wallet ${command.wallet}`;
    case 'payee':
      return `payee ${command.payee}`;
    case 'order':
      return `order ${command.order}`;
    case 'tariff':
      return `tariff ${command.tariff}`;
    case 'erasure':
      return `erasure ${command.erased}`;
    case 'liability':
      return `liability ${command.root} ${command.asset}`;
  }
}

/** What a record that is no transfer is unique by; `isFirst` tells an opened account from a closed one. */
export function nameOfRecord(record: Exclude<LedgerRecord, { kind: 'transfer' | 'refusal' }>, isFirst: boolean): string {
  if (record.kind === 'asset') return `asset ${record.asset}`;
  if (record.kind === 'account') return `${isFirst ? 'account' : 'closed'} ${record.id}`;
  if (record.kind === 'expiry') return `expired ${record.transfer}`;
  return nameOf(record);
}

/** Not of the body: what carries the command or came with its place. */
const ABOUT: ReadonlySet<string> = new Set(['kind', 'linked', 'fields', 'subject', 'seq', 'nowMs']);

function sameBody(asked: Other, booked: LedgerRecord): boolean {
  const given: Record<string, unknown> = { ...asked };
  const there: Record<string, unknown> = { ...booked };
  return Object.keys(given).every((member) => ABOUT.has(member) || given[member] === there[member]);
}

/** A command that exists already: as it was asked, or with another body or other evidence. */
function again(command: Other, booked: LedgerRecord): RefusalCode {
  if (!sameBody(command, booked)) return 'exists_with_different_body';
  return sameEvidence(command, booked) ? 'exists' : 'exists_with_different_fields';
}

function openedAgain(view: View, asked: OpenAccount, account: Account): RefusalCode {
  const flags = asked.flags ?? 0;
  const opened = view.named(`account ${asked.id}`);
  // Closed since is no other account; asked for closed and not closed is.
  const isOther = (flags & 7) !== (account.flags & 7) || ((flags & 8) !== 0 && (account.flags & 8) === 0);
  if (isOther) return 'exists_with_different_flags';
  if (asked.asset !== account.asset) return 'exists_with_different_asset';
  if (asked.code !== account.code) return 'exists_with_different_code';
  if ((asked.overdraft ?? 0n) !== account.overdraft) return 'exists_with_different_overdraft';
  if ((asked.owner ?? NIL_UUID) !== account.owner) return 'exists_with_different_owner';
  return opened && !sameEvidence(asked, opened) ? 'exists_with_different_fields' : 'exists';
}

function judgeAccount(view: View, asked: OpenAccount): RefusalCode | RecordBody {
  const { id, asset, code, flags = 0, overdraft = 0n } = asked;
  if (flags > 15) return 'reserved_flag';
  if (id === NIL_UUID) return 'id_must_not_be_zero';
  if (id === MAX_UUID) return 'id_must_not_be_int_max';
  const known = view.account(id);
  if (known) return openedAgain(view, asked, known);
  if ((flags & 6) === 6) return 'flags_are_mutually_exclusive';
  if (overdraft > 0n && (flags & 6) === 0) return 'overdraft_must_be_zero';
  if (asset === 0) return 'asset_must_not_be_zero';
  if (code === 0) return 'code_must_not_be_zero';
  if (!view.hasAsset(asset)) return 'asset_not_found';
  return { kind: 'account', id, asset, code, flags, overdraft, owner: asked.owner ?? (NIL_UUID as Account['owner']) };
}

/** Why a hold that is named by an expiry or a release is not what it has to be. */
function closedOrAbsent(view: View, transfer: string): RefusalCode | null {
  const hold = view.hold(transfer);
  if (!hold) return view.transfer(transfer) ? 'pending_transfer_not_pending' : 'pending_transfer_not_found';
  if (hold.status === 'posted') return 'pending_transfer_already_posted';
  return hold.status === 'voided' ? 'pending_transfer_already_voided' : hold.status === 'expired' ? 'pending_transfer_expired' : null;
}

/** The answer to a command that is no transfer: why not, or what is booked. */
export function judgeOther(view: View, command: Other, nowMs: number): RefusalCode | RecordBody {
  const booked = view.named(nameOf(command));
  switch (command.kind) {
    case 'openAsset': {
      if (booked) return again(command, booked);
      const { asset, decimals, caip19, peg, symbol } = command;
      return asset === 0 ? 'asset_must_not_be_zero' : { kind: 'asset', asset, decimals, caip19, peg, symbol };
    }
    case 'openAccount':
      return judgeAccount(view, command);
    case 'closeAccount': {
      const account = view.account(command.id);
      if (!account) return 'account_not_found';
      if (account.flags & 8) return 'exists';
      const { id, asset, code, flags, overdraft, owner } = account;
      return { kind: 'account', id, asset, code, flags: flags | 8, overdraft, owner };
    }
    case 'expire': {
      const hold = view.hold(command.transfer);
      const refused = closedOrAbsent(view, command.transfer);
      if (refused === 'pending_transfer_expired') return 'exists';
      if (refused || !hold) return refused ?? 'pending_transfer_not_found';
      if (hold.releaseSeq !== null) return 'pending_transfer_released';
      if (hold.windowSeq !== null) return 'pending_transfer_in_window';
      return isDue(hold, nowMs) ? { kind: 'expiry', transfer: command.transfer } : 'pending_transfer_not_due';
    }
    case 'window': {
      if (booked) return again(command, booked);
      if (command.window === NIL_UUID) return 'id_must_not_be_zero';
      if (command.window === MAX_UUID) return 'id_must_not_be_int_max';
      return { kind: 'window', window: command.window, fromSeq: command.fromSeq ?? 1n, toSeq: view.nextSeq - 1n };
    }
    case 'release': {
      if (booked) return again(command, booked);
      const refused = closedOrAbsent(view, command.transfer);
      if (refused) return refused;
      if (view.hold(command.transfer)?.windowSeq === null) return 'pending_transfer_not_in_window';
      const { transfer, instruction, index, reason } = command;
      return { kind: 'release', transfer, instruction, index, reason };
    }
    default: {
      if (booked) return again(command, booked);
      if (command.kind === 'instruction' && !view.named(`window ${command.window}`)) return 'window_not_found';
      const { linked: _, fields: __, subject: ___, ...body } = command;
      return body;
    }
  }
}
