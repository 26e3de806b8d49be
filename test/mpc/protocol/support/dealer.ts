/**
 * Keys and pairs for tests, dealt by somebody who knows everything, so that a test of signing needs neither key generation nor set-up (half a second a pair and party). The state is distributed as the
 * real protocols leave it; test/mpc/protocol/ot/setup.test.ts and the whole-life test use the real ones.
 */
import { randomBytes } from 'node:crypto';
import { contextOf, Pair, type KeyShare, type PartyId } from '#mpc/protocol';
import { H } from '../../../../mpc/protocol/primitives/hash.ts';
import { epochId, id32 } from '../../../../mpc/protocol/primitives/ids.ts';
import { allParties } from '../../../../mpc/protocol/primitives/parties.ts';
import { pointBytes, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { evaluate, randomPolynomial } from '../../../../mpc/protocol/primitives/polynomials.ts';
import { scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export interface Party {
  readonly key: KeyShare;
  readonly pairs: ReadonlyMap<PartyId, Pair>;
}

/** t-of-n parties with a fresh key, and the key itself, which only a dealer can know. */
export function dealKey(t: number, n: number): { readonly secret: bigint; readonly keys: readonly KeyShare[] } {
  const f = randomPolynomial(t, random);
  const ids = allParties(n);
  const shares = ids.map((id) => evaluate(f, id));
  const publicKey = pointBytes(timesG(f[0]!));
  const publicShares = shares.map((share) => pointBytes(timesG(share)));
  const chainCode = random(32);
  const epoch = epochId({ attempt: random(32), epoch: 0, publicKey, publicShares, chainCode, identities: ids.map(() => random(32)) });
  const common = { n, t, keyId: id32<KeyShare['keyId']>(random(32)), epoch: 0, epochId: epoch, publicKey, publicShares, chainCode };
  return { secret: f[0]!, keys: ids.map((id, index) => ({ ...common, id, share: scalarBytes(shares[index]!) })) };
}

/** Both ends of one pair: i's first. */
export function dealPair(keyI: KeyShare, keyJ: KeyShare, generation = 0): readonly [Pair, Pair] {
  const ctx = contextOf(keyI);
  const common = { ctx, generation, setupId: id32<Pair['secrets']['setupId']>(random(32)), zeroSeed: random(32) };
  const [iAsBob, jAsBob] = [direction(), direction()];
  return [
    new Pair({ ...common, own: keyI.id, peer: keyJ.id, ...iAsBob.bob, ...jAsBob.alice }),
    new Pair({ ...common, own: keyJ.id, peer: keyI.id, ...jAsBob.bob, ...iAsBob.alice }),
  ];
}

function direction(): { readonly bob: { k0: Uint8Array; k1: Uint8Array }; readonly alice: { delta: Uint8Array; kDelta: Uint8Array } } {
  const [k0, k1, delta] = [random(128 * 32), random(128 * 32), random(16)];
  const kDelta = new Uint8Array(128 * 32);
  for (let i = 0; i < 128; i++) kDelta.set(((delta[i >> 3]! >> (i & 7)) & 1 ? k1 : k0).subarray(32 * i, 32 * i + 32), 32 * i);
  return { bob: { k0, k1 }, alice: { delta, kDelta } };
}

/** t-of-n parties, every pair of them set up. */
export function dealParties(t: number, n: number): { readonly secret: bigint; readonly parties: readonly Party[] } {
  const { secret, keys } = dealKey(t, n);
  const pairs = keys.map(() => new Map<PartyId, Pair>());
  for (const [i, keyI] of keys.entries())
    for (const [j, keyJ] of keys.entries()) {
      if (i >= j) continue;
      const [atI, atJ] = dealPair(keyI, keyJ);
      pairs[i]!.set(keyJ.id, atI);
      pairs[j]!.set(keyI.id, atJ);
    }
  return { secret, parties: keys.map((key, index) => ({ key, pairs: pairs[index]! })) };
}

/** A digest of its own for every label. */
export function digestOf(label: string): Uint8Array {
  return H('test-sign/v1', new TextEncoder().encode(label));
}
