import assert from 'node:assert/strict';

/** Element types by name, as casts in SQL spell them, with the OIDs that binary arrays carry. */
const OIDS: Readonly<Record<string, number>> = { boolean: 16, int8: 20, int2: 21, int4: 23, text: 25, numeric: 1700, uuid: 2950, jsonb: 3802 };

type Read = (bytes: Buffer, offset: number, length: number) => unknown;

const READERS: Readonly<Record<string, Read>> = {
  boolean: (bytes, offset) => bytes[offset] === 1,
  int2: (bytes, offset) => bytes.readInt16BE(offset),
  int4: (bytes, offset) => bytes.readInt32BE(offset),
  int8: (bytes, offset) => bytes.readBigInt64BE(offset),
  text: (bytes, offset, length) => bytes.toString('utf8', offset, offset + length),
  jsonb: (bytes, offset, length) => {
    assert.equal(bytes[offset], 1, 'the version of jsonb');
    return JSON.parse(bytes.toString('utf8', offset + 1, offset + length)) as unknown;
  },
  uuid: (bytes, offset, length) => {
    assert.equal(length, 16);
    const hex = bytes.toString('hex', offset, offset + 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
  numeric: (bytes, offset) => {
    const count = bytes.readInt16BE(offset);
    const weight = bytes.readInt16BE(offset + 2);
    assert.equal(bytes.readInt16BE(offset + 4), 0, 'no sign');
    assert.equal(bytes.readInt16BE(offset + 6), 0, 'no scale');
    if (count === 0) return 0n;
    let value = 0n;
    for (let digit = 0; digit < count; digit++) value = value * 10_000n + BigInt(bytes.readInt16BE(offset + 8 + digit * 2));
    return value * 10_000n ** BigInt(weight - count + 1);
  },
};

/** An array parameter as its cast `type[]` reads it: PostgreSQL's binary format, of at most one dimension. */
export function readArray(type: string, bytes: unknown): unknown[] {
  const read = READERS[type];
  assert(Buffer.isBuffer(bytes) && read, `an array of ${type} comes as bytes`);
  assert.equal(bytes.readInt32BE(8), OIDS[type], `the elements of an array that is cast to ${type}[]`);
  if (bytes.readInt32BE(0) === 0) return [];
  const count = bytes.readInt32BE(12);
  const values: unknown[] = [];
  let offset = 20;
  for (let i = 0; i < count; i++) {
    const length = bytes.readInt32BE(offset);
    offset += 4;
    values.push(length === -1 ? null : read(bytes, offset, length));
    if (length > 0) offset += length;
  }
  assert.equal(offset, bytes.length, 'an array ends where its bytes end');
  return values;
}

/** A text such as `{1,2}`, cast to an array of int4. */
export function integersOf(text: unknown): number[] | null {
  if (text === null) return null;
  assert(typeof text === 'string' && /^\{[\d,]*\}$/.test(text), 'an array of integers in a text');
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(Number);
}
