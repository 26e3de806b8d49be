import type { Hex, ProblemCode } from '#base';

/** Message versions we read; national variants of a namespace (SIX, DK) follow the version they name. */
export type Pain001Version = '03' | '09';

/** Why one payment of a file is refused while the others go on. */
export interface Defect {
  readonly code: ProblemCode;
  /** Path of the element from the message root, for example CstmrCdtTrfInitn/PmtInf[2]/CdtTrfTxInf[1]/CdtrAcct/Id/IBAN (counted from 1, as XPath does). */
  readonly element: string;
  /** One sentence for a person. */
  readonly detail: string;
}

export interface AccountRef {
  readonly scheme: 'iban' | 'other';
  /** An IBAN in its electronic form (no spaces, upper case); any other identification as it was written. Empty only with a defect. */
  readonly id: string;
}

export interface Party {
  /** Empty only with a defect. */
  readonly name: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string | null;
  /** Street, number, post code and town where structured; the free lines otherwise. */
  readonly addressLines: readonly string[];
}

export interface ParsedPayment {
  /** Place in the file, from 0, over all groups. */
  readonly index: number;
  /** Index of its PmtInf in `groups`. */
  readonly group: number;
  readonly paymentInfoId: string;
  readonly instructionId: string | null;
  readonly endToEndId: string;
  /** UUIDv4 (version .09 only). */
  readonly uetr: string | null;
  /** YYYY-MM-DD. */
  readonly requestedExecutionDate: string;
  readonly debtor: Party;
  readonly debtorAccount: AccountRef;
  readonly ultimateDebtor: Party | null;
  readonly creditor: Party;
  readonly creditorAccount: AccountRef;
  /** BIC of the creditor's bank. */
  readonly creditorAgent: string | null;
  /** He is screened too: money sent to a front is money sent to him. */
  readonly ultimateCreditor: Party | null;
  /** ISO 4217 code of `instructedAmount`. */
  readonly currency: string;
  /** Plain decimal without leading or trailing zeros, what the control sum adds up. */
  readonly instructedAmount: string;
  /** The same amount in the currency's ISO 4217 minor units; 0n only with a defect. */
  readonly amountMinor: bigint;
  /** Currency the payee should get where the debtor named an equivalent amount (EqvtAmt/CcyOfTrf); otherwise the same as `currency`. */
  readonly transferCurrency: string;
  /** Unstructured lines, then structured creditor references. */
  readonly remittance: readonly string[];
  readonly chargeBearer: string | null;
  /** Purpose of the payment, else the category purpose of its group. */
  readonly purpose: string | null;
  /** Empty = the payment may go on. Each entry alone refuses it. */
  readonly defects: readonly Defect[];
}

export interface PaymentGroup {
  readonly index: number;
  readonly paymentInfoId: string;
  /** TRF, TRA or CHK. */
  readonly paymentMethod: string;
  readonly requestedExecutionDate: string;
  readonly debtor: Party;
  readonly debtorAccount: AccountRef;
  /** Number of payments, and their sum, counted by us. */
  readonly count: number;
  readonly controlSum: string;
}

export interface ParsedOrderFile {
  readonly version: Pain001Version;
  readonly namespace: string;
  readonly messageId: string;
  /** As written: ISO 8601, often without a zone. */
  readonly createdAt: string;
  readonly initiatingParty: string | null;
  /** Payments counted in the file: what the merchant's signature binds. */
  readonly count: number;
  /** NbOfTxs as written; differs from `count` only where that discrepancy was accepted. */
  readonly declaredCount: number;
  /** Plain sum of all instructed amounts irrespective of currency, normalised: no leading or trailing zeros, no point without a fraction. */
  readonly controlSum: string;
  /** SHA-256 of the exact bytes. */
  readonly fileHash: Hex;
  readonly groups: readonly PaymentGroup[];
  readonly payments: readonly ParsedPayment[];
  /** Discrepancies that would have refused the file, had the caller not accepted them by name. */
  readonly notices: readonly Defect[];
}
