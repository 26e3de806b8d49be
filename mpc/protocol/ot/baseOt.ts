/** Batched endemic oblivious transfer from Diffie-Hellman and hash-to-curve (digest 4.2 and 4.3; MRR21 figure 3): one direction of one pair, Alice the receiver and Bob the sender. */
import { assert, type RandomBytes } from '#base';
import { abort } from '../primitives/abort.ts';
import { wipe } from '../primitives/constantTime.ts';
import { H, u16 } from '../primitives/hash.ts';
import type { SetupSessionId } from '../primitives/ids.ts';
import { BASE_OTS, COMPRESSED_BYTES, HASH_BYTES } from '../primitives/parameters.ts';
import type { PartyId } from '../primitives/parties.ts';
import { compressedBytes, pointBytes, pointsBytes, timesG, xOfMultiples, type Point } from '../primitives/points.ts';
import { bigEndian, drawn, randomNonZeroScalar, scalarBytes } from '../primitives/scalars.ts';
import { Reader } from '../primitives/wire.ts';
import { hashToCurve } from './hashToCurve.ts';

/** Which direction of which run. */
export interface Direction {
  readonly sid: SetupSessionId;
  /** The receiver, later the RVOLE input holder. */
  readonly alice: PartyId;
  /** The sender, later the RVOLE choice holder. */
  readonly bob: PartyId;
}

/** Bob's first half: a, fresh for the pair and the run, and what he sends. */
export interface Offer {
  readonly a: Uint8Array;
  /** A = aG, 33 bytes. */
  readonly A: Uint8Array;
}

/** Alice's first half: her choice bits, her exponents and what she sends. */
export interface Choice {
  /** Delta: 16 bytes, bit b of byte k is bit 8k + b. */
  readonly delta: Uint8Array;
  /** beta_i, 32 bytes each in one string. */
  readonly betas: Uint8Array;
  /** phi_{i,0} || phi_{i,1} for every i: 2 * 128 * 33 bytes. */
  readonly phis: Uint8Array;
}

export const PHIS_BYTES = 2 * BASE_OTS * COMPRESSED_BYTES;

/** The random point of 4.3 is a random multiple of G, thrown away; it is distributed as phi_b is, because the cofactor is 1. */
function randomPoint(random: RandomBytes): Point {
  return timesG(randomNonZeroScalar(random));
}

export function bitOf(bits: Uint8Array, index: number): 0 | 1 {
  return ((bits[index >> 3]! >> (index & 7)) & 1) as 0 | 1;
}

export function offer(random: RandomBytes): Offer {
  const a = randomNonZeroScalar(random);
  return { a: scalarBytes(a), A: compressedBytes(timesG(a)) };
}

/** The time of the loop does not follow Delta: the same operations for either bit, and a masked exchange at the end. */
export function choose({ sid, alice, bob }: Direction, random: RandomBytes): Choice {
  const delta = drawn(BASE_OTS / 8, random);
  // With Delta = 0 every `at` would be the input in clear (4.3). By chance it happens once in 2^128 draws: the source is broken, so nothing is drawn from it again.
  assert(
    delta.some((byte) => byte !== 0),
    'the source of randomness gave a zero Delta',
  );
  const betas = new Uint8Array(BASE_OTS * HASH_BYTES);
  const points: Point[] = [];
  for (let i = 0; i < BASE_OTS; i++) {
    const b = bitOf(delta, i);
    const beta = randomNonZeroScalar(random);
    betas.set(scalarBytes(beta), i * HASH_BYTES);
    const other = randomPoint(random); // phi_{i,1-b}
    const mine = timesG(beta).subtract(hashToCurve(sid, alice, bob, i, b, compressedBytes(other))); // phi_{i,b} = Y_i - Hc_b(i, phi_{i,1-b})
    points.push(mine, other);
  }
  const phis = new Uint8Array(PHIS_BYTES);
  pointsBytes(points).forEach((bytes, index) => phis.set(compressed(bytes), index * COMPRESSED_BYTES));
  for (let i = 0; i < BASE_OTS; i++) exchangeIf(bitOf(delta, i), phis, 2 * i * COMPRESSED_BYTES, (2 * i + 1) * COMPRESSED_BYTES);
  return { delta, betas, phis };
}

