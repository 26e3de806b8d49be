import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, isHex, Problem, toHex, type Hex } from '#base';

const N = secp256k1.Point.Fn.ORDER;

function badSignature(detail: string, cause?: unknown): Problem {
  return new Problem('identity/bad-signature', detail, {}, cause);
}

/** keccak256(uncompressed public key without its tag)[12..32], Ethereum yellow paper appendix F. */
function addressOf(publicKey: Uint8Array): Hex {
  return toHex(keccak_256(publicKey.subarray(1)).subarray(12));
}

/**
 * The address whose key signed `digest` (32 bytes). A signature has exactly one spelling here: 65 bytes r || s || v in lower-case hexadecimal, v 27 or 28, s in the
 * lower half (EIP-2): else a copy with other bytes would be a second, equally valid authorisation. Throws `identity/bad-signature`.
 */
export function recoverSigner(digest: Uint8Array, signature: Hex): Hex {
  assert(digest.length === 32, 'a digest has 32 bytes');
  if (!isHex(signature, 65)) throw badSignature('The signature is not 65 bytes of lower-case hexadecimal.');
  const r = BigInt(`0x${signature.slice(2, 66)}`);
  const s = BigInt(`0x${signature.slice(66, 130)}`);
  const v = parseInt(signature.slice(130), 16);
  if (v !== 27 && v !== 28) throw badSignature(`The recovery value is ${v} instead of 27 or 28.`);
  if (r === 0n || r >= N || s === 0n || s >= N) throw badSignature('r or s is outside the curve’s order.');
  if (s > N / 2n) throw badSignature('s is in the upper half of the order (EIP-2): a second spelling of another signature.');
  try {
    return addressOf(new secp256k1.Signature(r, s, v - 27).recoverPublicKey(digest).toBytes(false));
  } catch (cause) {
    throw badSignature('No public key fits the signature.', cause);
  }
}
