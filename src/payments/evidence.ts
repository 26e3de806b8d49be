import { Problem, type AssetNo, type Hex, type OrderId } from '#base';
import { canonicalJson, parseCanonicalJson } from '#anchor/core';
import type { Database } from '#db';
import type { EvidenceReader } from '#identity';
import { parsePain001, quoteContradictions, type ParsedOrderFile, type ParsedPayment, type QuoteEvidence } from './core/core.ts';
import { newPayment } from './rows.ts';
import { orderFileBytes, type OrderFile, type Payment } from './store.ts';
import type { DirectoryEntry } from './coordinator.ts';

/** What one pass over the payments has judged already; an order's file is read once for all its payments. */
export interface EvidencePass {
  readonly database: Database;
  /** Asset by token address, lower case. */
  readonly assetOf: ReadonlyMap<Hex, AssetNo>;
  readonly reader: EvidenceReader;
  readonly files: Map<OrderId, Promise<ParsedOrderFile>>;
}

/** What a payment is about to be held by: rows that whoever administers the database can change. */
interface HeldBy {
  readonly payment: Payment;
  readonly order: OrderFile;
  /** Undefined where nobody is in the directory under the creditor's account. */
  readonly payee: DirectoryEntry | undefined;
  /** Asset of the account that pays; undefined where the book has no such account. */
  readonly payerAsset: AssetNo | undefined;
}

type Comparison = { readonly outcome: 'same' | 'not-booked' } | { readonly outcome: 'differs'; readonly what: string };

/** What anybody's rows may provoke; the problems of the store and the book are no statement about the evidence. */
const OF_EVIDENCE = /^(?:identity|payments|anchor)\//;

/**
 * Compares what a payment is about to be held by with what the merchant signed: the payee's entry with his message, the order with its message and the exact bytes
 * of its file, the payment with its place in that file, the price with its own inputs. `not-booked` where a message has no record in the book yet.
 */
export async function compareWithEvidence(pass: EvidencePass, held: HeldBy): Promise<Comparison> {
  try {
    return await compare(pass, held);
  } catch (error) {
    if (!(error instanceof Problem) || !OF_EVIDENCE.test(error.code)) throw error;
    return { outcome: 'differs', what: error.detail.replace(/\.$/, '') };
  }
}

async function compare(pass: EvidencePass, held: HeldBy): Promise<Comparison> {
  const { payment, order, payee } = held;
  if (!payee) return { outcome: 'differs', what: `${payment.creditorAccount} is not in the payee directory any more` };
  const signedOrder = await pass.reader.signed('Order', order.digest);
  const signedPayee = await pass.reader.signed('Payee', payee.digest);
  if (!signedOrder || !signedPayee) return { outcome: 'not-booked' };
  const known = pass.files.get(order.order) ?? readFile(pass, order.order);
  pass.files.set(order.order, known);
  const file = await known;
  const { message: to } = signedPayee;
  const { message: by } = signedOrder;
  const parsed = file.payments[payment.position];
  const differences = [
    ...unequal('the payee', payee, { payee: to.payee, name: to.name, account: to.account, address: to.settlementAddress, asset: pass.assetOf.get(to.token) }),
    ...unequal('the payee’s merchant', { merchant: payment.merchant, account: payment.creditorAccount }, { merchant: to.merchant, account: to.account }),
    ...unequal('the order', order, { order: by.order, merchant: by.merchant, account: by.account, fileHash: by.fileHash }),
    ...unequal('the order’s file', file, { fileHash: by.fileHash, count: Number(by.count), controlSum: by.controlSum }),
    // Who was screened is who is paid, also where the merchant has replaced the entry in between.
    ...unequal('the payment', payment, { order: by.order, merchant: by.merchant, payee: to.payee }),
    ...(parsed ? unequal('the payment', payment, newPayment(order, parsed)) : ['the payment is none of its file']),
    ...(parsed?.defects.map(({ detail }) => `the file shows it cannot be paid: ${detail.replace(/\.$/, '')}`) ?? []),
    ...(parsed ? priceDifferences(held, payee, parsed) : []),
  ];
  const [what] = differences;
  return what === undefined ? { outcome: 'same' } : { outcome: 'differs', what };
}

async function readFile(pass: EvidencePass, order: OrderId): Promise<ParsedOrderFile> {
  return parsePain001(await orderFileBytes(pass.database.pool, order), ['payments/count-mismatch']);
}

function priceDifferences({ payment, payerAsset }: HeldBy, payee: DirectoryEntry, parsed: ParsedPayment): readonly string[] {
  const quote = parseCanonicalJson(payment.quote!) as unknown as QuoteEvidence;
  const priced = { ...quote.instructed, payerAsset: quote.payerAsset.asset, payeeAsset: quote.payeeAsset.asset };
  const expected = { currency: parsed.currency, amountMinor: `${parsed.amountMinor}`, payerAsset, payeeAsset: payee.asset };
  return [...unequal('the quote', priced, expected), ...quoteContradictions(quote)];
}

/** One sentence for every member of `signed` that the row has otherwise. */
function unequal<Signed extends object>(what: string, row: { readonly [Member in keyof Signed]: unknown }, signed: Signed): readonly string[] {
  return (Object.keys(signed) as (keyof Signed & string)[])
    .filter((member) => shown(row[member]) !== shown(signed[member]))
    .map((member) => `${what} has the ${member} ${shown(row[member])}, and ${shown(signed[member])} follows from what the merchant signed`);
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value === undefined ? 'none' : canonicalJson(value);
}
