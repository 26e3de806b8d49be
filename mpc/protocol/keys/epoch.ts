/** One epoch of a key: what all its parties know (Epoch), and what one of them keeps (KeyRecord). */
import { assert, concat, Problem } from '#base';
import { equal } from '../primitives/constantTime.ts';
import { H, list, u16, u32 } from '../primitives/hash.ts';
import { context, epochId, id32, type KeyId } from '../primitives/ids.ts';
import type { KeyShare } from '../primitives/keyShare.ts';
import { HASH_BYTES, POINT_BYTES } from '../primitives/parameters.ts';
import { allParties, checkThreshold, partiesPart, type PartyId, type Threshold } from '../primitives/parties.ts';
import { O, pointBytes, pointOf, pointsBytes, timesG, timesPublic, type Point } from '../primitives/points.ts';
import { interpolateInExponent } from '../primitives/polynomials.ts';
import { invert, mod, scalarOf } from '../primitives/scalars.ts';

/** How an epoch came to be; it chooses the tag of its confirmations. */
const ORIGINS = ['dkg', 'refresh', 'reshare', 'import'] as const;
export type Origin = (typeof ORIGINS)[number];

/** Public among the parties; confidential to everybody else, because of cc. */
export interface Epoch extends Omit<KeyShare, 'id' | 'share'> {
  readonly origin: Origin;
  /** sid of the attempt that made it. */
  readonly attempt: Uint8Array;
  /** Of its parties in id order: 32 bytes each (2.5). */
  readonly identities: readonly Uint8Array[];
}

/** What a party keeps: its share, and everything public of the epoch. */
export type KeyRecord = Epoch & KeyShare;

/** The parts of an epoch as they come out of a ceremony. */
export interface EpochParts extends Threshold {
  readonly origin: Origin;
  readonly keyId: KeyId;
  readonly epoch: number;
  readonly attempt: Uint8Array;
  readonly identities: readonly Uint8Array[];
  readonly X: Point;
  readonly Xs: readonly Point[];
  readonly chainCode: Uint8Array;
}

export function epochOf({ X, Xs, ...facts }: EpochParts): Epoch {
  const publicKey = pointBytes(X);
  const publicShares = pointsBytes(Xs);
  return { ...facts, publicKey, publicShares, epochId: epochId({ ...facts, publicKey, publicShares }) };
}

/** Checks that x_i G == X_i (D4, 10.1, 11.1, 11.3) before anything is called a record; null where it is not. */
export function recordOf(epoch: Epoch, id: PartyId, share: Uint8Array): KeyRecord | null {
  const x = scalarOf(share);
  if (x === null || x === 0n || !equal(pointBytes(timesG(x)), epoch.publicShares[id - 1] ?? new Uint8Array())) return null;
  return { ...epoch, id, share };
}

/** The record without its secret. */
export function publicPart({ id: _id, share: _share, ...epoch }: KeyRecord): Epoch {
  return epoch;
}

/** Whether X_1..X_n lie on one polynomial of t coefficients whose value at 0 is X (10.1). */
export function isConsistent({ n, t, X, Xs }: Threshold & { readonly X: Point; readonly Xs: readonly Point[] }): boolean {
  if (Xs.length !== n) return false;
  const S = allParties(n).slice(0, t);
  if (!interpolateInExponent(S, Xs.slice(0, t)).equals(X)) return false;
  return allParties(n)
    .slice(t)
    .every((j) => at(j, S, Xs).equals(Xs[j - 1]!));
}

/** sum_{i in S} (prod_{k in S, k != i} (j - k) / (i - k)) X_i: the share in the exponent of a party outside S. */
function at(j: PartyId, S: readonly PartyId[], Xs: readonly Point[]): Point {
  return S.reduce((total, i) => {
    const weight = S.filter((k) => k !== i).reduce((product, k) => mod(product * BigInt(j - k) * invert(BigInt(i - k))), 1n);
    return total.add(timesPublic(Xs[i - 1]!, weight));
  }, O);
}

/** mpc/bad-parameters unless every party has one identity of 32 bytes and no two have the same: with two slots a party would be counted twice. */
export function checkIdentities(identities: readonly Uint8Array[], { n }: Threshold): void {
  const distinct = new Set(identities.map((identity) => Buffer.from(identity).toString('hex')));
  if (identities.length !== n || distinct.size !== n || identities.some((identity) => identity.length !== HASH_BYTES))
    throw new Problem('mpc/bad-parameters', `${n} distinct identities of ${HASH_BYTES} bytes are needed, one a party in id order.`);
}

/**
 * What the signed confirmation is over: H("dkg-done/v1"; sid, X, X_1..X_n, cc, ctx) (D4), and alike for refresh and reshare (10.1). ctx is more than the digest asks for: it has epoch number, threshold,
 * key id and identities in it, so that a bundle proves all that it says of its epoch to somebody who was not there.
 */
