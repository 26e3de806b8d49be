import { fromHex, NIL_UUID, toHex, type AssetNo, type BookId, type Hex, type MerchantId, type PayeeId, type TimeMs } from '#base';
import type { Seq } from '#ledger/core';
import { execute, loadSql, query, type Queryable, type Row } from '#db';

const sql = loadSql(new URL('./sql/identity.sql', import.meta.url), [
  'insertAuthorisation',
  'findAuthorisation',
  'bookedKeys',
  'unbookedAuthorisations',
  'markBooked',
  'insertMerchant',
  'rotateMerchantKey',
  'findMerchant',
  'listMerchants',
  'insertWallet',
  'findWallet',
  'insertSearch',
  'openSearches',
  'moveSearch',
  'insertPayee',
  'findPayee',
  'findPayeeById',
  'listPayees',
]);

export type AuthorisationKind = 'merchant' | 'wallet' | 'payee' | 'order';

/** A signed message as it was accepted: evidence for ever. */
export interface Authorisation {
  /** The EIP-712 digest that was signed. */
  readonly digest: Hex;
  readonly merchant: MerchantId;
  readonly kind: AuthorisationKind;
  /** Canonical JSON of the message and its signature. */
  readonly evidence: string;
}

/** An accepted message where it is stored: `bookedSeq` is its record in the book, null while it has none. */
export interface StoredAuthorisation extends Authorisation {
  readonly bookedSeq: Seq | null;
}

export interface Merchant {
  readonly merchant: MerchantId;
  readonly name: string;
  /** The address whose key signs for the merchant. */
  readonly signingKey: Hex;
  readonly digest: Hex;
}

export interface Payee {
  readonly payee: PayeeId;
  readonly merchant: MerchantId;
  readonly name: string;
  /** IBAN or other account number, as order files name it. */
  readonly account: string;
  /** Where on the chain he is paid. */
  readonly address: Hex;
  readonly asset: AssetNo;
  /** Invented for a rehearsal by --sandbox-payees. */
  readonly sandbox: boolean;
  readonly digest: Hex;
}

function toPayee(row: Row): Payee {
  return {
    payee: row.payee,
    merchant: row.merchant,
    name: row.name,
    account: row.account,
    address: toHex(row.address),
    asset: row.asset,
    sandbox: row.sandbox,
    digest: toHex(row.digest),
  };
}

function toMerchant(row: Row): Merchant {
  return { merchant: row.merchant, name: row.name, signingKey: toHex(row.signing_key), digest: toHex(row.digest) };
}

function toAuthorisation(row: Row): Authorisation {
  return { digest: toHex(row.digest), merchant: row.merchant, kind: row.kind, evidence: row.evidence };
}

function toStoredAuthorisation(row: Row): StoredAuthorisation {
  return { ...toAuthorisation(row), bookedSeq: row.booked_seq };
}

/** Spends the nonce; false where it is spent already, by this message or another. */
export async function insertAuthorisation(client: Queryable, authorisation: Authorisation, nonce: bigint, expiryS: bigint, nowMs: TimeMs): Promise<boolean> {
  const { digest, merchant, kind, evidence } = authorisation;
  return (await execute(client, sql.insertAuthorisation, [fromHex(digest), merchant, kind, nonce, expiryS, evidence, nowMs])) === 1;
}

export async function findAuthorisation(client: Queryable, digest: Hex): Promise<Authorisation | undefined> {
  return (await query(client, sql.findAuthorisation, [fromHex(digest)])).map(toAuthorisation)[0];
}

export async function findStoredAuthorisation(client: Queryable, digest: Hex): Promise<StoredAuthorisation | undefined> {
  return (await query(client, sql.findAuthorisation, [fromHex(digest)])).map(toStoredAuthorisation)[0];
}

export async function bookedKeys(client: Queryable, merchant: MerchantId): Promise<StoredAuthorisation[]> {
  return (await query(client, sql.bookedKeys, [merchant])).map(toStoredAuthorisation);
}

/** Accepted, but not yet a record of the book: what a crash left behind. */
export async function unbookedAuthorisations(client: Queryable): Promise<Authorisation[]> {
  return (await query(client, sql.unbookedAuthorisations)).map(toAuthorisation);
}

export async function markBooked(client: Queryable, digest: Hex, seq: bigint): Promise<void> {
  await execute(client, sql.markBooked, [fromHex(digest), seq]);
}

export async function insertMerchant(client: Queryable, book: BookId, merchant: Merchant, nowMs: TimeMs): Promise<void> {
  await execute(client, sql.insertMerchant, [merchant.merchant, book, merchant.name, fromHex(merchant.signingKey), fromHex(merchant.digest), nowMs]);
}

export async function rotateMerchantKey(client: Queryable, merchant: MerchantId, signingKey: Hex, digest: Hex): Promise<void> {
  await execute(client, sql.rotateMerchantKey, [merchant, fromHex(signingKey), fromHex(digest)]);
}

export async function findMerchant(client: Queryable, merchant: MerchantId): Promise<Merchant | undefined> {
  return (await query(client, sql.findMerchant, [merchant])).map(toMerchant)[0];
}

export async function listMerchants(client: Queryable): Promise<Merchant[]> {
  return (await query(client, sql.listMerchants)).map(toMerchant);
}

/** With the search for what came from it before. */
export async function insertWallet(client: Queryable, wallet: Hex, merchant: MerchantId, digest: Hex): Promise<void> {
  await execute(client, sql.insertWallet, [fromHex(wallet), merchant, fromHex(digest)]);
  await execute(client, sql.insertSearch, [fromHex(wallet)]);
}

export async function walletOwner(client: Queryable, wallet: Hex): Promise<MerchantId | undefined> {
  return (await query(client, sql.findWallet, [fromHex(wallet)]))[0]?.merchant;
}

/** How far the deposits are looked at that came from a wallet before it was registered: up to a log of a block of the chain. */
export interface WalletSearch {
  readonly wallet: Hex;
  readonly block: bigint;
  readonly logIndex: number;
}

/** Of wallets in the book whose earlier deposits are not all looked at, at most `limit`. */
export async function openSearches(client: Queryable, limit: number): Promise<WalletSearch[]> {
  const rows = await query(client, sql.openSearches, [limit]);
  return rows.map((row) => ({ wallet: toHex(row.wallet), block: row.block, logIndex: row.log_index }));
}

export async function moveSearch(client: Queryable, { wallet, block, logIndex }: WalletSearch, isWhole: boolean): Promise<void> {
  await execute(client, sql.moveSearch, [fromHex(wallet), block, logIndex, isWhole]);
}

export async function insertPayee(client: Queryable, payee: Payee, nowMs: TimeMs): Promise<void> {
  const { name, account, asset, sandbox } = payee;
  await execute(client, sql.insertPayee, [payee.payee, payee.merchant, name, account, fromHex(payee.address), asset, sandbox, fromHex(payee.digest), nowMs]);
}

export async function findPayee(client: Queryable, merchant: MerchantId, account: string): Promise<Payee | undefined> {
  return (await query(client, sql.findPayee, [merchant, account])).map(toPayee)[0];
}

export async function findPayeeById(client: Queryable, payee: PayeeId): Promise<Payee | undefined> {
  return (await query(client, sql.findPayeeById, [payee])).map(toPayee)[0];
}

export async function listPayees(client: Queryable, merchant: MerchantId, after: PayeeId = NIL_UUID as PayeeId, limit = 100): Promise<Payee[]> {
  return (await query(client, sql.listPayees, [merchant, after, limit])).map(toPayee);
}
