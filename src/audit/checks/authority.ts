import { Problem, toHex, type Eip712Domain, type Hex, type MerchantId, type OrderId, type PayeeId, type TimeMs } from '#base';
import { parseCanonicalJson } from '#anchor/core';
import {
  messageDigest,
  parseAuthorisation,
  verifyMerchantKey,
  verifyOrder,
  verifyPayee,
  verifyWallet,
  type Authorisation,
  type MessageKind,
  type Messages,
  type VerificationContext,
} from '#identity/core';
import type { LedgerRecord, State } from '#ledger/core';
import { mayOwe, parsePain001, type ParsedOrderFile } from '#payments/core';
import type { OrderEntry } from '../export/format.ts';
import type { Exported } from '../export/read.ts';
import type { Findings } from '../findings.ts';

export interface KnownPayee {
  readonly seq: bigint;
  readonly digest: Hex;
  readonly message: Messages['Payee'];
}

export interface KnownOrder {
  readonly seq: bigint;
  readonly digest: Hex;
  readonly message: Messages['Order'];
  /** Null where the file is missing or is no order file. */
  readonly file: ParsedOrderFile | null;
}

/** What the merchants have signed for, up to a place in the book. */
export interface Authority {
  readonly domain: Eip712Domain;
  readonly files: ReadonlyMap<OrderId, OrderEntry>;
  /** Every key a merchant ever had, the one in force last. */
  readonly keys: Map<MerchantId, Hex[]>;
  readonly wallets: Map<Hex, { readonly merchant: MerchantId; readonly digest: Hex }>;
  readonly payees: Map<PayeeId, KnownPayee>;
  /** By merchant and account, as `accountKey` writes them: the entry in force, which is the one that was signed for last. */
  readonly inForce: Map<string, KnownPayee>;
  readonly orders: Map<OrderId, KnownOrder>;
  readonly merchantDigests: Map<MerchantId, Hex>;
  readonly nonces: Map<string, Hex>;
  signatures: number;
}

export function emptyAuthority(domain: Eip712Domain, { orders }: Pick<Exported, 'orders'>): Authority {
  return {
    domain,
    files: new Map(orders.map((order) => [order.order, order])),
    keys: new Map(),
    wallets: new Map(),
    payees: new Map(),
    inForce: new Map(),
    orders: new Map(),
    merchantDigests: new Map(),
    nonces: new Map(),
    signatures: 0,
  };
}

type Of<Kind extends LedgerRecord['kind']> = Extract<LedgerRecord, { kind: Kind }>;
type Signed = Of<'merchant'> | Of<'wallet'> | Of<'payee'> | Of<'order'>;

/** The record that makes a merchant's message count: is it his, by the key in force here? */
export function stepAuthority(authority: Authority, state: State, record: LedgerRecord, findings: Findings): void {
  switch (record.kind) {
    case 'merchant':
    case 'wallet':
    case 'payee':
    case 'order':
      break;
    default:
      return;
  }
  try {
    accept(authority, state, record, findings);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    findings.add(
      record.kind,
      record.seq,
      `Record ${record.seq}, the ${record.kind} ${idOf(record)}, has no valid signature: ${error.detail.replace(/\.$/, '')}`,
    );
  }
}

function idOf(record: Signed): string {
  switch (record.kind) {
    case 'merchant':
      return record.merchant;
    case 'wallet':
      return record.wallet;
    case 'payee':
      return record.payee;
    case 'order':
      return record.order;
  }
}

function accept(authority: Authority, state: State, record: Signed, findings: Findings): void {
  const context = contextOf(authority, record.merchant, record.nowMs);
  switch (record.kind) {
    case 'merchant': {
      const signed = read(authority, record, 'MerchantKey');
      demand(signed.message.key === record.key, `the record says ${record.key}, the merchant signed for ${signed.message.key}`);
      conclude(authority, signed, verifyMerchantKey(signed, context, keyOf(authority, record.merchant)).digest);
      authority.keys.set(record.merchant, [...(authority.keys.get(record.merchant) ?? []), record.key]);
      authority.merchantDigests.set(record.merchant, record.authorisation);
      return;
    }
    case 'wallet': {
      const signed = read(authority, record, 'Wallet');
      demand(signed.message.wallet === record.wallet, `the record says ${record.wallet}, the wallet that signed is ${signed.message.wallet}`);
      conclude(authority, signed, verifyWallet(signed, context).digest);
      authority.wallets.set(record.wallet, { merchant: record.merchant, digest: record.authorisation });
      return;
    }
    case 'payee': {
      const signed = read(authority, record, 'Payee');
      demand(signed.message.payee === record.payee, `the merchant signed for payee ${signed.message.payee}`);
      conclude(authority, signed, verifyPayee(signed, context, requireKey(authority, record.merchant)).digest);
      const known: KnownPayee = { seq: record.seq, digest: record.authorisation, message: signed.message };
      authority.payees.set(record.payee, known);
      authority.inForce.set(accountKey(signed.message), known);
      return;
    }
    case 'order':
      return acceptOrder(authority, state, record, context, findings);
  }
}