function compressed(uncompressed: Uint8Array): Uint8Array {
  const bytes = uncompressed.slice(0, COMPRESSED_BYTES);
  bytes[0] = 2 | (uncompressed[64]! & 1);
  return bytes;
}

/** Exchanges two strings of 33 bytes when the bit is set, by a mask. */
function exchangeIf(bit: 0 | 1, bytes: Uint8Array, first: number, second: number): void {
  const mask = -bit & 0xff;
  for (let k = 0; k < COMPRESSED_BYTES; k++) {
    const difference = (bytes[first + k]! ^ bytes[second + k]!) & mask;
    bytes[first + k]! ^= difference;
    bytes[second + k]! ^= difference;
  }
}

/** KDF(i, b, x, ..) (4.3): i and b are in it, so that equal phi of two transfers never give equal keys. */
function key({ sid, alice, bob }: Direction, i: number, b: number, x: Uint8Array, A: Uint8Array, phis: Uint8Array): Uint8Array {
  const [phi0, phi1] = phiPair(phis, i);
  return H('bot-key/v1', sid, u16(alice), u16(bob), u16(i), u16(b), x, A, phi0, phi1);
}

function phiPair(phis: Uint8Array, i: number): [Uint8Array, Uint8Array] {
  const at = 2 * i * COMPRESSED_BYTES;
  return [phis.slice(at, at + COMPRESSED_BYTES), phis.slice(at + COMPRESSED_BYTES, at + 2 * COMPRESSED_BYTES)];
}

/** Alice's keys k_{Delta_i, i}: 32 bytes each in one string. A is Bob's message, which must be a point. */
export function receiverKeys(direction: Direction, { delta, betas, phis }: Choice, A: Uint8Array): Uint8Array {
  const read = new Reader(A, COMPRESSED_BYTES, direction.bob, 'The base OT offer');
  const base = pointBytes(read.compressedPoint());
  read.end();
  const keys = new Uint8Array(BASE_OTS * HASH_BYTES);
  for (let i = 0; i < BASE_OTS; i++) {
    const [x] = xOfMultiples(bigEndian(betas.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)), [base]); // x(beta_i A)
    keys.set(key(direction, i, bitOf(delta, i), x!, A, phis), i * HASH_BYTES);
  }
  wipe(betas);
  return keys;
}

/** Bob's keys: k0_i and k1_i, 32 bytes each in one string a bit. Refuses Alice's message unless every phi and every P_{i,b} is a point other than O. */
export function senderKeys(direction: Direction, { a, A }: Offer, phis: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const { sid, alice, bob } = direction;
  const read = new Reader(phis, PHIS_BYTES, alice, 'The base OT choice');
  const points = Array.from({ length: 2 * BASE_OTS }, () => read.compressedPoint());
  read.end();
  const P: Point[] = [];
  for (let i = 0; i < BASE_OTS; i++) {
    const encoded = phiPair(phis, i);
    for (const b of [0, 1] as const) {
      const point = points[2 * i + b]!.add(hashToCurve(sid, alice, bob, i, b, encoded[1 - b]!)); // P_{i,b} = phi_{i,b} + Hc_b(i, phi_{i,1-b})
      if (point.is0()) throw abort('mpc/malformed-message', alice, `The base OT choice of party ${alice} makes the identity in transfer ${i}.`);
      P.push(point);
    }
  }
  const xs = xOfMultiples(bigEndian(a), pointsBytes(P)); // x(a P_{i,b})
  wipe(a);
  const keys = [new Uint8Array(BASE_OTS * HASH_BYTES), new Uint8Array(BASE_OTS * HASH_BYTES)] as const;
  for (let i = 0; i < BASE_OTS; i++) for (const b of [0, 1] as const) keys[b].set(key(direction, i, b, xs[2 * i + b]!, A, phis), i * HASH_BYTES);
  return keys;
}