export function doneDigest(epoch: Epoch): Uint8Array {
  const { origin, attempt, publicKey, publicShares, chainCode } = epoch;
  return H(`${origin}-done/v1`, attempt, publicKey, list(publicShares, POINT_BYTES), chainCode, context(epoch));
}

/** m of the test signature that a signer set makes while the epoch is PENDING: H("test-sign/v1"; ctx, S) (D4). */
export function testDigest(epoch: Omit<KeyShare, 'id' | 'share'>, S: readonly PartyId[]): Uint8Array {
  return H('test-sign/v1', context(epoch), partiesPart(S));
}

/** H(cc) of the anchor that new parties take from an independent source (11.1). */
export function chainCodeHash(chainCode: Uint8Array): Uint8Array {
  return H('chain-code/v1', chainCode);
}

const FIXED_BYTES = 1 + 2 + 2 + 4 + 3 * HASH_BYTES + POINT_BYTES;

/** origin 1 || n 2 || t 2 || epoch 4 || keyId 32 || attempt 32 || cc 32 || X 65 || X_1..X_n 65 each || identities 32 each. epochId is not in it, because it follows. */
export function encodeEpoch({ origin, n, t, epoch, keyId, attempt, chainCode, publicKey, publicShares, identities }: Epoch): Uint8Array {
  return concat(Uint8Array.of(ORIGINS.indexOf(origin)), u16(n), u16(t), u32(epoch), keyId, attempt, chainCode, publicKey, ...publicShares, ...identities);
}

/** The epoch that these bytes spell, or null: its form, and that the public shares are those of the public key. */
export function decodeEpoch(bytes: Uint8Array): Epoch | null {
  const epoch = readEpoch(bytes);
  if (!epoch) return null;
  const [X, ...Xs] = [epoch.publicKey, ...epoch.publicShares].map(storedPoint);
  return isConsistent({ n: epoch.n, t: epoch.t, X: X!, Xs }) ? epoch : null;
}

/** The form alone: exact length, points on the curve, identities distinct. The arithmetic takes half a minute for 128 of 255 parties, so a stranger's bytes come to it last or never. */
export function readEpoch(bytes: Uint8Array): Epoch | null {
  if (bytes.length < FIXED_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [origin, n, t] = [ORIGINS[view.getUint8(0)], view.getUint16(1), view.getUint16(3)];
  if (origin === undefined || bytes.length !== FIXED_BYTES + n * (POINT_BYTES + HASH_BYTES)) return null;
  let offset = 9;
  // A copy: slice() of a Node Buffer is a view, and what its owner overwrites later would be overwritten here.
  const take = (length: number): Uint8Array => Uint8Array.from(bytes.subarray(offset, (offset += length)));
  const [keyId, attempt, chainCode, X] = [id32<KeyId>(take(HASH_BYTES)), take(HASH_BYTES), take(HASH_BYTES), pointOf(take(POINT_BYTES))];
  const Xs = Array.from({ length: n }, () => pointOf(take(POINT_BYTES)));
  const identities = Array.from({ length: n }, () => take(HASH_BYTES));
  assert(offset === bytes.length, 'the length was checked');
  if (!X || !Xs.every((point) => point !== null)) return null;
  try {
    checkThreshold({ n, t });
    checkIdentities(identities, { n, t });
  } catch {
    return null;
  }
  return epochOf({ origin, n, t, epoch: view.getUint32(5), keyId, attempt, chainCode, X, Xs, identities });
}

/** id 2 || x_i 32 || the epoch: what a store seals. Secret. */
export function encodeRecord(record: KeyRecord): Uint8Array {
  return concat(u16(record.id), record.share, encodeEpoch(record));
}

/** The record, or null; x_i G == X_i is checked. */
export function decodeRecord(bytes: Uint8Array): KeyRecord | null {
  if (bytes.length < 2 + HASH_BYTES) return null;
  const epoch = decodeEpoch(bytes.subarray(2 + HASH_BYTES));
  const id = ((bytes[0]! << 8) | bytes[1]!) as PartyId;
  return epoch && id >= 1 && id <= epoch.n ? recordOf(epoch, id, Uint8Array.from(bytes.subarray(2, 2 + HASH_BYTES))) : null;
}

/** x_i as a number, made late and dropped soon (14). */
export function secretScalar({ share }: Pick<KeyShare, 'share'>): bigint {
  const x = scalarOf(share);
  assert(x !== null && x !== 0n, 'a record holds a share in [1, q)');
  return x;
}

/** A point of a record or of checked facts. */
export function storedPoint(bytes: Uint8Array): Point {
  const point = pointOf(bytes);
  assert(point, 'a record holds points');
  return point;
}
