import type { RandomBytes } from '#base';
import { assert } from '#base';
import { SCALAR_BYTES } from './parameters.ts';

/** q: the order of secp256k1 (SEC 2 section 2.4.1). */
export const q = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Into [0, q), also of a negative value. */
export function mod(value: bigint): bigint {
  const rest = value % q;
  return rest < 0n ? rest + q : rest;
}

/** a^-1 mod q of a PUBLIC a that is not 0 mod q: Euclid's steps follow the value. Nothing in the protocol inverts a secret: Lagrange denominators, U and r are known to all. */
export function invert(value: bigint): bigint {
  let [a, b] = [mod(value), q];
  assert(a !== 0n, 'zero has no inverse');
  let [u, v] = [1n, 0n];
  while (a !== 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [u, v] = [v - quotient * u, u];
  }
  return mod(u);
}

/** 32 bytes big-endian of a value in [0, q) (2.3). */
export function scalarBytes(value: bigint): Uint8Array {
  assert(value >= 0n && value < q, 'a scalar is in [0, q)');
  return new Uint8Array(Buffer.from(value.toString(16).padStart(SCALAR_BYTES * 2, '0'), 'hex'));
}

/** The value of exactly 32 bytes below q, or null: `s + q` is another spelling of s and slips past every hash of bytes (2.3). */
export function scalarOf(bytes: Uint8Array): bigint | null {
  if (bytes.length !== SCALAR_BYTES) return null;
  const value = bigEndian(bytes);
  return value < q ? value : null;
}

const Q_BYTES = Buffer.from(q.toString(16), 'hex');

/** Whether every 32 bytes of what a peer sent are below q, big-endian: the first byte that differs from q's decides. */
export function areScalars(bytes: Uint8Array): boolean {
  if (bytes.length % SCALAR_BYTES !== 0) return false;
  for (let at = 0; at < bytes.length; at += SCALAR_BYTES) {
    let k = 0;
    while (k < SCALAR_BYTES && bytes[at + k] === Q_BYTES[k]) k++;
    if (k === SCALAR_BYTES || bytes[at + k]! > Q_BYTES[k]!) return false;
  }
  return true;
}

export function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`);
}

/** `length` bytes of the source, as a copy of their own: a source that falls short, or that hands out its own buffer again, must never be the reason for a secret that is known or used twice. */
export function drawn(length: number, random: RandomBytes): Uint8Array {
  const bytes = new Uint8Array(random(length));
  assert(bytes.length === length, 'the source of randomness gives as many bytes as it is asked for');
  return bytes;
}

/** Uniform in Z_q but for 2^-256: 512 bits reduced. */
export function randomScalar(random: RandomBytes): bigint {
  return bigEndian(drawn(64, random)) % q;
}

/** Uniform in Z_q*. A zero once in 2^256 draws is drawn again; a source that gives nothing but zeros is broken, and stops here. */
export function randomNonZeroScalar(random: RandomBytes): bigint {
  for (let draw = 0; draw < 8; draw++) {
    const value = randomScalar(random);
    if (value !== 0n) return value;
  }
  assert(false, 'the source of randomness gives nothing but zeros');
}
