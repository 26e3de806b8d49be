import { assert } from './problem.ts';

/** Lower-case hexadecimal with 0x, as chains and receipts write bytes. */
export type Hex = `0x${string}`;

const HEX = /^0x(?:[0-9a-f]{2})*$/;

export function toHex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

/** Only strict lower-case hexadecimal: two spellings of one value would be two receipts of one proof. */
export function fromHex(hex: Hex): Uint8Array {
  assert(HEX.test(hex), `not lower-case hexadecimal: ${hex.slice(0, 80)}`);
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'));
}

export function isHex(text: string, byteLength?: number): text is Hex {
  return HEX.test(text) && (byteLength === undefined || text.length === 2 + byteLength * 2);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Big-endian, exactly `byteLength` bytes; a value that does not fit is a bug of ours. */
export function uintBytes(value: bigint | number, byteLength: number): Uint8Array {
  const number = Number(value);
  // Nearly every value is one that a number holds exactly, and dividing that is several times as fast as printing and reading it.
  if (Number.isSafeInteger(number) && number >= 0 && number < 2 ** (byteLength * 8)) return numberBytes(number, byteLength);
  const big = BigInt(value);
  assert(big >= 0n && big < 1n << BigInt(byteLength * 8), `${big} does not fit ${byteLength} bytes`);
  return new Uint8Array(Buffer.from(big.toString(16).padStart(byteLength * 2, '0'), 'hex'));
}

function numberBytes(value: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  for (let place = byteLength - 1, rest = value; rest > 0; place--, rest = Math.floor(rest / 256)) bytes[place] = rest % 256;
  return bytes;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
