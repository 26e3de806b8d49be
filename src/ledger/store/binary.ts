/**
 * Arrays in PostgreSQL's binary format (array_recv and the recv functions of its elements): pg sends a Buffer as it is, and
 * neither side prints and parses text for each of thousands of values.
 */

const OIDS = { boolean: 16, int8: 20, int2: 21, int4: 23, text: 25, numeric: 1700, uuid: 2950, jsonb: 3802 } as const;

/** Dimension count, "has nulls", element type, length and lower bound of a one-dimensional array. */
function header(oid: number, length: number, bytes: number): Buffer {
  if (length === 0) {
    const empty = Buffer.alloc(12);
    empty.writeInt32BE(oid, 8);
    return empty;
  }
  const buffer = Buffer.allocUnsafe(20 + bytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

type Writer<T> = (buffer: Buffer, offset: number, value: T) => void;

/** An array whose elements all have the same width; a null is a length of -1 and nothing else. */
function fixed<T>(oid: number, width: number, values: readonly (T | null)[], write: Writer<T>): Buffer {
  const buffer = header(oid, values.length, values.length * (4 + width));
  let offset = 20;
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(-1, offset);
      offset += 4;
    } else {
      buffer.writeInt32BE(width, offset);
      write(buffer, offset + 4, value);
      offset += 4 + width;
    }
  }
  return values.length === 0 ? buffer : buffer.subarray(0, offset);
}

function variable(oid: number, values: readonly (Buffer | null)[]): Buffer {
  const buffer = header(
    oid,
    values.length,
    values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0),
  );
  let offset = 20;
  for (const value of values) {
    buffer.writeInt32BE(value?.length ?? -1, offset);
    offset += 4;
    if (value !== null) offset += value.copy(buffer, offset);
  }
  return buffer;
}

export function int2s(values: readonly (number | null)[]): Buffer {
  return fixed(OIDS.int2, 2, values, (buffer, offset, value) => buffer.writeInt16BE(value, offset));
}

export function int4s(values: readonly (number | null)[]): Buffer {
  return fixed(OIDS.int4, 4, values, (buffer, offset, value) => buffer.writeInt32BE(value, offset));
}

export function int8s(values: readonly (number | bigint | null)[]): Buffer {
  return fixed(OIDS.int8, 8, values, (buffer, offset, value) => {
    const number = Number(value);
    if (Number.isSafeInteger(number)) {
      // Two writes of 32 bits are several times as fast as one of a bigint.
      buffer.writeInt32BE(Math.floor(number / 2 ** 32), offset);
      buffer.writeUInt32BE(number >>> 0, offset + 4);
    } else {
      buffer.writeBigInt64BE(BigInt(value), offset);
    }
  });
}

export function booleans(values: readonly boolean[]): Buffer {
  return fixed(OIDS.boolean, 1, values, (buffer, offset, value) => buffer.writeUInt8(value ? 1 : 0, offset));
}

const NIBBLES = new Uint8Array(103);
for (let digit = 0; digit < 16; digit++) NIBBLES[digit.toString(16).charCodeAt(0)] = digit;
/** Where the 32 digits stand in 8-4-4-4-12. */
const UUID_DIGITS = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'.split('').flatMap((mark, place) => (mark === 'x' ? [place] : []));

/** Canonical UUIDs, as the core lets no others through. */
export function uuids(values: readonly (string | null)[]): Buffer {
  return fixed(OIDS.uuid, 16, values, (buffer, offset, value) => {
    for (let byte = 0; byte < 16; byte++) {
      const high = NIBBLES[value.charCodeAt(UUID_DIGITS[byte * 2]!)]!;
      buffer[offset + byte] = (high << 4) | NIBBLES[value.charCodeAt(UUID_DIGITS[byte * 2 + 1]!)]!;
    }
  });
}

export function texts(values: readonly (string | null)[]): Buffer {
  return variable(
    OIDS.text,
    values.map((value) => (value === null ? null : Buffer.from(value))),
  );
}

/** JSON texts; jsonb_recv wants the version of its format, 1, before each. */
export function jsonbs(values: readonly (string | null)[]): Buffer {
  return variable(
    OIDS.jsonb,
    values.map((value) => (value === null ? null : Buffer.from(`\x01${value}`))),
  );
}

/** Whole numbers from 0 up. numeric_recv takes digits of base 10,000: their count, the weight of the first, sign, scale, digits. */
export function numerics(values: readonly bigint[]): Buffer {
  return variable(OIDS.numeric, values.map(numeric));
}

function numeric(value: bigint): Buffer {
  const digits: number[] = [];
  let big = value;
  while (big > 9_007_199_254_740_991n) {
    digits.push(Number(big % 10_000n));
    big /= 10_000n;
  }
  for (let rest = Number(big); rest > 0; rest = Math.floor(rest / 10_000)) digits.push(rest % 10_000);
  const buffer = Buffer.allocUnsafe(8 + digits.length * 2);
  buffer.writeInt16BE(digits.length, 0);
  buffer.writeInt16BE(Math.max(digits.length - 1, 0), 2);
  buffer.writeInt32BE(0, 4);
  for (const [place, digit] of digits.entries()) buffer.writeInt16BE(digit, 8 + (digits.length - 1 - place) * 2);
  return buffer;
}
