/** Keys that were, or become, known to somebody as a whole (digest 11.2): import, and export. Who may do it, after which approvals and delays, is the policy's business. */
import { assert, Problem, type RandomBytes } from '#base';
import { equal } from '../primitives/constantTime.ts';
import type { KeyId } from '../primitives/ids.ts';
import { HASH_BYTES } from '../primitives/parameters.ts';
import { allParties, checkThreshold, lagrange, sortedParties, type Threshold } from '../primitives/parties.ts';
import { pointBytes, timesG } from '../primitives/points.ts';
import { evaluate, randomPolynomial } from '../primitives/polynomials.ts';
import { drawn, mod, scalarBytes, scalarOf } from '../primitives/scalars.ts';
import type { Path } from './derivation.ts';
import { checkIdentities, epochOf, recordOf, secretScalar, type Epoch, type KeyRecord } from './epoch.ts';

export interface ImportFacts extends Threshold {
  readonly keyId: KeyId;
  readonly identities: readonly Uint8Array[];
  /** 32 bytes: the key's own where it had one, so that its addresses stay. */
  readonly chainCode: Uint8Array;
}

/** One record a party, dealt by somebody who knows the key: the epoch says `import` until a refresh, which `mustRefresh` asks for. mpc/bad-parameters where it is no key. */
export function importKey(secret: Uint8Array, facts: ImportFacts, random: RandomBytes): KeyRecord[] {
  checkThreshold(facts);
  checkIdentities(facts.identities, facts);
  const key = scalarOf(secret);
  if (key === null || key === 0n || facts.chainCode.length !== HASH_BYTES)
    throw new Problem('mpc/bad-parameters', 'This is no private key of secp256k1 with a chain code.');
  const f = randomPolynomial(facts.t, random, key);
  const parties = allParties(facts.n);
  const shares = parties.map((j) => evaluate(f, j));
  const epoch = epochOf({ ...facts, origin: 'import', epoch: 1, attempt: drawn(HASH_BYTES, random), X: timesG(key), Xs: shares.map(timesG) });
  return parties.map((j, index) => {
    const record = recordOf(epoch, j, scalarBytes(shares[index]!));
    assert(record, 'a share of a polynomial with a random highest coefficient is not zero');
    return record;
  });
}

/** The dealer knew the key, and the shares: nothing is signed before they are others (11.2). */
export function mustRefresh({ origin }: Pick<Epoch, 'origin'>): boolean {
  return origin === 'import';
}

export interface Exposed {
  /** From here on the key is to be swept and retired. */
  readonly status: 'EXPOSED';
  /** x: 32 bytes. */
  readonly secret: Uint8Array;
}

/** The root key from exactly t shares. mpc/child-export for any path but the root's; mpc/not-enough-shares where they are not t shares of this epoch. */
export function exportKey({ n, t, publicKey }: Epoch, shares: readonly Pick<KeyRecord, 'id' | 'share'>[], path: Path): Exposed {
  if (path.length > 0) throw new Problem('mpc/child-export', 'Only the root is exported, because every child gives it away.');
  const S = sortedParties(
    shares.map(({ id }) => id),
    n,
  );
  if (S.length !== t) throw new Problem('mpc/not-enough-shares', `${S.length} shares are given; exactly ${t} make the key.`);
  const x = mod(shares.reduce((total, record) => total + lagrange(record.id, S) * secretScalar(record), 0n));
  if (x === 0n || !equal(pointBytes(timesG(x)), publicKey))
    throw new Problem('mpc/not-enough-shares', 'The shares do not make this key: they are of another epoch, or damaged.');
  return { status: 'EXPOSED', secret: scalarBytes(x) };
}
