import { concat, uintBytes } from '#base';

/**
 * The few forms of DER (ITU-T X.690) that a certificate needs. Node parses X.509 and makes none; a dependency that issues certificates would be more code
 * in a signer than these lines.
 */
function tagged(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concat(...contents);
  return concat(Uint8Array.of(tag), lengthOf(content.length), content);
}

/** X.690 section 8.1.3: one byte below 128, else the count of bytes and the bytes. */
function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes = Math.ceil(Math.log2(length + 1) / 8);
  return concat(Uint8Array.of(0x80 | bytes), uintBytes(length, bytes));
}

export function sequence(...contents: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, ...contents);
}

export function set(...contents: readonly Uint8Array[]): Uint8Array {
  return tagged(0x31, ...contents);
}

/** A positive integer from big-endian bytes: minimal, with a zero in front where the first bit would read as a sign (section 8.3). */
export function integer(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  const minimal = start < 0 ? Uint8Array.of(0) : bytes.subarray(start);
  return tagged(0x02, minimal[0]! >= 0x80 ? concat(Uint8Array.of(0), minimal) : minimal);
}

/** Section 8.19: the first two arcs share a byte, the others are base 128. */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(0x06, Uint8Array.of(first * 40 + second), ...rest.map(base128));
}

function base128(arc: number): Uint8Array {
  const digits = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f));
  return Uint8Array.from(digits);
}

export function utf8String(text: string): Uint8Array {
  return tagged(0x0c, new TextEncoder().encode(text));
}

/** `YYYYMMDDHHMMSSZ`, the only form that RFC 5280 section 4.1.2.5.2 allows from 2050 on. */
export function generalizedTime(text: string): Uint8Array {
  return tagged(0x18, new TextEncoder().encode(text));
}

export function bitString(bytes: Uint8Array): Uint8Array {
  return tagged(0x03, Uint8Array.of(0), bytes);
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return tagged(0x04, bytes);
}

export function booleanTrue(): Uint8Array {
  return tagged(0x01, Uint8Array.of(0xff));
}

/** A constructed member with an explicit context tag. */
export function explicit(number: number, ...contents: readonly Uint8Array[]): Uint8Array {
  return tagged(0xa0 | number, ...contents);
}
