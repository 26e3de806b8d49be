import { assert, isUuid, Problem, toHex, type AssetNo, type BookId, type Clock, type Eip712Domain, type Hex, type MerchantId } from '#base';
import { canonicalJson } from '#anchor/core';
import { inTransaction, violatedConstraint, type Database, type Queryable } from '#db';
import type { Book } from '#ledger';
import { chartAccount, DEBITS_MUST_NOT_EXCEED_CREDITS, ACCOUNT_CODES, type Command } from '#ledger/core';
import {
  authorisationJson,
  messageDigest,
  parseAuthorisation,
  verifyMerchantKey,
  verifyPayee,
  verifyWallet,
  type Authorisation as Signed,
  type AuthorisationJson,
  type MessageKind,
  type UsedNonces,
  type VerificationContext,
  type Verified,
} from './core/core.ts';
import {
  findAuthorisation,
  findMerchant,
  findPayee,
  insertAuthorisation,
  insertMerchant,
  insertPayee,
  insertWallet,
  markBooked,
  rotateMerchantKey,
  unbookedAuthorisations,
  type Authorisation,
  type AuthorisationKind,
  type Merchant,
  type Payee,
} from './store.ts';

export interface DirectoryDependencies {
  readonly database: Database;
  readonly book: Book;
  readonly bookId: BookId;
  readonly clock: Clock;
  /** Binds every message to this chain and this vault. */
  readonly domain: Eip712Domain;
  /** Asset by token address, lower case: what a payee can be paid in and a merchant can hold. */
  readonly assetOf: ReadonlyMap<Hex, AssetNo>;
}

const KINDS: Readonly<Record<MessageKind, AuthorisationKind>> = { MerchantKey: 'merchant', Wallet: 'wallet', Payee: 'payee', Order: 'order' };

/** The database's unique key (merchant, nonce) has the last word on nonces, so nothing is looked up before it. */
const NO_NONCES: UsedNonces = { usedBy: () => null };

export function verificationContext(deps: DirectoryDependencies, merchant: MerchantId): VerificationContext {
  return { domain: deps.domain, nowMs: deps.clock.nowMs(), merchant, nonces: NO_NONCES };
}

/** Stores a verified message in the transaction of its effect; false where the same message was stored a moment ago, with its effect. Throws `identity/nonce-used` where another message spent the nonce. */
export async function recordAuthorisation<Kind extends MessageKind>(
  client: Queryable,
  deps: DirectoryDependencies,
  signed: Signed<Kind>,
  verified: Verified,
): Promise<boolean> {
  const { kind, message } = signed;
  const authorisation: Authorisation = {
    digest: verified.digest,
    merchant: message.merchant,
    kind: KINDS[kind],
    evidence: canonicalJson(authorisationJson(signed)),
  };
  if (await insertAuthorisation(client, authorisation, message.nonce, message.expiry, deps.clock.nowMs())) return true;
  if (await findAuthorisation(client, verified.digest)) return false;
  throw new Problem('identity/nonce-used', `Nonce ${message.nonce} was used by another message of the merchant.`, { nonce: `${message.nonce}` });
}

/** Takes the merchant's first key, or a new one that the old key signed for; opens his accounts. The same message again is the same merchant. */
export async function registerMerchant(deps: DirectoryDependencies, name: string, json: unknown): Promise<Merchant> {
  const signed = parseAuthorisation('MerchantKey', json);
  const { merchant, key } = signed.message;
  const known = await findMerchant(deps.database.pool, merchant);
  const digest = digestOf(deps, signed);
  if (await findAuthorisation(deps.database.pool, digest)) return (await findMerchant(deps.database.pool, merchant))!;
  const verified = verifyMerchantKey(signed, verificationContext(deps, merchant), known?.signingKey ?? null);
  await inTransaction(deps.database.pool, async (client) => {
    if (!(await recordAuthorisation(client, deps, signed, verified))) return;
    if (known) await rotateMerchantKey(client, merchant, key, verified.digest);
    else await insertMerchant(client, deps.bookId, { merchant, name, signingKey: key, digest: verified.digest }, deps.clock.nowMs());
  });
  await bookAuthorisations(deps);
  return { merchant, name: known?.name ?? name, signingKey: key, digest: verified.digest };
}

/** From now on plain transfers from this wallet are this merchant's deposits. */
export async function registerWallet(deps: DirectoryDependencies, json: unknown): Promise<void> {
  const signed = parseAuthorisation('Wallet', json);
  const { merchant, wallet } = signed.message;
  await requireMerchant(deps, merchant);
  if (await findAuthorisation(deps.database.pool, digestOf(deps, signed))) return;
  const verified = verifyWallet(signed, verificationContext(deps, merchant));
  try {
    // Whose the wallet is, its own row says, in the transaction that writes the message: looked up before, it could be the row that this same message just wrote for another caller.
    await inTransaction(deps.database.pool, async (client) => {
      if (await recordAuthorisation(client, deps, signed, verified)) await insertWallet(client, wallet, merchant, verified.digest);
    });
  } catch (error) {
    throw violatedConstraint(error) === 'wallet_pk' ? walletTaken(wallet) : error;
  }
  await bookAuthorisations(deps);
}

