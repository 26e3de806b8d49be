import { Problem, type AccountId, type AssetNo, type Hex, type MerchantId, type OrderId, type PayeeId, type PaymentId, type TransferId } from '#base';
import { canonicalJson, parseCanonicalJson } from '#anchor/core';
import { legIdOf, PENDING, SETTLES, type LedgerRecord, type State, type TransferRecord } from '#ledger/core';
import {
  applyTariff,
  legAccount,
  parseTariff,
  paymentIdOf,
  quoteContradictions,
  quoteLegs,
  recomputeQuote,
  type ParsedPayment,
  type QuoteEvidence,
  type QuoteLeg,
  type Tariff,
} from '#payments/core';
import type { Header } from '../export/format.ts';
import type { Findings } from '../findings.ts';
import { accountKey, type Authority, type KnownOrder, type KnownPayee } from './authority.ts';
import { tokenOfAsset } from './assets.ts';
import { readEvidence, refusalOf } from './evidence.ts';

/** A payment whose money a hold set aside. */
export interface HeldPayment {
  readonly payment: PaymentId;
  readonly order: OrderId;
  readonly position: number;
  readonly merchant: MerchantId;
  /** Of the merchant, as he signed it: what the legs debit. */
  readonly account: AccountId;
  /** Record of leg 0. */
  readonly seq: bigint;
  /** Where the payee is paid: as the evidence says, which is compared with what the merchant signed. */
  readonly address: Hex;
  readonly asset: AssetNo;
  readonly amount: bigint;
  readonly legs: readonly QuoteLeg[];
}

/** What the holds are judged by, as it grows along the book. */
export interface HoldBook {
  readonly header: Header;
  readonly authority: Authority;
  /** The published fee schedules, by version. */
  readonly tariffs: Map<string, Tariff>;
  readonly payments: Map<PaymentId, HeldPayment>;
  /** Legs that leg 0 announced, by id. */
  readonly announced: Map<TransferId, { readonly payment: HeldPayment; readonly leg: QuoteLeg }>;
  /** Legs that were booked as announced. */
  readonly booked: Set<TransferId>;
}

const ORDER = {
  order: 'string',
  digest: 'string',
  fileHash: 'string',
  position: 'number',
  endToEndId: 'string',
  creditorName: 'string',
  creditorAccount: 'string',
  currency: 'string',
  instructed: 'string',
} as const;
const PAYEE = { payee: 'string', digest: 'string', name: 'string', account: 'string', address: 'string', asset: 'number', sandbox: 'boolean' } as const;

export function stepTariff({ tariffs }: HoldBook, record: LedgerRecord, findings: Findings): void {
  if (record.kind !== 'tariff') return;
  const refusal = refusalOf(() => {
    const tariff = parseTariff(parseCanonicalJson(record.schedule));
    tariffs.set(tariff.version, tariff);
  });
  if (refusal !== null) findings.add('price', record.seq, `The tariff of record ${record.seq} cannot be read: ${refusal}`);
}

/** True where the transfer claims to be a leg of a payment's hold, which is then judged. */
export function stepHold(book: HoldBook, state: State, record: TransferRecord, findings: Findings): boolean {
  if (record.id === legIdOf(record.reference, 0) && (record.flags & PENDING) !== 0) {
    checkFirstLeg(book, state, record, findings);
    return true;
  }
  const announced = book.announced.get(record.id);
  if (!announced) return false;
  checkLeg(book, announced.payment, announced.leg, record, findings);
  return true;
}

