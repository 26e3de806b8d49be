import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, NIL_UUID, uintBytes, utf8, uuidBytes, type AccountId, type AssetNo, type BookId, type TransferId, type Uuid } from '#base';
import { ACCOUNT_CODES } from './flags.ts';

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
