import { fromHex, isHex, isUuid, Problem, toHex, utf8, type BookId } from '#base';
import { recordFromJson, recordToJson, type Hash, type JsonValue } from '#anchor/core';
import { FIELD_NAMES, type Fields, type LedgerRecord } from '#ledger/core';

/** One record with everything it takes to recompute its leaf and to judge again what was signed for it. */
export interface FeedItem {
  /** With its fields, where it has any and their subject was not erased. */
  readonly record: LedgerRecord;
  /** recordSalt of its fields; null where none are shown. */
  readonly salt: Hash | null;
  /** Of a record that has fields which are not shown: what they were sealed as. Null where they are shown, and where there are none. */
  readonly fieldsRoot: Hash | null;
  /** The exact bytes of the file that the order is about; null for every other kind. */
  readonly file: Uint8Array | null;
}

/** Sealed records of one book, in order. What is not sealed yet is in no feed: it can still be another record tomorrow. */
export interface FeedPage {
  readonly chainId: bigint;
  readonly book: BookId;
  /** The last sealed record of the book, when the page was written; 0 where there is none. */
  readonly sealedTo: bigint;
  /** Where batches end, among the records of the page: a hint, proven by the root that follows from it. */
  readonly ends: readonly bigint[];
  readonly items: readonly FeedItem[];
}

export const FEED_FORMAT = 'cairn-feed/1';
/** A page holds at least one record, whatever its file weighs; base64 makes four thirds of the largest file we take. */
export const MAX_PAGE_BYTES = 64 * 1024 * 1024;

const PAGE_MEMBERS = ['book', 'chainId', 'ends', 'format', 'items', 'sealedTo'];
const ITEM_MEMBERS = ['fields', 'fieldsRoot', 'file', 'record', 'salt'];

type Json = Readonly<Record<string, unknown>>;

function bad(where: string, what: string): Problem {
  return new Problem('decision/bad-feed', `${where} is not ${what}.`, { where });
}

export function itemToJson({ record, salt, fieldsRoot, file }: FeedItem): Json {
  return {
    record: recordToJson(record),
    fields: record.fields ?? null,
    salt: salt && toHex(salt),
    fieldsRoot: fieldsRoot && toHex(fieldsRoot),
    file: file && Buffer.from(file).toString('base64'),
  };
}

export function encodePage({ chainId, book, sealedTo, ends, items }: FeedPage): Uint8Array {
  const page = { format: FEED_FORMAT, chainId: `${chainId}`, book, sealedTo: `${sealedTo}`, ends: ends.map(String), items: items.map(itemToJson) };
  return utf8(JSON.stringify(page));
}

/** Reads a page that anybody may have written: no member more or less, every value in its one spelling. Throws `decision/bad-feed`. */
export function decodePage(bytes: Uint8Array): FeedPage {
  if (bytes.length > MAX_PAGE_BYTES) throw bad('The page', `at most ${MAX_PAGE_BYTES} bytes`);
  const page = exactly(parse(bytes), PAGE_MEMBERS, 'The page');
  if (page['format'] !== FEED_FORMAT) throw bad('The page', `"${FEED_FORMAT}"`);
  const { book } = page;
  if (typeof book !== 'string' || !isUuid<BookId>(book)) throw bad('book', 'a UUID');
  const ends = list(page['ends'], 'ends').map((end, i) => u64(end, `ends[${i}]`));
  const items = list(page['items'], 'items').map((item, i) => itemFromJson(item, `items[${i}]`));
  return { chainId: u64(page['chainId'], 'chainId'), book, sealedTo: u64(page['sealedTo'], 'sealedTo'), ends, items };
}

export function itemFromJson(json: unknown, where: string): FeedItem {
  const item = exactly(json, ITEM_MEMBERS, where);
  const fields = fieldsOf(item['fields'], `${where}.fields`);
  const salt = hash(item['salt'], `${where}.salt`);
  const fieldsRoot = hash(item['fieldsRoot'], `${where}.fieldsRoot`);
  if ((fields === null) !== (salt === null)) throw bad(`${where}.salt`, 'there where fields are shown, and only there');
  if (fields !== null && fieldsRoot !== null) throw bad(`${where}.fieldsRoot`, 'left out where the fields themselves are shown');
  const record = recordOf(item['record'], where);
  const file = fileOf(item['file'], `${where}.file`);
  if (file !== null && record.kind !== 'order') throw bad(`${where}.file`, 'an order’s');
  return { record: fields === null ? record : { ...record, fields }, salt, fieldsRoot, file };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new Problem('decision/bad-feed', 'The page is no JSON in UTF-8.', {}, cause);
  }
}

function exactly(value: unknown, members: readonly string[], where: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(where, 'an object');
  const names = Object.keys(value).sort();
  if (names.length !== members.length || names.some((name, i) => name !== members[i])) throw bad(where, `an object of exactly ${members.join(', ')}`);
  return value as Json;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(where, 'a list');
  return value;
}

function u64(value: unknown, where: string): bigint {
  if (typeof value !== 'string' || !/^(0|[1-9]\d{0,19})$/.test(value) || BigInt(value) >= 1n << 64n) throw bad(where, 'a 64-bit integer as text');
  return BigInt(value);
}

function hash(value: unknown, where: string): Hash | null {
  if (value === null) return null;
  if (typeof value !== 'string' || !isHex(value, 32)) throw bad(where, '32 bytes of lower-case hexadecimal');
  return fromHex(value);
}

/** An empty object would have the root of sixteen empty fields under a salt, which no sealer ever writes. */
function fieldsOf(value: unknown, where: string): Fields | null {
  if (value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) throw bad(where, 'an object');
  const entries = Object.entries(value as Json);
  const stranger = entries.find(([name, text]) => !(FIELD_NAMES as readonly string[]).includes(name) || typeof text !== 'string' || !text.isWellFormed());
  if (entries.length === 0 || stranger) throw bad(where, 'evidence in the slots that there are');
  return value;
}

/** Longer than any text of a record but a tariff: what is behind a length of two bytes in a leaf has to fit it. */
const MAX_TEXT = 1_024;

function recordOf(json: unknown, where: string): LedgerRecord {
  try {
    const record = recordFromJson(json as JsonValue);
    const isBad = (value: unknown): boolean => typeof value === 'string' && (!value.isWellFormed() || (value.length > MAX_TEXT && record.kind !== 'tariff'));
    if (Object.values(record).some(isBad)) throw bad(where, 'a record with texts that a leaf can hold');
    return record;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Problem('decision/bad-feed', `${where}: ${error.detail}`, { where }, error);
  }
}

function fileOf(value: unknown, where: string): Uint8Array | null {
  if (value === null) return null;
  if (typeof value !== 'string') throw bad(where, 'base64');
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw bad(where, 'base64');
  return new Uint8Array(bytes);
}
