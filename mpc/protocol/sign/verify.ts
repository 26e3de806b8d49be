/** The finished signature, judged by two libraries that had no part in making it, OpenSSL and @noble/secp256k1 (digest 7; T-17). */
import { hash, verify } from 'node:crypto';
import { recoverPublicKey } from '@noble/secp256k1';
import { concat, utf8 } from '#base';
import { equal } from '../primitives/constantTime.ts';
import { G, nativeKey, pointBytes, pointOf, timesPublic } from '../primitives/points.ts';
import { bigEndian, invert, mod, q } from '../primitives/scalars.ts';

export interface Candidate {
  /** r 32 || s 32. */
  readonly compact: Uint8Array;
  readonly recovery: 0 | 1;
  /** m: 32 bytes. */
  readonly digest: Uint8Array;
  /** 65 bytes. */
  readonly publicKey: Uint8Array;
}

const MESSAGE = utf8('cairn-dkls23/1 shifted verification');
const MESSAGE_DIGEST = BigInt(`0x${hash('sha256', MESSAGE, 'hex')}`);

/** Low-s, valid under the key for OpenSSL, and for @noble/secp256k1 a signature whose recovered key is the key. */
export function verifyIndependently(candidate: Candidate): boolean {
  const { compact } = candidate;
  const [r, s] = [bigEndian(compact.subarray(0, 32)), bigEndian(compact.subarray(32))];
  return r > 0n && r < q && s > 0n && s <= q >> 1n && verifiesNatively(candidate) && recoversTo(candidate);
}

/**
 * OpenSSL through Node verifies messages and no digests. (r, s) is a signature of digest m by Q exactly if it is one of digest e by Q + ((m - e) / r) G, for both say (e/s) G + (r/s) Q' = (m/s) G + (r/s) Q;
 * so e is the SHA-256 of a fixed message. r is in [1, q).
 */
export function verifiesNatively({ compact, digest, publicKey }: Omit<Candidate, 'recovery'>): boolean {
  const [Q, r] = [pointOf(publicKey), bigEndian(compact.subarray(0, 32))];
  const shifted = Q?.add(timesPublic(G, mod((bigEndian(digest) - MESSAGE_DIGEST) * invert(r))));
  if (!shifted || shifted.is0()) return false;
  return verify('sha256', MESSAGE, { key: nativeKey(pointBytes(shifted)), dsaEncoding: 'ieee-p1363' }, compact);
}

/** @noble/secp256k1 recovers exactly this key, which it does exactly if the signature is valid under it. */
export function recoversTo({ compact, recovery, digest, publicKey }: Candidate): boolean {
  try {
    const compressed = recoverPublicKey(concat(Uint8Array.of(recovery), compact), digest, { prehash: false });
    return equal(compressed.subarray(1), publicKey.subarray(1, 33)) && (compressed[0]! & 1) === (publicKey[64]! & 1);
  } catch {
    return false;
  }
}
