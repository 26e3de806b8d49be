import { keccak_256 } from '@noble/hashes/sha3.js';
import { Point, recoverPublicKey, verify } from '@noble/secp256k1';
import { assert, concat, fromHex, isHex, toHex, type Hex } from '#base';

/** r 32 || s 32 || v 1 with v = 27 or 28 and s in the lower half, as ecrecover and OpenZeppelin's ECDSA take it. */
export type Signature = Hex;

const SIGNATURE_BYTES = 65;
/** n / 2 of secp256k1 (SEC 2 section 2.4.1, BIP 62): a higher s is the same signature spelled a second time. */
const HALF_ORDER = Point.CURVE().n >> 1n;

/** Ethereum's address of a public key in any SEC 1 form: the last 20 bytes of keccak(x || y). */
export function addressOf(publicKey: Uint8Array): Hex {
  return toHex(keccak_256(Point.fromBytes(publicKey).toBytes(false).slice(1)).slice(12));
}

/** noble's "recovered" form, recovery || r || s, as r || s || v. */
export function fromRecovered(recovered: Uint8Array): Signature {
  assert(recovered.length === SIGNATURE_BYTES && recovered[0]! <= 1, 'a recovered signature is 0 or 1, then r and s');
  return toHex(concat(recovered.slice(1), Uint8Array.of(27 + recovered[0]!)));
}

/** Whether the signature is well formed, low-s, and by exactly this address over this digest. Never throws: what a signer hands over is foreign data. */
export function isSignatureBy(address: Hex, digest: Uint8Array, signature: string): signature is Signature {
  if (!isHex(signature, SIGNATURE_BYTES)) return false;
  const bytes = fromHex(signature);
  const [compact, v] = [bytes.slice(0, 64), bytes[64]!];
  if (v !== 27 && v !== 28) return false;
  if (BigInt(toHex(compact.slice(32))) > HALF_ORDER) return false;
  try {
    const publicKey = recoverPublicKey(concat(Uint8Array.of(v - 27), compact), digest, { prehash: false });
    return addressOf(publicKey) === address && verify(compact, digest, publicKey, { prehash: false });
  } catch {
    return false;
  }
}