function checkFirstLeg(book: HoldBook, state: State, record: TransferRecord, findings: Findings): void {
  const where = `Record ${record.seq}, the hold of payment ${record.reference},`;
  const order = readEvidence(record.fields?.order, ORDER);
  const payee = readEvidence(record.fields?.payee, PAYEE);
  if (typeof order === 'string') return findings.add('order', record.seq, `${where} is not authorised: its order ${order}`);
  if (typeof payee === 'string') return findings.add('payee', record.seq, `${where} is not authorised: its payee ${payee}`);
  if (!(order.position >= 0 && order.position < 2 ** 32))
    return findings.add('order', record.seq, `${where} is no payment of an order: its position is ${order.position}`);
  const signedOrder = book.authority.orders.get(order.order as OrderId);
  if (!signedOrder) return findings.add('order', record.seq, `${where} names the order ${order.order}, for which no merchant signed in the records before it`);
  const signedPayee = book.authority.payees.get(payee.payee as PayeeId);
  if (!signedPayee) return findings.add('payee', record.seq, `${where} names the payee ${payee.payee}, for whom no merchant signed in the records before it`);

  const say = (kind: 'order' | 'payee' | 'price', what: string): void => findings.add(kind, record.seq, `${where} ${what}`);
  if (signedOrder.digest !== order.digest || signedOrder.message.fileHash !== order.fileHash)
    say('order', `names another order or file than record ${signedOrder.seq}`);
  if (record.reference !== paymentIdOf(order.order as OrderId, order.position)) say('order', `is not payment ${order.position} of order ${order.order}`);
  const expected = canonicalJson({ order: signedOrder.digest, payee: signedPayee.digest });
  if (record.fields?.authorisation !== expected) say('order', 'does not name the signed messages of its order and its payee as its authorisation');
  const parsed = signedOrder.file?.payments[order.position];
  if (signedOrder.file && !parsed) say('order', `is payment ${order.position} of a file with ${signedOrder.file.payments.length}`);
  if (parsed) checkInstruction(order, parsed, (what) => say('order', what));
  const inForce = book.authority.inForce.get(accountKey(signedPayee.message));
  if (inForce && inForce.seq > signedPayee.seq)
    say(
      'payee',
      `pays ${signedPayee.message.settlementAddress} by the entry of record ${signedPayee.seq}, which the merchant had replaced in record ${inForce.seq} by ${inForce.message.settlementAddress}`,
    );
  checkPayee(state, record, payee, signedPayee, signedOrder, order.creditorAccount, (what) => say('payee', what));
  checkPrice(book, state, record, order, signedOrder, parsed, payee.address as Hex, (what) => say('price', what), findings);
}

/** What is held, against the line of the signed file. */
function checkInstruction(order: { readonly [Member in keyof typeof ORDER]: unknown }, parsed: ParsedPayment, say: (what: string) => void): void {
  const inFile = {
    endToEndId: parsed.endToEndId,
    creditorName: parsed.creditor.name,
    creditorAccount: parsed.creditorAccount.id,
    currency: parsed.currency,
    instructed: parsed.instructedAmount,
  };
  for (const [member, value] of Object.entries(inFile)) {
    const held = order[member as keyof typeof ORDER];
    if (held !== value) say(`has the ${member} "${String(held)}"; the signed file says "${value}"`);
  }
  const [defect] = parsed.defects;
  if (defect) say(`was made of a line of the file that is not payable: ${defect.detail.replace(/\.$/, '')}`);
}

function checkPayee(
  state: State,
  record: TransferRecord,
  payee: { readonly digest: string; readonly name: string; readonly account: string; readonly address: string },
  { digest, message, seq }: KnownPayee,
  order: KnownOrder,
  creditorAccount: string,
  say: (what: string) => void,
): void {
  if (payee.digest !== digest) say(`names another signed message than record ${seq} of its payee`);
  if (message.merchant !== order.message.merchant) say(`pays a payee of merchant ${message.merchant} by an order of merchant ${order.message.merchant}`);
  if (payee.address !== message.settlementAddress) say(`pays ${payee.address}; the merchant signed for ${message.settlementAddress} in record ${seq}`);
  if (payee.name !== message.name) say(`pays "${payee.name}"; the merchant signed for "${message.name}" in record ${seq}`);
  if (payee.account !== message.account || creditorAccount !== message.account)
    say(`pays account ${creditorAccount} to a payee whom the merchant signed for with account ${message.account} in record ${seq}`);
  if (tokenOfAsset(state, record.asset) !== message.token) say(`is in asset ${record.asset}, and the merchant signed for the token ${message.token}`);
}

function checkPrice(
  book: HoldBook,
  state: State,
  record: TransferRecord,
  order: { readonly order: string; readonly position: number },
  { message }: KnownOrder,
  parsed: ParsedPayment | undefined,
  address: Hex,
  say: (what: string) => void,
  findings: Findings,
): void {
  const evidence = quoteOf(record.fields?.quote, say);
  if (!evidence) return;
  const price = priceOf(evidence, say);
  if (!price) return;
  if (parsed && (evidence.instructed.currency !== parsed.currency || evidence.instructed.amountMinor !== `${parsed.amountMinor}`))
    say(`was quoted for ${evidence.instructed.amountMinor} ${evidence.instructed.currency}; the signed file says ${parsed.amountMinor} ${parsed.currency}`);
  if (!(evidence.quotedAtMs <= record.nowMs && record.nowMs < evidence.expiresAtMs)) say('was not held while its quote was firm');
  const payer = state.accounts.get(message.account)?.asset;
  if (payer !== evidence.payerAsset.asset) say(`was quoted in asset ${evidence.payerAsset.asset}; the order’s account is in asset ${payer}`);
  checkAssets(state, evidence, say);
  checkTariff(book, evidence, say);
  const legs = quoteLegs(evidence.payerAsset.asset as AssetNo, evidence.payeeAsset.asset as AssetNo, price);
  const held: HeldPayment = {
    payment: record.reference as PaymentId,
    order: order.order as OrderId,
    position: order.position,
    merchant: message.merchant,
    account: message.account,
    seq: record.seq,
    address,
    asset: record.asset,
    amount: record.amount,
    legs,
  };
  book.payments.set(held.payment, held);
  for (const leg of legs) book.announced.set(legIdOf(held.payment, leg.index), { payment: held, leg });
  checkLeg(book, held, legs[0]!, record, findings);
}