function walletTaken(wallet: Hex): Problem {
  return new Problem('identity/wallet-taken', `The wallet ${wallet} is registered already.`);
}

/** Adds a payee that the merchant signed for; he is paid from then on where another one was for the same account. `sandbox` payees are invented for a rehearsal and say so for ever. */
export async function addPayee(deps: DirectoryDependencies, json: unknown, sandbox: boolean): Promise<Payee> {
  const signed = parseAuthorisation('Payee', json);
  const { merchant, payee: id, name, account, settlementAddress, token } = signed.message;
  const { signingKey } = await requireMerchant(deps, merchant);
  const known = await findPayee(deps.database.pool, merchant, account);
  if (known && known.digest === digestOf(deps, signed)) return known;
  const verified = verifyPayee(signed, verificationContext(deps, merchant), signingKey);
  const asset = deps.assetOf.get(token);
  if (asset === undefined) throw new Problem('identity/unknown-token', `The vault does not list the token ${token}.`);
  const payee: Payee = { payee: id, merchant, name, account, address: settlementAddress, asset, sandbox, digest: verified.digest };
  try {
    await inTransaction(deps.database.pool, async (client) => {
      if (await recordAuthorisation(client, deps, signed, verified)) await insertPayee(client, payee, deps.clock.nowMs());
    });
  } catch (error) {
    throw violatedConstraint(error) === 'payee_pk' ? new Problem('identity/payee-exists', `The payee ${id} is in the directory already.`) : error;
  }
  await bookAuthorisations(deps);
  return payee;
}

export async function requireMerchant(deps: DirectoryDependencies, merchant: MerchantId): Promise<Merchant> {
  const known = await findMerchant(deps.database.pool, merchant);
  if (!known) throw new Problem('identity/unknown-merchant', `There is no merchant ${merchant}.`);
  return known;
}

function digestOf<Kind extends MessageKind>(deps: DirectoryDependencies, { kind, message }: Signed<Kind>): Hex {
  return toHex(messageDigest(deps.domain, kind, message));
}

/**
 * Makes a record of the book of every accepted message that is none yet; called after each acceptance, and by the coordinator for what a crash left behind. Never
 * between somebody's look at who is in force and the record he makes of it.
 */
export function bookAuthorisations(deps: DirectoryDependencies): Promise<number> {
  return deps.book.exclusively(() => bookWaiting(deps));
}

async function bookWaiting(deps: DirectoryDependencies): Promise<number> {
  const waiting = await unbookedAuthorisations(deps.database.pool);
  for (const authorisation of waiting) {
    const commands = bookCommands(deps, authorisation);
    const results = await deps.book.submit(commands);
    const refused = results.find((result) => result.code !== 'created' && result.code !== 'exists');
    assert(!refused, `an accepted authorisation was refused by the book: ${refused?.code}`);
    await markBooked(deps.database.pool, authorisation.digest, results[0]!.record!.seq);
  }
  return waiting.length;
}

function bookCommands(deps: DirectoryDependencies, { digest, merchant, kind, evidence }: Authorisation): readonly Command[] {
  const { message } = JSON.parse(evidence) as AuthorisationJson;
  const fields = { fields: { authorisation: evidence }, subject: merchant };
  switch (kind) {
    case 'merchant':
      return [{ kind, merchant, key: message['key'] as Hex, authorisation: digest, ...fields }, ...accountCommands(deps, merchant)];
    case 'wallet':
      return [{ kind, merchant, wallet: message['wallet'] as Hex, authorisation: digest, ...fields }];
    case 'payee':
      return [{ kind, payee: idOf(message['payee']), merchant, authorisation: digest, ...fields }];
    case 'order':
      return [{ kind, order: idOf(message['order']), merchant, authorisation: digest, count: Number(message['count']), ...fields }];
  }
}

function idOf<Id extends string>(text: string | undefined): Id {
  assert(text !== undefined && isUuid(text), 'a verified message names a UUID');
  return text as string as Id;
}

/** A merchant has one account an asset, which can never owe. */
function accountCommands(deps: DirectoryDependencies, merchant: MerchantId): readonly Command[] {
  return [...deps.assetOf.values()].map((asset) => ({
    kind: 'openAccount',
    id: chartAccount(deps.bookId, 'merchant', asset, merchant),
    asset,
    code: ACCOUNT_CODES.merchant,
    flags: DEBITS_MUST_NOT_EXCEED_CREDITS,
    owner: merchant,
  }));
}