function acceptOrder(authority: Authority, state: State, record: Of<'order'>, context: VerificationContext, findings: Findings): void {
  const signed = read(authority, record, 'Order');
  const { message } = signed;
  demand(message.order === record.order, `the merchant signed for order ${message.order}`);
  demand(message.count === BigInt(record.count), `the record counts ${record.count} payments, the merchant signed for ${message.count}`);
  const account = state.accounts.get(message.account);
  demand(account?.owner === record.merchant, `the account ${message.account} is not the merchant’s`);
  if (mayOwe(account!))
    findings.add(
      'order',
      record.seq,
      `Record ${record.seq}, the order ${record.order}, is paid from account ${message.account}, which may owe: what it pays may be nobody’s money`,
    );
  const file = fileOf(authority, record, findings);
  // Without its file the signature is still judged, by what was signed.
  const facts = file ?? { fileHash: message.fileHash, count: Number(message.count), controlSum: message.controlSum };
  const { digest } = verifyOrder(signed, facts, { ...context, key: requireKey(authority, record.merchant), account: message.account });
  conclude(authority, signed, digest);
  authority.orders.set(record.order, { seq: record.seq, digest: record.authorisation, message, file });
}

function fileOf(authority: Authority, { order, seq }: Of<'order'>, findings: Findings): ParsedOrderFile | null {
  const entry = authority.files.get(order);
  if (!entry) {
    findings.add('order', seq, `The file of order ${order}, record ${seq}, is not in the export`);
    return null;
  }
  try {
    return parsePain001(entry.file, ['payments/count-mismatch']);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    findings.add('order', seq, `The file of order ${order}, record ${seq}, is not what the merchant signed: ${error.detail.replace(/\.$/, '')}`);
    return null;
  }
}

/** The signed message out of the record's own evidence, and that the record names exactly it. */
function read<Kind extends MessageKind>(authority: Authority, record: Signed, kind: Kind): Authorisation<Kind> {
  demand(record.fields?.authorisation !== undefined, 'the signed message is missing');
  const signed = parseAuthorisation(kind, parseCanonicalJson(record.fields!.authorisation!));
  const digest = toHex(messageDigest(authority.domain, kind, signed.message));
  demand(digest === record.authorisation, `the record names the message ${record.authorisation}, its evidence is ${digest}`);
  return signed;
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Problem('identity/bad-authorisation', otherwise);
}

function conclude<Kind extends MessageKind>(authority: Authority, { message }: Authorisation<Kind>, digest: Hex): void {
  authority.nonces.set(`${message.merchant} ${message.nonce}`, digest);
  authority.signatures++;
}

function contextOf({ domain, nonces }: Authority, merchant: MerchantId, nowMs: TimeMs): VerificationContext {
  return { domain, nowMs, merchant, nonces: { usedBy: (whose, nonce) => nonces.get(`${whose} ${nonce}`) ?? null } };
}

/** Whom an entry of the directory is for: a merchant replaces it by signing another one for the same account. */
export function accountKey({ merchant, account }: Pick<Messages['Payee'], 'merchant' | 'account'>): string {
  return `${merchant} ${account}`;
}

/** The key in force, null before the first. */
export function keyOf({ keys }: Authority, merchant: MerchantId): Hex | null {
  return keys.get(merchant)?.at(-1) ?? null;
}

function requireKey(authority: Authority, merchant: MerchantId): Hex {
  const key = keyOf(authority, merchant);
  if (key === null) throw new Problem('identity/unknown-merchant', `merchant ${merchant} has no key up to here`);
  return key;
}
