import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { normalizeZ } from '@noble/curves/abstract/curve.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { assert } from '#base';
import { wipe } from './constantTime.ts';
import { COMPRESSED_BYTES, POINT_BYTES } from './parameters.ts';
import { q, scalarBytes } from './scalars.ts';

export type Point = InstanceType<typeof secp256k1.Point>;

/** G and O (section 1). */
export const G: Point = secp256k1.Point.BASE;
export const O: Point = secp256k1.Point.ZERO;
G.precompute(8);

/** ECPrivateKey (RFC 5915) up to the 32 bytes of k, and from there to the 65 of the public point; SubjectPublicKeyInfo (RFC 5480) up to the point. */
const SEC1 = Buffer.from('30740201010420', 'hex');
const SEC1_CURVE = Buffer.from('a00706052b8104000aa144034200', 'hex');
const SPKI = Buffer.from('3056301006072a8648ce3d020106052b8104000a034200', 'hex');
const G_BYTES = G.toBytes(false);

/** k G for a secret k, 65 bytes, by OpenSSL's ladder, whose time does not follow k (15); k in [1, q). */
export function timesGBytes(k: bigint): Uint8Array {
  const ladder = createECDH('secp256k1');
  const secret = scalarBytes(k);
  ladder.setPrivateKey(secret);
  wipe(secret);
  return new Uint8Array(ladder.getPublicKey());
}

/** k G for a secret k in [0, q). */
export function timesG(k: bigint): Point {
  return k === 0n ? O : decoded(timesGBytes(k))!;
}

/**
 * x(k P) of each P (65 bytes, on the curve, not O) for a secret k in [1, q), 32 bytes each, by the same ladder. It does not tell k P from -k P: only for where that is enough (the keys of 4.3) or is made
 * enough (the offset in checks 3 and 4 of 7). The private key is handed over with G in the place of its public point: Diffie-Hellman makes no use of that, and without it OpenSSL would compute it at
 * the price of two multiplications.
 */
export function xOfMultiples(k: bigint, points: readonly Uint8Array[]): Uint8Array[] {
  const secret = scalarBytes(k);
  const key = Buffer.concat([SEC1, secret, SEC1_CURVE, G_BYTES]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'sec1' });
  wipe(secret, key);
  return points.map((point) => new Uint8Array(diffieHellman({ privateKey, publicKey: nativeKey(point) })));
}

/** A point of 65 bytes as OpenSSL's public key; it must be on the curve. */
export function nativeKey(point: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, point]), format: 'der', type: 'spki' });
}

/** k P for a secret k in [0, q), by noble's fixed sequence of operations. Zero, which noble refuses, gives O. */
export function times(point: Point, k: bigint): Point {
  assert(k >= 0n && k < q, 'a scalar is in [0, q)');
  return k === 0n ? O : point.multiply(k);
}

/** k P in variable time: for public k only. */
export function timesPublic(point: Point, k: bigint): Point {
  assert(k >= 0n && k < q, 'a scalar is in [0, q)');
  return point.multiplyUnsafe(k);
}

export function sum(points: readonly Point[]): Point {
  return points.reduce((total, point) => total.add(point), O);
}

/** 65 bytes, 04 || x || y. O has no such form and is a bug of ours here. */
export function pointBytes(point: Point): Uint8Array {
  assert(!point.is0(), 'the identity is never encoded');
  return point.toBytes(false);
}

/** Many at the price of one field inversion. */
export function pointsBytes(points: readonly Point[]): Uint8Array[] {
  for (const point of points) assert(!point.is0(), 'the identity is never encoded');
  return normalizeZ(secp256k1.Point, [...points]).map((point) => point.toBytes(false));
}

/** The point of exactly 65 bytes with prefix 04 that is on the curve, or null (2.3). O cannot be spelled in this form. */
export function pointOf(bytes: Uint8Array): Point | null {
  return bytes.length === POINT_BYTES && bytes[0] === 4 ? decoded(bytes) : null;
}

/** 33 bytes, 02 or 03 || x: in base OT only (2.3). */
export function compressedBytes(point: Point): Uint8Array {
  assert(!point.is0(), 'the identity is never encoded');
  return point.toBytes(true);
}

export function compressedPointOf(bytes: Uint8Array): Point | null {
  return bytes.length === COMPRESSED_BYTES && (bytes[0] === 2 || bytes[0] === 3) ? decoded(bytes) : null;
}

/** noble checks coordinates below p and the curve equation; the cofactor is 1, so that is all there is to check. */
function decoded(bytes: Uint8Array): Point | null {
  try {
    return secp256k1.Point.fromBytes(bytes);
  } catch {
    return null;
  }
}
