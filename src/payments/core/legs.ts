import { keccak_256 } from '@noble/hashes/sha3.js';
import {
  concat,
  derivedId,
  uintBytes,
  utf8,
  uuidBytes,
  type AccountId,
  type AssetNo,
  type BookId,
  type Hex,
  type OrderId,
  type PaymentId,
  type Uuid,
} from '#base';
import { chartAccount, DEBITS_MUST_NOT_EXCEED_CREDITS, legIdOf, LINKED, PENDING, SETTLES, type Account, type Fields, type TransferCommand } from '#ledger/core';
import type { LegAccount, QuoteLeg } from './quote/quote.ts';

/** A payment is the n-th of its order: a file that is taken twice names the same payments. */
export function paymentIdOf(order: OrderId, position: number): PaymentId {
  return derivedId(keccak_256(concat(utf8('cairn.payment'), uuidBytes(order), uintBytes(position, 4))));
}

/** What makes a payment a repetition of another one of the same merchant: keccak of `duplicateKey`. */
export function fingerprintOf(key: string): Uint8Array {
  return keccak_256(utf8(key));
}

/** The account a leg names by its role: the merchant's side is the very account that the merchant signed the order for, whichever of his it is. */
export function legAccount(book: BookId, account: LegAccount, asset: AssetNo, signed: AccountId): AccountId {
  return account === 'merchant' ? signed : chartAccount(book, account, asset);
}

/** True where the book lets the account pay more than it has: no order may be paid out of such a one, or it would pay with money of others. */
export function mayOwe({ flags, overdraft }: Pick<Account, 'flags' | 'overdraft'>): boolean {
  return (flags & DEBITS_MUST_NOT_EXCEED_CREDITS) === 0 || overdraft > 0n;
}

/** The `order` field of a payout leg: which payment of which signed file. */
export interface OrderEvidence {
  readonly order: OrderId;
  readonly digest: Hex;
  readonly fileHash: Hex;
  /** Place of the payment in the file, from 0. */
  readonly position: number;
  readonly endToEndId: string;
  readonly creditorName: string;
  readonly creditorAccount: string;
  readonly currency: string;
  /** Plain decimal. */
  readonly instructed: string;
}

/** The `payee` field of a payout leg: which signed entry of the payee directory. */
export interface PayeeEvidence {
  readonly payee: string;
  readonly digest: Hex;
  readonly name: string;
  readonly account: string;
  readonly address: Hex;
  readonly asset: number;
  /** Invented for a rehearsal: nobody is behind the address. */
  readonly sandbox: boolean;
}

export interface HoldRequest {
  readonly book: BookId;
  readonly payment: PaymentId;
  /** The account that the merchant signed the order for. */
  readonly account: AccountId;
  readonly legs: readonly QuoteLeg[];
  readonly timeoutS: number;
  readonly subject: Uuid<string>;
  readonly fields: Fields;
}

/** The linked pending transfers that hold a payment's money: all of them or none. */
export function holdCommands(request: HoldRequest): readonly TransferCommand[] {
  return request.legs.map((leg, i) => ({
    kind: 'transfer',
    id: legIdOf(request.payment, leg.index),
    debit: legAccount(request.book, leg.debit, leg.asset, request.account),
    credit: legAccount(request.book, leg.credit, leg.asset, request.account),
    asset: leg.asset,
    amount: leg.amount,
    code: leg.code,
    flags: PENDING | SETTLES | (i < request.legs.length - 1 ? LINKED : 0),
    timeoutS: request.timeoutS,
    reference: request.payment,
    ...(i === 0 ? { fields: request.fields, subject: request.subject } : {}),
  }));
}
