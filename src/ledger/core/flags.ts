import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, NIL_UUID, uintBytes, utf8, uuidBytes, type AccountId, type AssetNo, type BookId, type TransferId, type Uuid } from '#base';

/** Account flags (docs/formats.md). The two limits exclude each other. */
export const ACCOUNT_LINKED = 1;
export const DEBITS_MUST_NOT_EXCEED_CREDITS = 2;
export const CREDITS_MUST_NOT_EXCEED_DEBITS = 4;
export const CLOSED = 8;
export const ALL_ACCOUNT_FLAGS = 15;

/** Transfer flags (docs/formats.md). */
export const LINKED = 1;
export const PENDING = 2;
export const POST_PENDING = 4;
export const VOID_PENDING = 8;
export const BALANCING_DEBIT = 16;
export const BALANCING_CREDIT = 32;
/** Only with PENDING: the next settlement window takes it. */
export const SETTLES = 64;
/** Only with POST_PENDING: closes the hold and gives back the rest. */
export const FINAL_POST = 128;
export const ALL_TRANSFER_FLAGS = 255;

/** Codes of the chart of accounts: what an account is for. */
export const ACCOUNT_CODES = {
  vault: 10,
  merchant: 20,
  suspense: 30,
  feeIncome: 40,
  fxPosition: 50,
  fxSpreadIncome: 60,
  rounding: 70,
  liquidityCapital: 80,
  /** What this book and another owe each other: the owner is the other book. */
  clearing: 90,
} as const;

/** Codes of transfers: why money moved. */
export const TRANSFER_CODES = {
  deposit: 1,
  liquidity: 2,
  suspense: 3,
  /** Out of suspense, to the merchant whose wallet turned out to have sent it. */
  claimed: 4,
  payout: 10,
  fee: 11,
  fx: 12,
  spread: 13,
  rounding: 14,
  interbook: 20,
  other: 99,
} as const;

/** What an account of the chart is for. */
export type AccountRole = keyof typeof ACCOUNT_CODES;

/** The account of a role in an asset: its id follows from what it is, so that nobody has to look it up and nobody can put another in its place. `owner` is the merchant, nil for ours. */
export function chartAccount(book: BookId, role: AccountRole, asset: AssetNo, owner: string = NIL_UUID): AccountId {
  return derivedId(keccak_256(concat(utf8('cairn.account'), uuidBytes(book), uintBytes(ACCOUNT_CODES[role], 2), uintBytes(asset, 4), uuidBytes(owner))));
}

/** Transfers that belong together (the hold of a payment) are legs of one reference, numbered from 0. */
export function legIdOf(reference: Uuid<string>, leg: number): TransferId {
  return derivedId(keccak_256(concat(utf8('cairn.leg'), uuidBytes(reference), uintBytes(leg, 1))));
}

/** The transfer that posts a leg or voids it: one id for both, so that the book itself can never hold both. */
export function closingIdOf(leg: TransferId): TransferId {
  return derivedId(keccak_256(concat(utf8('cairn.closing'), uuidBytes(leg))));
}
