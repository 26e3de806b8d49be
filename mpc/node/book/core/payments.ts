import { type AccountId, type AssetNo, type BookId, type Hex, type MerchantId, type OrderId, type PayeeId, type PaymentId, type TransferId } from '#base';
import { canonicalJson, parseCanonicalJson } from '#anchor/core';
import { legIdOf, PENDING, SETTLES, TRANSFER_CODES, type Hold, type LedgerRecord, type State, type TransferRecord } from '#ledger/core';
import { legAccount, parseTariff, paymentIdOf, type QuoteEvidence, type QuoteLeg, type Tariff } from '#payments/core';
import type { Authority, KnownOrder, KnownPayee, OrderLine } from './authority.ts';
import { isFault, orFault, readEvidence, tokenOfAsset, type Shaped } from './evidence.ts';
import { legsOf } from './price.ts';
import type { Fault, Rule } from './rules.ts';

/** The hold of a payment's payout, as its record claims it and as it was found. */
export interface HeldPayment {
  readonly payment: PaymentId;
  /** Leg 0. */
  readonly hold: TransferId;
  readonly seq: bigint;
  readonly asset: AssetNo;
  readonly amount: bigint;
  /** Where the evidence says that the payee is paid; null where that is not shown, or is nothing that a list can name. */
  readonly address: Hex | null;
  /** The first thing that is wrong with it; null where merchant, order, payee and price are as they must be. */
  fault: Fault | null;
  /** What it was judged by; null where there was nothing to judge by. */
  readonly proof: PaymentProof | null;
  /** Legs that the price announces, and how many of them no record booked yet. */
  readonly legs: number;
  missing: number;
  /** Whether money that really came in stands behind every leg; null while its deposits are not looked up. */
  backed: boolean | null;
  /** What the book did with it. */
  status: Hold['status'];
}

export interface PaymentProof {
  readonly order: KnownOrder;
  readonly line: OrderLine;
  readonly payee: KnownPayee;
  readonly quote: QuoteEvidence;
}

/** A leg that a payment's price announces. */
export interface AnnouncedLeg {
  readonly held: HeldPayment;
  readonly leg: QuoteLeg;
  readonly account: AccountId;
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
const PAYEE = { payee: 'string', digest: 'string', name: 'string', account: 'string', address: 'string', asset: 'number' } as const;

const MAX_WORD = 1n << 96n;

/** The holds of payments along the book, each compared with what its merchant signed in the records before it. */
export class Payments {
  readonly #book: BookId;
  readonly #chainId: bigint;
  readonly #authority: Authority;
  readonly #tariffs = new Map<string, Tariff>();
  readonly #held = new Map<TransferId, HeldPayment>();
  readonly #announced = new Map<TransferId, AnnouncedLeg>();
  /** Whose leg an open hold is. */
  readonly #legs = new Map<TransferId, HeldPayment>();

  constructor(book: BookId, chainId: bigint, authority: Authority) {
    this.#book = book;
    this.#chainId = chainId;
    this.#authority = authority;
  }

  /** By the id of leg 0. */
  held(hold: TransferId): HeldPayment | undefined {
    return this.#held.get(hold);
  }

  /** The payment that an open hold is a leg of. */
  legOf(hold: TransferId): HeldPayment | null {
    return this.#legs.get(hold) ?? null;
  }

  /** A hold was closed for good. */
  close(hold: TransferId, status: Hold['status']): void {
    const first = this.#held.get(hold);
    if (first) first.status = status;
    this.#legs.delete(hold);
  }

  tariff(record: Extract<LedgerRecord, { kind: 'tariff' }>): void {
    const tariff = orFault('amount-derived', () => parseTariff(parseCanonicalJson(record.schedule)));
    if (!isFault(tariff)) this.#tariffs.set(tariff.version, tariff);
  }

  /** The payment that this pending transfer is a leg of, if it is of one; each leg is told once, by its own record. */
  leg(state: State, record: TransferRecord): HeldPayment | null {
    if ((record.flags & PENDING) === 0) return null;
    if (record.id === legIdOf(record.reference, 0)) this.#open(state, record);
    const announced = this.#announced.get(record.id);
    const held = announced?.held ?? this.#held.get(record.id);
    if (!held) return null;
    this.#legs.set(record.id, held);
    if (!announced) return held;
    this.#announced.delete(record.id);
    held.missing--;
    held.fault ??= this.#wrongLeg(announced, record);
    return held;
  }

  #open(state: State, record: TransferRecord): void {
    const payee = readEvidence(record.fields?.payee, PAYEE);
    const address = typeof payee !== 'string' && /^0x[0-9a-f]{40}$/.test(payee.address) && record.amount < MAX_WORD ? (payee.address as Hex) : null;
    const found = typeof payee === 'string' ? fault('payee-signed', `its payee ${payee}`) : this.#judge(state, record, payee);
    const { id: hold, seq, asset, amount } = record;
    const held: HeldPayment = {
      payment: record.reference as string as PaymentId,
      hold,
      seq,
      asset,
      amount,
      address,
      fault: isFault(found) ? found : null,
      proof: isFault(found) ? null : found.proof,
      legs: isFault(found) ? 1 : found.legs.length,
      missing: isFault(found) ? 0 : found.legs.length,
      backed: null,
      status: 'open',
    };
    this.#held.set(hold, held);
    if (isFault(found)) return;
    for (const leg of found.legs) this.#announced.set(legIdOf(held.payment, leg.index), { held, leg, account: found.proof.order.message.account });
  }

