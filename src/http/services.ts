import type { AssetNo, MerchantId, OrderId, PayeeId, PaymentId, TimeMs } from '#base';
import type { Authorisation } from '#identity/core';
import type { Book } from '#ledger';
import type { Account, LedgerRecord } from '#ledger/core';
import type { Webhooks } from '#webhooks';
import type { ApiKeys } from './access/keys.store.ts';
import type { Page } from './frame/cursor.ts';
import type { Parties } from './ledger/parties.ts';

/** What a caller may ask a list for: from where (the `next` of the page before, or null) and how much. A position is the id of the last item, or its number. */
export interface PageRequest {
  readonly after: string | null;
  readonly limit: number;
}

/** What the API asks of a book: `Book` of #ledger, as it is. */
export type LedgerService = Pick<Book, 'submit' | 'account' | 'accounts' | 'accountsOf' | 'byKey' | 'transfer' | 'entries' | 'balanceAt' | 'records'>;

/** What a payment costs, in whole minor units: `principal` of the payee's asset, everything else of the merchant's. */
export interface PriceView {
  readonly payerAsset: AssetNo;
  readonly payeeAsset: AssetNo;
  readonly principal: bigint;
  /** The principal at the middle rate. */
  readonly cost: bigint;
  readonly spread: bigint;
  readonly fee: bigint;
  readonly rounding: bigint;
  /** What the merchant pays: cost + spread + fee + rounding. */
  readonly total: bigint;
  /** The rate is locked until then. */
  readonly expiresMs: TimeMs;
}

export interface PaymentView {
  readonly id: PaymentId;
  readonly order: OrderId;
  /** Place in its file, from 0. */
  readonly position: number;
  readonly merchant: MerchantId;
  readonly payee: PayeeId | null;
  readonly state: string;
  readonly endToEndId: string;
  readonly creditorName: string;
  readonly creditorAccount: string;
  /** ISO 4217, and the instructed amount as plain decimal text, as the file says. */
  readonly currency: string;
  readonly instructed: string;
  /** Null while it is not quoted. */
  readonly price: PriceView | null;
  /** Why it was refused or returned, or what it waits for: a problem code and a sentence; null while nothing is wrong. */
  readonly reasonCode: string | null;
  readonly reason: string | null;
  /** Hash of the transaction that paid it; null until then. */
  readonly transaction: string | null;
  readonly createdMs: TimeMs;
  readonly updatedMs: TimeMs;
}

export interface OrderFileView {
  readonly order: OrderId;
  readonly merchant: MerchantId;
  /** SHA-256 of the exact bytes, 0x and hexadecimal. */
  readonly fileHash: string;
  readonly messageId: string;
  readonly receivedMs: TimeMs;
  /** In the order of the file. */
  readonly payments: readonly PaymentView[];
}

export interface PayeeView {
  readonly payee: PayeeId;
  readonly merchant: MerchantId;
  readonly name: string;
  readonly account: string;
  readonly settlementAddress: string;
  readonly asset: AssetNo;
  /** Invented for a rehearsal. */
  readonly sandbox: boolean;
}

export interface QuoteRequest {
  readonly merchant: MerchantId;
  /** ISO 4217 code and minor units of what would be instructed. */
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly payerAsset: AssetNo;
  readonly payeeAsset: AssetNo;
}

/** What the API asks of payments. A refusal is a thrown Problem; null means there is no such thing. */
export interface PaymentsService {
  /** The same order again gives the same file and payments; another file or authorisation under its id, a Problem. */
  submitOrderFile(submission: {
    readonly merchant: MerchantId;
    readonly fileBytes: Uint8Array;
    readonly authorisation: Authorisation<'Order'>;
  }): Promise<OrderFileView>;
  getOrderFile(order: OrderId): Promise<OrderFileView | null>;
  getPayment(id: PaymentId): Promise<PaymentView | null>;
  listPayments(merchant: MerchantId, page: PageRequest): Promise<Page<PaymentView>>;
  addPayee(merchant: MerchantId, authorisation: Authorisation<'Payee'>): Promise<PayeeView>;
  getPayee(id: PayeeId): Promise<PayeeView | null>;
  listPayees(merchant: MerchantId, page: PageRequest): Promise<Page<PayeeView>>;
  /** What a payment would cost now. Nothing is kept: a payment is quoted, and its rate locked, when it is processed. */
  quote(request: QuoteRequest): Promise<PriceView>;
}

export interface ReceiptsService {
  /** The receipt as the verifier reads it; null while the payment's records are not in a final anchor. */
  receipt(payment: PaymentId): Promise<Readonly<Record<string, unknown>> | null>;
  /** The proof of one entry of an account, likewise. */
  entry(account: Account, record: LedgerRecord): Promise<Readonly<Record<string, unknown>> | null>;
}

export interface BatchView {
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly batchRoot: string;
  readonly bookRecord: string;
  readonly sealedMs: TimeMs;
  /** Null until it is anchored in a final block. */
  readonly anchor: { readonly index: number; readonly transaction: string; readonly block: number } | null;
}

export interface BatchesService {
  /** In order of sequence numbers. */
  batches(page: PageRequest): Promise<Page<BatchView>>;
}

export interface SystemStatus {
  readonly headSeq: bigint;
  readonly greatestUnanchoredAgeMs: number;
  readonly unanchoredAgeLimitMs: number;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

export interface StatusService {
  /** Must answer within seconds, also where a part is down: then that part's check is not ok. */
  status(): Promise<SystemStatus>;
}

/** Everything behind the API, given by whoever wires it. */
export interface ApiServices {
  readonly ledger: LedgerService;
  readonly payments: PaymentsService;
  readonly receipts: ReceiptsService;
  readonly batches: BatchesService;
  readonly status: StatusService;
  readonly webhooks: Webhooks;
}

export interface Services extends ApiServices {
  readonly keys: ApiKeys;
  readonly parties: Parties;
}
