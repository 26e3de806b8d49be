import type { AccountId, AssetNo, BookId, Hex, MerchantId, OrderId, PayeeId, PaymentId, TransferId, Uuid } from '#base';
import type { Fields, LedgerRecord } from '#ledger/core';
import { badExport, big, hex, integer, list, nullable, object, text, uuid, type Reader } from './readers.ts';

/* The lines of an export (docs/formats.md, "Exports"), as they are read: nothing in them is believed. */

export interface Header {
  readonly exportedMs: number;
  readonly chainId: bigint;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly timelock: Hex;
  /** The first block of the deployment. */
  readonly fromBlock: bigint;
  readonly tokens: readonly { readonly symbol: string; readonly decimals: number; readonly address: Hex }[];
  readonly book: BookId;
}

export interface RecordLine {
  /** Read by `recordFromJson`, which says what is wrong with it. */
  readonly record: unknown;
  readonly subject: Uuid<string> | null;
  readonly fields: Fields | null;
  readonly salt: Hex | null;
}

/** A record that could be read, with what it takes to recompute its leaf. */
export interface ExportedRecord {
  readonly record: LedgerRecord;
  readonly salt: Hex | null;
}

export interface ExportedBatch {
  readonly batchNo: bigint;
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly previousHead: Hex;
  readonly batchRoot: Hex;
  readonly bookRecord: Hex;
  /** 32 bytes a record, one behind the other. */
  readonly leaves: Hex;
  readonly fieldsRoots: Hex;
  readonly anchor: bigint | null;
}

export interface ExportedAnchor {
  readonly index: bigint;
  readonly leaf: Hex;
  readonly state: string;
  readonly transaction: Hex | null;
  /** Book records under it, of all books that it carries, in the order of its tree. */
  readonly books: readonly ExportedBookRecord[];
}

/** What a book record hashes, of whatever book. */
export interface ExportedBookRecord {
  readonly book: BookId;
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly previousHead: Hex;
  readonly batchRoot: Hex;
}

export interface StoredAccount {
  readonly id: AccountId;
  readonly asset: number;
  readonly code: number;
  readonly flags: number;
  readonly owner: Uuid<string>;
  readonly overdraft: bigint;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
  readonly seq: bigint;
}

export interface StoredHold {
  readonly id: TransferId;
  readonly seq: bigint;
  readonly debit: AccountId | null;
  readonly credit: AccountId | null;
  readonly asset: number;
  readonly amount: bigint;
  readonly captured: bigint;
  readonly windowSeq: bigint | null;
  readonly releaseSeq: bigint | null;
}

export interface MerchantEntry {
  readonly merchant: MerchantId;
  readonly key: Hex;
  readonly digest: Hex;
}

export interface WalletEntry {
  readonly wallet: Hex;
  readonly merchant: MerchantId;
  readonly digest: Hex;
}

export interface PayeeEntry {
  readonly payee: PayeeId;
  readonly merchant: MerchantId;
  readonly name: string;
  readonly account: string;
  readonly address: Hex;
  readonly asset: AssetNo;
  readonly digest: Hex;
}

export interface OrderEntry {
  readonly order: OrderId;
  readonly merchant: MerchantId;
  readonly account: AccountId;
  readonly fileHash: Hex;
  readonly digest: Hex;
  readonly file: Uint8Array;
}

export interface PaymentEntry {
  readonly payment: PaymentId;
  readonly order: OrderId;
  readonly position: number;
  readonly merchant: MerchantId;
  readonly payee: PayeeId | null;
  readonly state: string;
  readonly reasonCode: string | null;
  readonly reason: string | null;
  readonly endToEndId: string;
  readonly creditorName: string;
  readonly creditorAccount: string;
  readonly currency: string;
  readonly instructed: string;
  readonly hold: TransferId;
  readonly holdSeq: bigint | null;
}

const fields: Reader<Fields> = (value, where) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badExport(where, 'an object');
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, text(item, `${where}, ${name}`)]));
};

const bytes: Reader<Uint8Array> = (value, where) => new Uint8Array(Buffer.from(text(value, where), 'base64'));
const optional = nullable(big);

/** Of each type of line, its members beside `type`. */
export const LINES = {
  header: object<Header & { readonly format: string }>({
    format: text,
    exportedMs: integer,
    chainId: big,
    anchor: hex(20),
    vault: hex(20),
    timelock: hex(20),
    fromBlock: big,
    tokens: list(object({ symbol: text, decimals: integer, address: hex(20) })),
    book: uuid<BookId>,
  }),
  record: object<RecordLine>({ record: (value) => value, subject: nullable(uuid<Uuid<string>>), fields: nullable(fields), salt: nullable(hex(32)) }),
  batch: object<ExportedBatch>({
    batchNo: big,
    firstSeq: big,
    lastSeq: big,
    previousHead: hex(32),
    batchRoot: hex(32),
    bookRecord: hex(32),
    leaves: hex(),
    fieldsRoots: hex(),
    anchor: optional,
  }),
  anchor: object<ExportedAnchor>({
    index: big,
    leaf: hex(32),
    state: text,
    transaction: nullable(hex(32)),
    books: list(object<ExportedBookRecord>({ book: uuid<BookId>, firstSeq: big, lastSeq: big, previousHead: hex(32), batchRoot: hex(32) })),
  }),
  account: object<StoredAccount>({
    id: uuid<AccountId>,
    asset: integer,
    code: integer,
    flags: integer,
    owner: uuid<Uuid<string>>,
    overdraft: big,
    debitsPending: big,
    debitsPosted: big,
    creditsPending: big,
    creditsPosted: big,
    seq: big,
  }),
  hold: object<StoredHold>({
    id: uuid<TransferId>,
    seq: big,
    debit: nullable(uuid<AccountId>),
    credit: nullable(uuid<AccountId>),
    asset: integer,
    amount: big,
    captured: big,
    windowSeq: optional,
    releaseSeq: optional,
  }),
  merchant: object<MerchantEntry>({ merchant: uuid<MerchantId>, key: hex(20), digest: hex(32) }),
  wallet: object<WalletEntry>({ wallet: hex(20), merchant: uuid<MerchantId>, digest: hex(32) }),
  payee: object<PayeeEntry>({
    payee: uuid<PayeeId>,
    merchant: uuid<MerchantId>,
    name: text,
    account: text,
    address: hex(20),
    asset: (value, where) => integer(value, where) as AssetNo,
    digest: hex(32),
  }),
  order: object<OrderEntry>({ order: uuid<OrderId>, merchant: uuid<MerchantId>, account: uuid<AccountId>, fileHash: hex(32), digest: hex(32), file: bytes }),
  payment: object<PaymentEntry>({
    payment: uuid<PaymentId>,
    order: uuid<OrderId>,
    position: integer,
    merchant: uuid<MerchantId>,
    payee: nullable(uuid<PayeeId>),
    state: text,
    reasonCode: nullable(text),
    reason: nullable(text),
    endToEndId: text,
    creditorName: text,
    creditorAccount: text,
    currency: text,
    instructed: text,
    hold: uuid<TransferId>,
    holdSeq: optional,
  }),
  end: object<{ readonly lines: number }>({ lines: integer }),
};

export type LineType = keyof typeof LINES;
