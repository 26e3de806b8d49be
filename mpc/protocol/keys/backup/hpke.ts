import { createCipheriv, createDecipheriv } from 'node:crypto';
import { x25519 } from '@noble/curves/ed25519.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { assert, concat, uintBytes, utf8 } from '#base';

/**
 * Hybrid Public Key Encryption, RFC 9180: base mode, single shot (section 6.1), with the one suite DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.
 * It is the suite whose vectors the RFC prints (appendix A.2), which is why it was chosen over AES-256-GCM.
 */
const KEM_ID = 0x0020;
const KDF_ID = 0x0001;
const AEAD_ID = 0x0003;
const MODE_BASE = 0x00;
const KEM_SUITE = concat(utf8('KEM'), uintBytes(KEM_ID, 2));
const HPKE_SUITE = concat(utf8('HPKE'), uintBytes(KEM_ID, 2), uintBytes(KDF_ID, 2), uintBytes(AEAD_ID, 2));
const VERSION = utf8('HPKE-v1');
const KEY_BYTES = 32; // Nk, and Nsecret, Npk, Nsk, Nenc of the KEM
const NONCE_BYTES = 12; // Nn
const TAG_BYTES = 16; // Nt
const AEAD = 'chacha20-poly1305';

const EMPTY = new Uint8Array(0);

export interface RecoveryKeyPair {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

export interface Sealed {
  /** The encapsulated key, 32 bytes. */
  readonly enc: Uint8Array;
  /** As long as the plaintext, and 16 bytes of tag. */
  readonly ciphertext: Uint8Array;
}

/** LabeledExtract(salt, label, ikm), section 4. */
function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
  return extract(sha256, concat(VERSION, suite, utf8(label), ikm), salt);
}

/** LabeledExpand(prk, label, info, L), section 4. */
function labeledExpand(suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
  return expand(sha256, prk, concat(uintBytes(length, 2), VERSION, suite, utf8(label), info), length);
}

/** DeriveKeyPair(ikm) of X25519, section 7.1.3. `ikm` is 32 uniform bytes. */
export function deriveKeyPair(ikm: Uint8Array): RecoveryKeyPair {
  assert(ikm.length === KEY_BYTES, 'key material for X25519 is 32 bytes');
  const secretKey = labeledExpand(KEM_SUITE, labeledExtract(KEM_SUITE, EMPTY, 'dkp_prk', ikm), 'sk', EMPTY, KEY_BYTES);
  return { secretKey, publicKey: x25519.getPublicKey(secretKey) };
}

/** ExtractAndExpand(dh, kem_context), section 4.1. */
function sharedSecretOf(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Uint8Array {
  const eaePrk = labeledExtract(KEM_SUITE, EMPTY, 'eae_prk', dh);
  return labeledExpand(KEM_SUITE, eaePrk, 'shared_secret', concat(enc, recipient), KEY_BYTES);
}

/** KeySchedule(mode_base, shared_secret, info, "", ""), section 5.1; of the context only what sequence number 0 needs. */
function keySchedule(sharedSecret: Uint8Array, info: Uint8Array): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const pskIdHash = labeledExtract(HPKE_SUITE, EMPTY, 'psk_id_hash', EMPTY);
  const infoHash = labeledExtract(HPKE_SUITE, EMPTY, 'info_hash', info);
  const context = concat(Uint8Array.of(MODE_BASE), pskIdHash, infoHash);
  const secret = labeledExtract(HPKE_SUITE, sharedSecret, 'secret', EMPTY);
  return {
    key: labeledExpand(HPKE_SUITE, secret, 'key', context, KEY_BYTES),
    nonce: labeledExpand(HPKE_SUITE, secret, 'base_nonce', context, NONCE_BYTES),
  };
}

/** SealBase(pkR, info, aad, pt), section 6.1. `ikm` is fresh randomness for the ephemeral key; an `ikm` that comes twice would use one key and nonce twice. Throws where pkR is of small order. */
export function sealBase(recipient: Uint8Array, info: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, ikm: Uint8Array): Sealed {
  const ephemeral = deriveKeyPair(ikm);
  const dh = x25519.getSharedSecret(ephemeral.secretKey, recipient);
  const { key, nonce } = keySchedule(sharedSecretOf(dh, ephemeral.publicKey, recipient), info);
  const cipher = createCipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  const body = cipher.update(plaintext);
  cipher.final();
  return { enc: ephemeral.publicKey, ciphertext: concat(body, cipher.getAuthTag()) };
}

/** OpenBase(enc, skR, info, aad, ct), section 6.1: undefined where it was not sealed like this, for this key, or was changed since. */
export function openBase({ enc, ciphertext }: Sealed, recipientSecret: Uint8Array, info: Uint8Array, aad: Uint8Array): Uint8Array | undefined {
  if (enc.length !== KEY_BYTES || ciphertext.length < TAG_BYTES) return undefined;
  try {
    const dh = x25519.getSharedSecret(recipientSecret, enc);
    const { key, nonce } = keySchedule(sharedSecretOf(dh, enc, x25519.getPublicKey(recipientSecret)), info);
    const body = ciphertext.subarray(0, ciphertext.length - TAG_BYTES);
    const decipher = createDecipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad, { plaintextLength: body.length });
    decipher.setAuthTag(ciphertext.subarray(ciphertext.length - TAG_BYTES));
    const plaintext = decipher.update(body);
    decipher.final();
    return new Uint8Array(plaintext);
  } catch {
    return undefined;
  }
}
