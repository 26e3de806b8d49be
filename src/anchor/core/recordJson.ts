import { isHex, isUuid, Problem } from '#base';
import { KIND_NUMBERS, type LedgerRecord, type RecordBody } from '#ledger/core';
import { canonicalJson, parseCanonicalJson, type JsonValue } from './canonical.ts';
import { BODIES, type Encoding } from './record.ts';

/** A record as receipts and exports write it: u64 and u128 as decimal strings, the rest as JSON has it. Evidence is beside it, not in it. */
export type RecordJson = { readonly [member: string]: JsonValue };

type BareRecord = RecordBody & Pick<LedgerRecord, 'seq' | 'nowMs'>;

const ABOUT: readonly (readonly [string, Encoding])[] = [
  ['caip19', 'about'],
  ['peg', 'about'],
  ['symbol', 'about'],
];
const HEADER: readonly (readonly [string, Encoding])[] = [
  ['seq', 'u64'],
  ['nowMs', 'ms'],
];
const LARGEST: Partial<Record<Encoding, bigint>> = { u8: 1n << 8n, u16: 1n << 16n, u32: 1n << 32n, u64: 1n << 64n, u128: 1n << 128n };

function membersOf(kind: LedgerRecord['kind']): readonly (readonly [string, Encoding])[] {
  return [...HEADER, ...BODIES[kind].flatMap((entry) => (entry[1] === 'about' ? ABOUT : [entry]))];
}

export function recordToJson(record: LedgerRecord): RecordJson {
  const source = record as unknown as Readonly<Record<string, unknown>>;
  const members = membersOf(record.kind).map(([member]) => {
    const value = source[member];
    return [member, typeof value === 'bigint' ? value.toString() : (value as JsonValue)] as const;
  });
  return Object.fromEntries([['kind', record.kind], ...members]);
}

/** Reads what `recordToJson` writes and nothing else: no member more or less, every integer in the range and spelling of its encoding. */
export function recordFromJson(json: JsonValue): BareRecord {
  const source = asObject(json);
  const kind = source['kind'];
  if (typeof kind !== 'string' || !Object.hasOwn(KIND_NUMBERS, kind)) throw refuse('kind');
  const members = membersOf(kind as LedgerRecord['kind']);
  const expected = ['kind', ...members.map(([member]) => member)].sort();
  if (canonicalJson(Object.keys(source).sort()) !== canonicalJson(expected)) throw refuse(`${kind} (its members)`);
  const entries = members.map(([member, encoding]) => {
    const value = source[member]!;
    if (member === 'caip19' && value === null) return [member, null];
    return [member, decode(member, encoding, value)];
  });
  return Object.fromEntries([['kind', kind], ...entries]) as BareRecord;
}

function asObject(json: JsonValue): RecordJson {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw refuse('record');
  return json as RecordJson;
}

function refuse(member: string): Problem {
  return new Problem('anchor/bad-receipt', `A record’s ${member} is not what the formats allow.`);
}

function decode(member: string, encoding: Encoding, value: JsonValue): string | number | bigint {
  switch (encoding) {
    case 'uuid':
      if (typeof value === 'string' && isUuid(value)) return value;
      throw refuse(member);
    case 'address':
    case 'bytes32':
      if (typeof value === 'string' && isHex(value, encoding === 'address' ? 20 : 32)) return value;
      throw refuse(member);
    case 'text':
    case 'about':
      if (typeof value === 'string') return value;
      throw refuse(member);
    case 'json':
      if (typeof value === 'string') return canonicalJson(parseCanonicalJson(value));
      throw refuse(member);
    case 'u64':
    case 'u128':
      if (typeof value === 'string' && /^(0|[1-9]\d{0,38})$/.test(value) && BigInt(value) < LARGEST[encoding]!) return BigInt(value);
      throw refuse(member);
    case 'u8':
    case 'u16':
    case 'u32':
    case 'ms':
    case 's': {
      const isInteger = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
      if (isInteger && BigInt(value) < (LARGEST[encoding] ?? 1n << 64n)) return value;
      throw refuse(member);
    }
  }
}
