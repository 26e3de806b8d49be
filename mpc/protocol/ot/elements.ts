/** Long vectors of scalars, which is where the time of a signature goes: as few and as large conversions as possible. */
import { assert } from '#base';
import { SCALAR_BYTES, VOLE_WIDTH } from '../primitives/parameters.ts';
import { q } from '../primitives/scalars.ts';

const ROW_HEX = 2 * SCALAR_BYTES * VOLE_WIDTH;

/** Appends the W numbers below 2^256 of one row, 128 bytes big-endian in hexadecimal: one long number is parsed and cut, which takes two thirds of parsing four. */
export function pushRow(row: string, into: bigint[]): void {
  const whole = BigInt(`0x${row}`);
  into.push(whole >> 768n, BigInt.asUintN(256, whole >> 512n), BigInt.asUintN(256, whole >> 256n), BigInt.asUintN(256, whole));
}

/** The scalars of row-major W columns, or null where one of them is not below q or the length is wrong. */
export function rowsOfScalars(bytes: Uint8Array, rows: number): bigint[] | null {
  if (bytes.length !== rows * VOLE_WIDTH * SCALAR_BYTES) return null;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  const values: bigint[] = [];
  for (let at = 0; at < hex.length; at += ROW_HEX) pushRow(hex.slice(at, at + ROW_HEX), values);
  return values.every((value) => value < q) ? values : null;
}

/** 32 bytes big-endian each, of values in [0, q): written as little-endian words from the last value to the first, then turned round as a whole. */
export function scalarsBytes(values: readonly bigint[]): Uint8Array {
  const words = new BigUint64Array(4 * values.length);
  for (let v = values.length - 1, at = 0; v >= 0; v--, at += 4) {
    const value = values[v]!;
    // A word takes the low 64 bits of what it is given.
    words[at] = value;
    words[at + 1] = value >> 64n;
    words[at + 2] = value >> 128n;
    words[at + 3] = value >> 192n;
  }
  return new Uint8Array(words.buffer).reverse();
}

assert(VOLE_WIDTH === 4, 'a row is cut into four numbers');
