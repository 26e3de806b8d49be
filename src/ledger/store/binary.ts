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

/** The most bytes of a number up to the largest amount: its length, four int2 and ten digits. */
const NUMERIC_BYTES = 32;

/**
 * Whole numbers from 0 up to the largest amount. numeric_recv takes digits of base 10,000: their count, the weight of the first, sign, scale, digits. They are written from
 * the last one on, byte by byte: this runs for every amount and every balance.
 */
export function numerics(values: readonly bigint[]): Buffer {
  const buffer = header(OIDS.numeric, values.length, values.length * NUMERIC_BYTES);
  let offset = 20;
  for (const value of values) offset = writeNumeric(buffer, offset, value);
  return values.length === 0 ? buffer : buffer.subarray(0, offset);
}

function writeNumeric(buffer: Buffer, offset: number, value: bigint): number {
  const count = digitsOf(value);
  const weight = Math.max(count - 1, 0);
  buffer[offset] = buffer[offset + 1] = buffer[offset + 2] = 0;
  buffer[offset + 3] = 8 + 2 * count;
  buffer[offset + 4] = buffer[offset + 6] = 0;
  buffer[offset + 5] = count;
  buffer[offset + 7] = weight;
  buffer.fill(0, offset + 8, offset + 12);
  for (let i = 0; i < count; i++) {
    const digit = DIGITS[count - 1 - i]!;
    buffer[offset + 12 + 2 * i] = digit >>> 8;
    buffer[offset + 13 + 2 * i] = digit;
  }
  return offset + 12 + 2 * count;
}

const DIGITS = new Int32Array(10);

/** Puts the digits of base 10,000 into DIGITS, the last one first, and says how many there are. */
function digitsOf(value: bigint): number {
  let count = 0;
  let big = value;
  for (; big > 9_007_199_254_740_991n; big /= 10_000n) DIGITS[count++] = Number(big % 10_000n);
  for (let rest = Number(big); rest > 0; rest = Math.floor(rest / 10_000)) DIGITS[count++] = rest % 10_000;
  return count;
}
