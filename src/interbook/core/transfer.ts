import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, utf8, uuidBytes, type AccountId, type AssetNo, type BookId, type TransferId } from '#base';
import {
  ACCOUNT_CODES,
  chartAccount,
  DEBITS_MUST_NOT_EXCEED_CREDITS,
  LINKED,
  PENDING,
  POST_PENDING,
  TRANSFER_CODES,
  VOID_PENDING,
  type OpenAccount,
  type TransferCommand,
} from '#ledger/core';

/** One end of a transfer between books. The number of an asset is the book's own. */
export interface End {
  readonly book: BookId;
  readonly account: AccountId;
  readonly asset: AssetNo;
}

/** A transfer between two books, whole: everything that is booked in either follows from this. */
export interface InterbookTransfer {
  readonly id: TransferId;
  readonly from: End;
  readonly to: End;
  /** Minor units, of both assets alike. */
  readonly amount: bigint;
}

export type Side = 'sender' | 'receiver';

/** What an id of a transfer names beside the transfer's own: the receiver's hold, what closes either hold, and what becomes of money that the creditor can no longer take. */
type Part = 'receiver-hold' | 'sender-post' | 'sender-void' | 'receiver-post' | 'receiver-void' | 'suspense';

/**
 * Every id follows from the transfer's own, which is that of the sender's hold, and from the sender's book: two books may use one id. Post and void have ids of their own: a post that was refused for good (its account
 * was closed) keeps no void from giving the money back, and that both never stand in a book is what the hold itself sees to.
 */
export function partIdOf(sender: BookId, transfer: TransferId, part: Part): TransferId {
  return derivedId(keccak_256(concat(utf8('cairn.interbook'), uuidBytes(sender), uuidBytes(transfer), utf8(part))));
}

export function holdIdOf(sender: BookId, transfer: TransferId, side: Side): TransferId {
  return side === 'sender' ? transfer : partIdOf(sender, transfer, 'receiver-hold');
}

/** What `book` and `other` owe each other, in the number that the asset has in `book`. */
export function clearingAccount(book: BookId, asset: AssetNo, other: BookId): AccountId {
  return chartAccount(book, 'clearing', asset, other);
}

/** Without a limit: between two books money goes both ways. */
export function openClearing(book: BookId, asset: AssetNo, other: BookId): OpenAccount {
  return { kind: 'openAccount', id: clearingAccount(book, asset, other), asset, code: ACCOUNT_CODES.clearing, owner: other };
}

/** Where money goes that the creditor can no longer take; the chart's own, made where it is not there yet. */
export function openSuspense(book: BookId, asset: AssetNo): OpenAccount {
  const flags = DEBITS_MUST_NOT_EXCEED_CREDITS;
  return { kind: 'openAccount', id: chartAccount(book, 'suspense', asset), asset, code: ACCOUNT_CODES.suspense, flags };
}

/** What a step of a transfer asks of one of the two books. */
export type Step = 'holdSender' | 'holdReceiver' | 'postSender' | 'voidSender' | 'postReceiver' | 'voidReceiver' | 'suspendReceiver';

/** The book that a step is asked of. */
export const SIDE_OF: Readonly<Record<Step, Side>> = {
  holdSender: 'sender',
  holdReceiver: 'receiver',
  postSender: 'sender',
  voidSender: 'sender',
  postReceiver: 'receiver',
  voidReceiver: 'receiver',
  suspendReceiver: 'receiver',
};

/** The sender's hold names the creditor in the other book as its reference, so that its journal alone tells where the money is to go; nothing of it can be erased. */
export function senderHold({ id, from, to, amount }: InterbookTransfer, timeoutS: number): TransferCommand {
  const credit = clearingAccount(from.book, from.asset, to.book);
  const rest = { asset: from.asset, amount, code: TRANSFER_CODES.interbook, flags: PENDING, timeoutS };
  return { kind: 'transfer', id, debit: from.account, credit, ...rest, reference: to.account };
}

/** Without a timeout: it is for the sender's book alone to say how the transfer ends, however long that takes. */
export function receiverHold({ id, from, to, amount }: InterbookTransfer): TransferCommand {
  const debit = clearingAccount(to.book, to.asset, from.book);
  const rest = { asset: to.asset, amount, code: TRANSFER_CODES.interbook, flags: PENDING };
  return { kind: 'transfer', id: holdIdOf(from.book, id, 'receiver'), debit, credit: to.account, ...rest, reference: id };
}

function post({ id, from, amount }: InterbookTransfer, side: Side): TransferCommand {
  return { kind: 'transfer', id: partIdOf(from.book, id, `${side}-post`), pendingId: holdIdOf(from.book, id, side), amount, flags: POST_PENDING };
}

function giveBack({ id, from }: InterbookTransfer, side: Side, linked: number): TransferCommand {
  return { kind: 'transfer', id: partIdOf(from.book, id, `${side}-void`), pendingId: holdIdOf(from.book, id, side), amount: 0n, flags: VOID_PENDING | linked };
}

/** The void of the receiver's hold and the same money into suspense: both or neither. */
function suspend(transfer: InterbookTransfer): readonly TransferCommand[] {
  const { id, from, to, amount } = transfer;
  const accounts = { debit: clearingAccount(to.book, to.asset, from.book), credit: chartAccount(to.book, 'suspense', to.asset) };
  const rest = { asset: to.asset, amount, code: TRANSFER_CODES.interbook, reference: id };
  return [giveBack(transfer, 'receiver', LINKED), { kind: 'transfer', id: partIdOf(from.book, id, 'suspense'), ...accounts, ...rest }];
}

/** What a step asks of its book, the same every time it is asked. `timeoutS`: of the sender's hold. */
export function commandsOf(step: Step, transfer: InterbookTransfer, timeoutS: number): readonly TransferCommand[] {
  switch (step) {
    case 'holdSender':
      return [senderHold(transfer, timeoutS)];
    case 'holdReceiver':
      return [receiverHold(transfer)];
    case 'postSender':
      return [post(transfer, 'sender')];
    case 'voidSender':
      return [giveBack(transfer, 'sender', 0)];
    case 'postReceiver':
      return [post(transfer, 'receiver')];
    case 'voidReceiver':
      return [giveBack(transfer, 'receiver', 0)];
    case 'suspendReceiver':
      return suspend(transfer);
  }
}
