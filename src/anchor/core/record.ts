import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, fromHex, type BookId, type Hex } from '#base';
import { KIND_NUMBERS, type LedgerRecord, type RecordKind } from '#ledger/core';
import { ByteWriter } from './byteWriter.ts';
import { canonicalJson, parseCanonicalJson } from './canonical.ts';
import { fieldsRoot, NO_FIELDS } from './fields.ts';
import type { Hash } from './merkle.ts';

/** Integers are big-endian and unsigned; `text` and `json` stand behind their length, u16 and u32. */
export type Encoding = 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'uuid' | 'address' | 'bytes32' | 'text' | 'json' | 'ms' | 's' | 'about';

export type BodyFormat = readonly (readonly [member: string, encoding: Encoding])[];

/** "Kinds and bodies" of docs/formats.md, line by line: the members of each kind in the order they are hashed. */
export const BODIES: Readonly<Record<RecordKind, BodyFormat>> = {
  asset: [
    ['asset', 'u32'],
    ['decimals', 'u8'],
    ['caip19 peg symbol', 'about'],
  ],
  account: [
    ['id', 'uuid'],
    ['asset', 'u32'],
    ['code', 'u16'],
    ['flags', 'u16'],
    ['overdraft', 'u128'],
    ['owner', 'uuid'],
  ],
  transfer: [
    ['id', 'uuid'],
    ['pendingId', 'uuid'],
    ['debit', 'uuid'],
    ['credit', 'uuid'],
    ['asset', 'u32'],
    ['amount', 'u128'],
    ['code', 'u16'],
    ['flags', 'u16'],
    ['timeoutS', 'u32'],
    ['effectiveMs', 'ms'],
    ['reference', 'uuid'],
  ],
  refusal: [
    ['transfer', 'uuid'],
    ['code', 'text'],
  ],
  expiry: [['transfer', 'uuid']],
  merchant: [
    ['merchant', 'uuid'],
    ['key', 'address'],
    ['authorisation', 'bytes32'],
  ],
  payee: [
    ['payee', 'uuid'],
    ['merchant', 'uuid'],
    ['authorisation', 'bytes32'],
  ],
  order: [
    ['order', 'uuid'],
    ['merchant', 'uuid'],
    ['authorisation', 'bytes32'],
    ['count', 'u32'],
  ],
  window: [
    ['window', 'uuid'],
    ['fromSeq', 'u64'],
    ['toSeq', 'u64'],
  ],
  instruction: [
    ['vault', 'address'],
    ['token', 'address'],
    ['window', 'uuid'],
    ['index', 'u16'],
    ['listHash', 'bytes32'],
    ['count', 'u8'],
    ['total', 'u128'],
    ['notAfterS', 's'],
  ],
  tariff: [
    ['tariff', 'uuid'],
    ['schedule', 'json'],
  ],
  wallet: [
    ['merchant', 'uuid'],
    ['wallet', 'address'],
    ['authorisation', 'bytes32'],
  ],
  release: [
    ['transfer', 'uuid'],
    ['instruction', 'bytes32'],
    ['index', 'u8'],
    ['reason', 'u8'],
  ],
  erasure: [['erased', 'uuid']],
  liability: [
    ['root', 'bytes32'],
    ['asset', 'u32'],
    ['total', 'u128'],
  ],
};

/** What a leaf binds beside the record itself. */
export interface RecordContext {
  readonly chainId: bigint;
  readonly book: BookId;
}

/** Leaf tag 0x00 || 0x01 and version 1. */
const RECORD = Uint8Array.of(0x00, 0x01, 1);
const INTEGER_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, ms: 8, s: 8 } as const;

/** One for all: a record is encoded without a pause, from its restart to what was written. */
const writer = new ByteWriter();

function writeFixed(hex: Hex, length: number): void {
  const bytes = fromHex(hex);
  assert(bytes.length === length, `${hex} has not ${length} bytes`);
  writer.bytes(bytes);
}

function writeMember(encoding: Encoding, value: unknown): void {
  switch (encoding) {
    case 'uuid':
      return writer.uuid(value as string);
    case 'address':
      return writeFixed(value as Hex, 20);
    case 'bytes32':
      return writeFixed(value as Hex, 32);
    case 'text':
    case 'about':
      return writer.text(value as string, 2);
    case 'json':
      return writer.text(canonicalJson(parseCanonicalJson(value as string)), 4);
    case 'u8':
    case 'u16':
    case 'u32':
    case 'u64':
    case 'u128':
    case 'ms':
    case 's':
      return writer.uint(value as bigint | number, INTEGER_BYTES[encoding]);
  }
}

/** The body of a record as docs/formats.md lays it out for its kind. */
function writeBody(record: LedgerRecord): void {
  // The table names members of every kind; which of them this kind has is what the table says, and what its test compares.
  const members = record as unknown as Readonly<Record<string, unknown>>;
  for (const [member, encoding] of BODIES[record.kind]) {
    if (encoding !== 'about' || record.kind !== 'asset') writeMember(encoding, members[member]);
    else writeMember(encoding, canonicalJson({ caip19: record.caip19, peg: record.peg, symbol: record.symbol }));
  }
}

/** The preimage of a record's leaf: 0x00 || 0x01 || version || kind || chainId u64 || book || seq u64 || nowMs u64 || fieldsRoot || body. */
export function encodeRecord({ chainId, book }: RecordContext, record: LedgerRecord, root: Hash): Uint8Array {
  assert(root.length === 32, 'a fields root has 32 bytes');
  writer.restart();
  writer.bytes(RECORD);
  writer.uint(KIND_NUMBERS[record.kind], 1);
  writer.uint(chainId, 8);
  writer.uuid(book);
  writer.uint(record.seq, 8);
  writer.uint(record.nowMs, 8);
  writer.bytes(root);
  writeBody(record);
  return writer.written();
}

/** The leaf of a record whose fields hash to `root` (`recordFieldsRoot`). 32 bytes. */
export function recordLeaf(context: RecordContext, record: LedgerRecord, root: Hash): Hash {
  return keccak_256(encodeRecord(context, record, root));
}

/** The fields root of a record: of its fields under its salt, or 32 zero bytes where it carries none. */
export function recordFieldsRoot(record: Pick<LedgerRecord, 'fields'>, salt: Hash | null): Hash {
  if (record.fields === undefined || Object.keys(record.fields).length === 0) return NO_FIELDS;
  assert(salt, 'a record with fields has a subject, whose key salts them');
  return fieldsRoot(record.fields, salt);
}
