import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, fromHex, uintBytes, utf8, uuidBytes, type BookId, type Hex } from '#base';
import { canonicalJson, parseCanonicalJson } from './canonical.ts';
import { fieldsRoot, NO_FIELDS } from './fields.ts';
import type { Hash } from './merkle.ts';
import type { LogRecord } from './types.ts';

/** Integers are big-endian and unsigned; `text` and `json` stand behind their length, u16 and u32. */
export type Encoding = 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'uuid' | 'address' | 'bytes32' | 'text' | 'json' | 'ms' | 's' | 'about';

export interface BodyFormat {
  readonly no: number;
  readonly members: readonly (readonly [member: string, encoding: Encoding])[];
}

/** "Kinds and bodies" of docs/formats.md, line by line: the number of each kind and its members in the order they are hashed. */
export const BODIES: Readonly<Record<LogRecord['kind'], BodyFormat>> = {
  asset: {
    no: 1,
    members: [
      ['asset', 'u32'],
      ['decimals', 'u8'],
      ['caip19 peg symbol', 'about'],
    ],
  },
  account: {
    no: 2,
    members: [
      ['id', 'uuid'],
      ['asset', 'u32'],
      ['code', 'u16'],
      ['flags', 'u16'],
      ['overdraft', 'u128'],
      ['owner', 'uuid'],
    ],
  },
  transfer: {
    no: 3,
    members: [
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
  },
  refusal: {
    no: 4,
    members: [
      ['transfer', 'uuid'],
      ['code', 'text'],
    ],
  },
  expiry: { no: 5, members: [['pending', 'uuid']] },
  merchant: {
    no: 6,
    members: [
      ['merchant', 'uuid'],
      ['key', 'address'],
      ['digest', 'bytes32'],
    ],
  },
  payee: {
    no: 7,
    members: [
      ['payee', 'uuid'],
      ['merchant', 'uuid'],
      ['digest', 'bytes32'],
    ],
  },
  order: {
    no: 8,
    members: [
      ['order', 'uuid'],
      ['merchant', 'uuid'],
      ['digest', 'bytes32'],
      ['count', 'u32'],
    ],
  },
  window: {
    no: 9,
    members: [
      ['window', 'uuid'],
      ['fromSeq', 'u64'],
      ['toSeq', 'u64'],
    ],
  },
  instruction: {
    no: 10,
    members: [
      ['vault', 'address'],
      ['token', 'address'],
      ['window', 'uuid'],
      ['index', 'u16'],
      ['listHash', 'bytes32'],
      ['count', 'u8'],
      ['total', 'u128'],
      ['notAfterS', 's'],
    ],
  },
  tariff: {
    no: 11,
    members: [
      ['tariff', 'uuid'],
      ['schedule', 'json'],
    ],
  },
  wallet: {
    no: 12,
    members: [
      ['merchant', 'uuid'],
      ['wallet', 'address'],
      ['digest', 'bytes32'],
    ],
  },
  release: {
    no: 13,
    members: [
      ['pending', 'uuid'],
      ['instruction', 'bytes32'],
      ['index', 'u8'],
      ['reason', 'u8'],
    ],
  },
  erasure: { no: 14, members: [['subject', 'uuid']] },
  liability: {
    no: 15,
    members: [
      ['root', 'bytes32'],
      ['asset', 'u32'],
      ['total', 'u128'],
    ],
  },
};

/** What a leaf binds beside the record itself. */
export interface RecordContext {
  readonly chainId: bigint;
  readonly book: BookId;
}

/** Leaf tag 0x00 || 0x01 and version 1. */
const RECORD = Uint8Array.of(0x00, 0x01, 1);
const INTEGER_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, ms: 8, s: 8 } as const;

function behindLength(bytes: Uint8Array, lengthBytes: number): Uint8Array {
  return concat(uintBytes(bytes.length, lengthBytes), bytes);
}

function fixed(hex: Hex, length: number): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes.length === length, `${hex} has not ${length} bytes`);
  return bytes;
}

function encodeMember(encoding: Encoding, value: unknown): Uint8Array {
  switch (encoding) {
    case 'uuid':
      return uuidBytes(value as string);
    case 'address':
      return fixed(value as Hex, 20);
    case 'bytes32':
      return fixed(value as Hex, 32);
    case 'text':
    case 'about':
      return behindLength(utf8(value as string), 2);
    case 'json':
      return behindLength(utf8(canonicalJson(parseCanonicalJson(value as string))), 4);
    default:
      return uintBytes(value as bigint | number, INTEGER_BYTES[encoding]);
  }
}

/** The body of a record as docs/formats.md lays it out for its kind. */
export function encodeRecordBody(record: LogRecord): Uint8Array {
  // The table names members of every kind; which of them this kind has is what the table says, and what its test compares.
  const members = record as unknown as Readonly<Record<string, unknown>>;
  return concat(
    ...BODIES[record.kind].members.map(([member, encoding]) => {
      if (encoding !== 'about' || record.kind !== 'asset') return encodeMember(encoding, members[member]);
      return encodeMember(encoding, canonicalJson({ caip19: record.caip19, peg: record.peg, symbol: record.symbol }));
    }),
  );
}

/** The preimage of a record's leaf: 0x00 || 0x01 || version || kind || chainId u64 || book || seq u64 || nowMs u64 || fieldsRoot || body. */
export function encodeRecord({ chainId, book }: RecordContext, record: LogRecord, root: Hash): Uint8Array {
  assert(root.length === 32, 'a fields root has 32 bytes');
  return concat(
    RECORD,
    uintBytes(BODIES[record.kind].no, 1),
    uintBytes(chainId, 8),
    uuidBytes(book),
    uintBytes(record.seq, 8),
    uintBytes(record.nowMs, 8),
    root,
    encodeRecordBody(record),
  );
}

/** The leaf of a record whose fields hash to `root` (`recordFieldsRoot`). 32 bytes. */
export function recordLeaf(context: RecordContext, record: LogRecord, root: Hash): Hash {
  return keccak_256(encodeRecord(context, record, root));
}

/** The fields root of a record: of its fields under its salt, or 32 zero bytes where it carries none. */
export function recordFieldsRoot(record: Pick<LogRecord, 'fields'>, salt: Hash | null): Hash {
  if (record.fields === undefined || Object.keys(record.fields).length === 0) return NO_FIELDS;
  assert(salt, 'a record with fields has a subject, whose key salts them');
  return fieldsRoot(record.fields, salt);
}