function quoteOf(json: string | undefined, say: (what: string) => void): QuoteEvidence | null {
  const quote = readEvidence(json, { scheme: 'string', quotedAtMs: 'number', expiresAtMs: 'number' });
  if (typeof quote !== 'string') return quote as unknown as QuoteEvidence;
  say(`has no price: its quote ${quote}`);
  return null;
}

function priceOf(evidence: QuoteEvidence, say: (what: string) => void): ReturnType<typeof recomputeQuote> | null {
  try {
    const price = recomputeQuote(evidence);
    const assets = [evidence.payerAsset.asset, evidence.payeeAsset.asset];
    if (!assets.every((asset) => Number.isInteger(asset) && asset > 0 && asset < 2 ** 32))
      throw new Problem('payments/bad-quote', 'its assets have no numbers');
    for (const contradiction of quoteContradictions(evidence)) say(`has a wrong price: ${contradiction}`);
    return price;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(`has no price: ${error.detail.replace(/\.$/, '')}`);
    return null;
  }
}

function checkAssets(state: State, { payerAsset, payeeAsset }: QuoteEvidence, say: (what: string) => void): void {
  for (const { asset, symbol, decimals, peg } of [payerAsset, payeeAsset]) {
    const record = state.keyed.get(`asset:${asset}`);
    if (record?.kind !== 'asset' || record.symbol !== symbol || record.decimals !== decimals || record.peg !== peg)
      say(`was quoted for asset ${asset} as ${symbol} with ${decimals} decimals at ${peg}, which is not how the book has it`);
  }
}

/** The line of the tariff in the quote must be the one that was published in the book before. */
function checkTariff({ tariffs }: HoldBook, { tariff: used, instructed, payeeAsset, payerAsset }: QuoteEvidence, say: (what: string) => void): void {
  const tariff = tariffs.get(used.version);
  if (!tariff) return say(`was priced by the tariff ${used.version}, which the records before it do not publish`);
  const refusal = refusalOf(() => {
    const { currency, spreadBps, fee } = applyTariff(tariff, instructed.currency, payeeAsset.symbol, payerAsset.symbol);
    if (canonicalJson({ currency, spreadBps, fee }) !== canonicalJson({ currency: used.currency, spreadBps: used.spreadBps, fee: used.fee }))
      say(`was priced with other fees or another spread than the published tariff ${used.version} has`);
  });
  if (refusal !== null) say(`was priced by a line that the tariff ${used.version} does not have: ${refusal}`);
}

/** A booked leg against the one that follows from the quote. */
function checkLeg(book: HoldBook, payment: HeldPayment, leg: QuoteLeg, record: TransferRecord, findings: Findings): void {
  book.booked.add(record.id);
  const { book: id } = book.header;
  const where = `Record ${record.seq}, the ${leg.kind} leg of payment ${payment.payment},`;
  if (record.amount !== leg.amount) findings.add('price', record.seq, `${where} is ${record.amount}; its quote comes to ${leg.amount}`);
  if (record.asset !== leg.asset || record.code !== leg.code)
    findings.add('price', record.seq, `${where} is in another asset or has another code than its quote`);
  for (const side of ['debit', 'credit'] as const) {
    const expected = legAccount(id, leg[side], leg.asset, payment.account);
    if (record[side] !== expected) findings.add('unauthorised', record.seq, `${where} has the ${side} account ${record[side]} where ${expected} belongs`);
  }
  if (record.reference !== payment.payment) findings.add('rules', record.seq, `${where} refers to ${record.reference}`);
  if ((record.flags & (PENDING | SETTLES)) !== (PENDING | SETTLES)) findings.add('rules', record.seq, `${where} does not wait for a settlement window`);
}

/** Legs that a payment's price announces and that no record booked. */
export function checkMissingLegs({ announced, booked }: HoldBook, findings: Findings): void {
  for (const [id, { payment, leg }] of announced)
    if (!booked.has(id))
      findings.add('price', payment.seq, `The ${leg.kind} leg of ${leg.amount} of payment ${payment.payment}, held in record ${payment.seq}, was never booked`);
}
