import { isHex, isUuid, Problem, type AccountId, type BookId, type Hex, type PaymentId } from '#base';
import { FIELD_NAMES, type FieldName } from '#ledger/core';
import { canonicalJson, type JsonValue } from '../canonical.ts';
import type { RecordJson } from '../recordJson.ts';

export const RECEIPT_FORMAT = 'cairn-receipt/1';
export const ENTRY_FORMAT = 'cairn-entry/1';

/** One field of a record, shown; the others stay hidden behind their salts. */
export interface ShownField {
  readonly name: FieldName;
  /** Canonical JSON, empty where the record has no such field. */
  readonly value: string;
  readonly salt: Hex;
  readonly path: readonly Hex[];
}

/** A record and its way up to its anchor leaf. */
export interface ProvenRecord {
  readonly record: RecordJson;
  readonly fieldsRoot: Hex;
  readonly shown: readonly ShownField[];
  readonly leaf: Hex;
  readonly batch: { readonly firstSeq: string; readonly lastSeq: string; readonly previousHead: Hex; readonly path: readonly Hex[] };
  /** From the book record to the anchor leaf, the side of each sibling beside it: the number of books of an anchor is hashed nowhere. */
  readonly book: readonly { readonly side: 'left' | 'right'; readonly hash: Hex }[];
  /** Position of the anchor leaf in the log: one of `anchors`. */
  readonly anchor: string;
}

/** An anchor leaf in the log as it was when it was appended: count = index + 1. */
export interface AnchorFact {
  readonly index: string;
  readonly count: string;
  readonly peaks: readonly Hex[];
  readonly path: readonly Hex[];
  /** The transaction whose Anchored event brought it in. */
  readonly transaction: Hex;
}

/** Which word of the instruction's list is this payment, and the transaction that paid it. */
export interface Payout {
  readonly words: readonly Hex[];
  readonly index: number;
  readonly transaction: Hex;
}

/** Records of one book that can be proved with this file and the chain. Integers beyond 32 bits are decimal strings, hexadecimal is lower case. */
export interface ProvenRecords {
  readonly chainId: string;
  /** LedgerAnchor and SettlementVault. */
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly book: BookId;
  /** In the order of the book. */
  readonly records: readonly ProvenRecord[];
  readonly anchors: readonly AnchorFact[];
}

/** Everything about one payment. Its records: asset, holds, window, instruction, posts or voids, and what else was asked to be shown. */
export interface Receipt extends ProvenRecords {
  readonly format: typeof RECEIPT_FORMAT;
  readonly payment: PaymentId;
  readonly payout: Payout | null;
}

/** One line of an account's statement. Its records: the entry, the asset of a transfer, and the hold that an expiry ended. */
export interface EntryProof extends ProvenRecords {
  readonly format: typeof ENTRY_FORMAT;
  readonly account: AccountId;
  /** Number of the entry, one of the records. */
  readonly seq: string;
}

type Reader<T> = (value: JsonValue, where: string) => T;

function refuse(where: string, what: string): Problem {
  return new Problem('anchor/bad-receipt', `${where} is not ${what}.`, { where });
}

const text: Reader<string> = (value, where) => {
  if (typeof value !== 'string') throw refuse(where, 'text');
  return value;
};

function hex(bytes: number): Reader<Hex> {
  return (value, where) => {
    if (typeof value !== 'string' || !isHex(value, bytes)) throw refuse(where, `${bytes} bytes in lower-case hexadecimal`);
    return value;
  };
}

const decimal: Reader<string> = (value, where) => {
  if (typeof value !== 'string' || !/^(0|[1-9]\d{0,18})$/.test(value)) throw refuse(where, 'a decimal integer as text');
  return value;
};

function integer(limit: number): Reader<number> {
  return (value, where) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value >= limit) throw refuse(where, `an integer below ${limit}`);
    return value;
  };
}

function uuid<Id extends string>(value: JsonValue, where: string): Id {
  if (typeof value !== 'string' || !isUuid(value)) throw refuse(where, 'a UUID');
  return value as string as Id;
}

function list<T>(item: Reader<T>, most: number): Reader<readonly T[]> {
  return (value, where) => {
    if (!Array.isArray(value) || value.length > most) throw refuse(where, `a list of at most ${most}`);
    return value.map((entry: JsonValue, i) => item(entry, `${where}[${i}]`));
  };
}

/** Exactly these members, each read by its own reader. */
function object<T>(readers: { readonly [Member in keyof T]: Reader<T[Member]> }): Reader<T> {
  const members = Object.keys(readers) as (keyof T & string)[];
  return (value, where) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(where, 'an object');
    const source = value as { readonly [member: string]: JsonValue };
    if (canonicalJson(Object.keys(source).sort()) !== canonicalJson([...members].sort())) throw refuse(where, `an object of exactly ${members.join(', ')}`);
    return Object.fromEntries(members.map((member) => [member, readers[member](source[member]!, `${where}.${member}`)])) as T;
  };
}

const hash = hex(32);
/** No tree has more than 2^64 leaves. */
const path = list(hash, 64);

const side: Reader<'left' | 'right'> = (value, where) => {
  if (value !== 'left' && value !== 'right') throw refuse(where, 'left or right');
  return value;
};

const shownField = object<ShownField>({
  name: (value, where) => {
    if (!FIELD_NAMES.includes(value as FieldName)) throw refuse(where, 'the name of a field');
    return value as FieldName;
  },
  value: text,
  salt: hash,
  path,
});

const provenRecord = object<ProvenRecord>({
  record: (value) => value as RecordJson,
  fieldsRoot: hash,
  shown: list(shownField, FIELD_NAMES.length),
  leaf: hash,
  batch: object({ firstSeq: decimal, lastSeq: decimal, previousHead: hash, path }),
  book: list(object<ProvenRecord['book'][number]>({ side, hash }), 64),
  anchor: decimal,
});

const anchorFact = object<AnchorFact>({ index: decimal, count: decimal, peaks: path, path, transaction: hash });
const payout = object<Payout>({ words: list(hash, 255), index: integer(255), transaction: hash });

function exactly<Format extends string>(format: Format): Reader<Format> {
  return (value, where) => {
    if (value !== format) throw refuse(where, `"${format}"`);
    return format;
  };
}

const provenRecords = {
  chainId: decimal,
  anchor: hex(20),
  vault: hex(20),
  book: uuid<BookId>,
  records: list(provenRecord, 1_000),
  anchors: list(anchorFact, 1_000),
};

const receipt = object<Receipt>({
  ...provenRecords,
  format: exactly(RECEIPT_FORMAT),
  payment: uuid<PaymentId>,
  payout: (value, where) => (value === null ? null : payout(value, where)),
});

const entryProof = object<EntryProof>({ ...provenRecords, format: exactly(ENTRY_FORMAT), account: uuid<AccountId>, seq: decimal });

function jsonOf(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new Problem('anchor/bad-receipt', 'The file is no JSON.', {}, cause);
  }
}

/** Reads a receipt strictly: every member there, none beside them, each in its one spelling. anchor/bad-receipt names the first that is not. Records are read when they are checked. */
export function parseReceipt(json: string): Receipt {
  return receipt(jsonOf(json), 'receipt');
}

/** The same of whichever of the two files it is: what calls itself no entry is read as a receipt. */
export function parseProof(json: string): Receipt | EntryProof {
  const value = jsonOf(json);
  const isEntry = typeof value === 'object' && value !== null && !Array.isArray(value) && (value as { readonly format?: JsonValue }).format === ENTRY_FORMAT;
  return isEntry ? entryProof(value, 'entry') : receipt(value, 'receipt');
}
