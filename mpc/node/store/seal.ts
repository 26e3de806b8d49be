import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { assert, concat, Problem, uintBytes, utf8, type Hex, type RandomBytes } from '#base';
import { canonicalJson } from '#anchor/core';

export const KEY_BYTES = 32;
const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LONGEST_LABEL = 4_096;

/** What a sealed record is and where it belongs; stands in clear before the ciphertext and is its associated data. */
export interface Label {
  readonly format: 'cairn-node-record/1';
  readonly kind: 'share' | 'pair' | 'backup' | 'head';
  readonly storeId: Hex;
  readonly node: string;
  /** Empty where a record belongs to no key. */
  readonly keyId: string;
  readonly epochId: string;
  /** Of a pair: the peer; else 0. */
  readonly peer: number;
  /** The store's generation: grows with every writing of records, so that no older record can stand in for a newer one. */
  readonly serial: number;
}

/** A 32-byte key for one use, so that no two records share a key and no nonce is ever used twice under one (HKDF-SHA-256, RFC 5869). */
export function subkey(key: Uint8Array, salt: Uint8Array, use: string): Uint8Array {
  assert(key.length === KEY_BYTES, 'a store key has 32 bytes');
  return new Uint8Array(hkdfSync('sha256', key, salt, utf8(use), KEY_BYTES));
}

/** AES-256-GCM (NIST SP 800-38D): nonce 12 || ciphertext || tag 16. */
export function encrypt(key: Uint8Array, associated: Uint8Array, plain: Uint8Array, random: RandomBytes): Uint8Array {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated);
  return concat(nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag());
}

/** The plaintext, or undefined where one bit of it, of the associated data or of the key is another. */
export function decrypt(key: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES }).setAAD(associated);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    plain.fill(0);
    return undefined;
  }
  // A copy with a buffer of its own: wiping it wipes all there is.
  const own = Uint8Array.from(plain);
  plain.fill(0);
  return own;
}

/** len32(label) || label || salt 32 || nonce 12 || ciphertext || tag 16. The whole label is associated data. */
export function seal(storeKey: Uint8Array, label: Label, plain: Uint8Array, random: RandomBytes): Uint8Array {
  const text = utf8(canonicalJson(label));
  const salt = random(SALT_BYTES);
  const key = subkey(storeKey, salt, 'cairn/node-record/v1');
  const sealed = concat(uintBytes(text.length, 4), text, salt, encrypt(key, text, plain, random));
  key.fill(0);
  return sealed;
}

/** node/store-swapped where the label is another record's, node/store-tampered where it or anything else was changed. `file` is for people. */
export function unseal(storeKey: Uint8Array, expected: Label, sealed: Uint8Array, file: string): Uint8Array {
  const tampered = () => new Problem('node/store-tampered', `${file} is not what was sealed.`, { file });
  if (sealed.length < 4) throw tampered();
  const length = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0);
  if (length > LONGEST_LABEL || sealed.length < 4 + length + SALT_BYTES) throw tampered();
  const text = sealed.subarray(4, 4 + length);
  const body = sealed.subarray(4 + length);
  const key = subkey(storeKey, body.subarray(0, SALT_BYTES), 'cairn/node-record/v1');
  const plain = decrypt(key, text, body.subarray(SALT_BYTES));
  key.fill(0);
  const isExpected = Buffer.from(text).equals(utf8(canonicalJson(expected)));
  if (plain && isExpected) return plain;
  plain?.fill(0);
  if (isExpected) throw tampered();
  // Whether it is genuine elsewhere only its own store key could tell; whatever says that it belongs elsewhere is called that.
  const claims = labelOf(text);
  if (!claims) throw tampered();
  throw new Problem(
    'node/store-swapped',
    `${file} says that it is the ${claims.kind} of node ${claims.node}, key ${claims.keyId}, epoch ${claims.epochId}, serial ${claims.serial}.`,
    {
      file,
      found: claims,
      expected,
    },
  );
}

function labelOf(text: Uint8Array): Label | undefined {
  try {
    const label = JSON.parse(Buffer.from(text).toString()) as Label;
    return label.format === 'cairn-node-record/1' ? label : undefined;
  } catch {
    return undefined;
  }
}
