/** Non-hardened BIP-32 derivation (digest section 9): public, so every party recomputes tau from (X, cc, path) and takes it from nobody. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { assert, concat, Problem } from '#base';
import { u32 } from '../primitives/hash.ts';
import type { KeyShare } from '../primitives/keyShare.ts';
import { compressedBytes, G, pointBytes, pointOf, timesPublic } from '../primitives/points.ts';
import { bigEndian, mod, q } from '../primitives/scalars.ts';

/** Steps from the root, root first; [] is the root itself. */
export type Path = readonly number[];

const HARDENED = 2 ** 31;
/** BIP-32 counts the depth in one byte. */
const DEPTHS = 255;

export interface DerivedKey {
  /** tau: x_i' = x_i + tau and X_j' = X_j + tau G for every party, because the Lagrange weights sum to 1. */
  readonly tweak: bigint;
  /** X' = X + tau G: 65 bytes. */
  readonly publicKey: Uint8Array;
  /** cc': 32 bytes, confidential like the root's. */
  readonly chainCode: Uint8Array;
}

/**
 * "m/44/60/0" as steps; mpc/bad-path where it is none, mpc/hardened-path where a step is marked with ' or h: a hardened child is a function of the private key, which nobody holds.
 */
export function parsePath(text: string): Path {
  const [root, ...steps] = text.split('/');
  if (root !== 'm' || !steps.every((step) => /^(?:0|[1-9]\d{0,9})['hH]?$/.test(step)))
    throw new Problem('mpc/bad-path', `"${text.slice(0, 80)}" is not a path like m/44/60/0.`);
  const path = steps.map((step) => Number.parseInt(step, 10) + (/\d$/.test(step) ? 0 : HARDENED));
  checkPath(path);
  return path;
}

function checkPath(path: Path): void {
  if (path.length > DEPTHS) throw new Problem('mpc/bad-path', `A path has at most ${DEPTHS} steps, not ${path.length}.`);
  for (const index of path) {
    if (!Number.isInteger(index) || index < 0 || index >= 2 * HARDENED) throw new Problem('mpc/bad-path', `${index} is no step of a path: 0 to 2^31 - 1.`);
    if (index >= HARDENED) throw new Problem('mpc/hardened-path', `Step ${index - HARDENED}' is hardened.`);
  }
}

/** The child key at `path` below X; mpc/hardened-path, mpc/bad-path, and mpc/unusable-path in the case of BIP-32 that no one has ever met. */
export function derive({ publicKey, chainCode }: Pick<KeyShare, 'publicKey' | 'chainCode'>, path: Path): DerivedKey {
  checkPath(path);
  let X = pointOf(publicKey);
  assert(X && chainCode.length === 32, 'a key record holds a point and a chain code');
  let tweak = 0n;
  let cc = chainCode;
  for (const index of path) {
    const I = hmac(sha512, cc, concat(compressedBytes(X), u32(index))); // I = HMAC-SHA512(cc, ser33(X) || ser32(idx)) (9)
    const step = bigEndian(I.subarray(0, 32)); // tau_step = I_L
    X = step < q ? X.add(timesPublic(G, step)) : X; // X' = X + tau_step G
    if (step >= q || X.is0()) throw new Problem('mpc/unusable-path', `Step ${index} has no key; use the next one (BIP-32).`);
    tweak = mod(tweak + step);
    cc = I.slice(32); // cc' = I_R
  }
  return { tweak, publicKey: pointBytes(X), chainCode: cc };
}
