import { hash } from 'node:crypto';
import { assert, utf8 } from '#base';
import { q } from './scalars.ts';
import { TAGS, type Tag } from './tags.ts';

/** len32(tag) || tag, once for each tag. */
const PREFIXES = new Map<Tag, Uint8Array>(TAGS.map((tag) => [tag, lengthPrefixed(utf8(tag))]));

function lengthPrefixed(part: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + part.length);
  new DataView(bytes.buffer).setUint32(0, part.length);
  bytes.set(part, 4);
  return bytes;
}

/** len32(tag)||tag || len32(p1)||p1 || ... (2.1): injective, because no part can lend a byte to its neighbour. */
export function encodeParts(tag: Tag, parts: readonly Uint8Array[]): Uint8Array {
  const prefix = PREFIXES.get(tag)!;
  let length = prefix.length;
  for (const part of parts) length += 4 + part.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(prefix);
  let at = prefix.length;
  for (const part of parts) {
    view.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

/** H(tag; p1..pk) = SHA-256 of the injective encoding (2.1): 32 bytes. */
export function H(tag: Tag, ...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', encodeParts(tag, parts), 'buffer'));
}

/** H512(tag; p1..pk) mod q, SHA-512 read big-endian (2.1): off uniform by less than 2^-256. */
export function H512(tag: Tag, ...parts: readonly Uint8Array[]): bigint {
  return BigInt(`0x${hash('sha512', encodeParts(tag, parts), 'hex')}`) % q;
}

/** XOF(tag; p1..pk) = SHAKE256 of the injective encoding (2.1), `length` bytes. */
export function XOF(tag: Tag, length: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('shake256', encodeParts(tag, parts), { outputEncoding: 'buffer', outputLength: length }));
}

// Node before 24.4 knows no outputLength and would answer with 32 bytes.
assert(XOF('ote-chi/v1', 68).length === 68, 'node:crypto hashes to the length that it is asked for');

/** A list is ONE part: count u32 BE || fixed-width items (2.1). */
export function list(items: readonly Uint8Array[], width: number): Uint8Array {
  const bytes = new Uint8Array(4 + items.length * width);
  new DataView(bytes.buffer).setUint32(0, items.length);
  items.forEach((item, index) => {
    assert(item.length === width, `an item of a list has ${width} bytes, not ${item.length}`);
    bytes.set(item, 4 + index * width);
  });
  return bytes;
}

/** Party ids, n, t and every index inside a hash: u16 BE (2.1). */
export function u16(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, `${value} is no u16`);
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** Epochs, generations and steps of a path: u32 BE. */
export function u32(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, `${value} is no u32`);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