  /** The guards in the order of RULES. */
  #judge(state: State, record: TransferRecord, payee: Shaped<typeof PAYEE>): Fault | { readonly proof: PaymentProof; readonly legs: readonly QuoteLeg[] } {
    const order = readEvidence(record.fields?.order, ORDER);
    if (typeof order === 'string') return fault('order-signed', `its order ${order}`);
    const signedOrder = this.#authority.order(order.order as OrderId);
    if (isFault(signedOrder)) return signedOrder;
    const line = signedOrder.lines[order.position];
    const wrongOrder = wrongLine(record, order, signedOrder, line);
    if (wrongOrder) return wrongOrder;
    const signedPayee = this.#authority.payee(payee.payee as PayeeId);
    if (isFault(signedPayee)) return signedPayee;
    const { merchant } = signedOrder.message;
    const wrongPayee =
      this.#wrongEntry(payee, signedPayee, merchant) ??
      wrongPayeeMembers(payee, signedPayee, order.creditorAccount, tokenOfAsset(state, this.#chainId, record.asset));
    if (wrongPayee) return wrongPayee;
    const expected = canonicalJson({ order: signedOrder.digest, payee: signedPayee.digest });
    if (record.fields?.authorisation !== expected) return fault('order-signed', 'it does not name the signed messages of its order and its payee');
    const quote = legsOf(state, this.#tariffs, record, line!, signedOrder.message.account);
    if (isFault(quote)) return quote;
    return { proof: { order: signedOrder, line: line!, payee: signedPayee, quote: quote.evidence }, legs: quote.legs };
  }

  #wrongEntry({ payee, digest }: Shaped<typeof PAYEE>, { message, digest: signed, seq }: KnownPayee, merchant: MerchantId): Fault | null {
    if (digest !== signed) return fault('payee-signed', `it names another signed message than record ${seq} of its payee`);
    if (message.merchant !== merchant) return fault('payee-signed', `it pays a payee of merchant ${message.merchant} by an order of merchant ${merchant}`);
    const newest = this.#authority.newestPayee(merchant, message.account);
    return newest === payee ? null : fault('payee-signed', `the merchant had replaced the entry ${payee} for account ${message.account} by ${newest}`);
  }

  #wrongLeg({ leg, account, held }: AnnouncedLeg, record: TransferRecord): Fault | null {
    const where = `record ${record.seq}, its ${leg.kind} leg,`;
    if (record.amount !== leg.amount) return fault('amount-derived', `${where} is ${record.amount}; the quote comes to ${leg.amount}`);
    if (record.asset !== leg.asset || record.code !== leg.code)
      return fault('amount-derived', `${where} is in another asset or has another code than its quote`);
    for (const side of ['debit', 'credit'] as const) {
      const expected = legAccount(this.#book, leg[side], leg.asset, account);
      if (record[side] !== expected) return fault('amount-derived', `${where} has the ${side} account ${record[side]} where ${expected} belongs`);
    }
    if ((record.reference as string) !== held.payment) return fault('amount-derived', `${where} refers to ${record.reference}`);
    return (record.flags & SETTLES) === 0 ? fault('amount-derived', `${where} does not wait for a settlement window`) : null;
  }
}

function fault(rule: Rule, reason: string): Fault {
  return { rule, reason };
}

/** True of what a settlement window pays out: leg 0 of a payment, in whatever it claims. */
export function isPayout({ id, reference, code }: Hold): boolean {
  return code === TRANSFER_CODES.payout && id === legIdOf(reference, 0);
}

function wrongLine(record: TransferRecord, order: Shaped<typeof ORDER>, signed: KnownOrder, line: OrderLine | undefined): Fault | null {
  if (signed.digest !== order.digest || signed.message.fileHash !== order.fileHash)
    return fault('order-signed', `it names another order or file than record ${signed.seq}`);
  if (!line) return fault('order-file', `it is payment ${order.position} of a file with ${signed.lines.length}`);
  if ((record.reference as string) !== paymentIdOf(order.order as OrderId, order.position))
    return fault('order-signed', `it is not payment ${order.position} of order ${order.order}`);
  for (const member of ['endToEndId', 'creditorName', 'creditorAccount', 'currency', 'instructed'] as const)
    if (order[member] !== line[member]) return fault('order-file', `it has the ${member} "${order[member]}"; the signed file says "${line[member]}"`);
  return line.defect === null ? null : fault('order-file', `its line of the file is not payable: ${line.defect}`);
}

function wrongPayeeMembers(payee: Shaped<typeof PAYEE>, { message, seq }: KnownPayee, creditorAccount: string, token: Hex | null): Fault | null {
  if (payee.address !== message.settlementAddress)
    return fault('payee-same', `it pays ${payee.address}; the merchant signed for ${message.settlementAddress} in record ${seq}`);
  if (payee.name !== message.name) return fault('payee-same', `it pays "${payee.name}"; the merchant signed for "${message.name}" in record ${seq}`);
  if (payee.account !== message.account || creditorAccount !== message.account)
    return fault('payee-same', `it pays account ${creditorAccount} to a payee whom the merchant signed for with account ${message.account} in record ${seq}`);
  return token === message.token ? null : fault('payee-same', `it is in the token ${token}, and the merchant signed for ${message.token}`);
}
