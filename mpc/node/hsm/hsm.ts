/** The door of a node's hardware: a key that opens its store and never leaves a PKCS#11 token. */
import { readFile, stat } from 'node:fs/promises';
import { canonicalJson } from '#anchor/core';
import { concat, fromHex, isHex, Problem, toHex, utf8, type RandomBytes } from '#base';
import { decrypt, encrypt, KEY_BYTES } from '../store/seal.ts';
import type { KeyProvider, WrappedKey } from '../store/store.ts';
import { withToken, type TokenSession } from './cryptoki.ts';

export interface HsmKey {
  /** Absolute path of the vendor's PKCS#11 module, which runs inside the node. */
  readonly module: string;
  /** The token's label, or its serial number. */
  readonly token: string;
  /** The key's label (CKA_LABEL). Where the token has none with it, one is made there. */
  readonly key: string;
}

const DOMAIN = utf8('cairn/node-hsm-key/v1');
const SALT_BYTES = 32;
const ID_BYTES = 16;
const LONGEST_PIN = 255;

/**
 * Key from a PKCS#11 token. K = HMAC-SHA-256(k, "cairn/node-hsm-key/v1" || salt 32 || context) under a key k that is made in the token, sensitive and not extractable; AES-256-GCM under K wraps the store's
 * key. HMAC as the KDF (a PRF with the context in its input, NIST SP 800-108 section 4), and not C_Encrypt with CKM_AES_GCM or CKM_AES_KEY_WRAP, because
 * - devices in FIPS mode draw a GCM nonce themselves, and the layout of CK_GCM_PARAMS changed between versions of the standard: what one device opens, another of the same maker may not;
 * - key wrap (RFC 3394) binds no context, and takes the store's key as an object of the token, which then must be extractable to come back;
 * - CKM_SHA256_HMAC has no parameters and is in every module.
 * K is in the node's memory for an instant, and opens the one salt and context that it was made for: no more than the store's key, which is there as long as the node runs.
 *
 * `pin` gives the PIN's bytes, which are wiped after use. Refusals: see withToken; and node/hsm-key-missing, node/hsm-key-unfit, node/wrong-key.
 */
export function hsmProvider({ module, token, key: label }: HsmKey, pin: () => Promise<Uint8Array>): KeyProvider {
  const asUser = async <T>(act: (session: TokenSession) => T): Promise<T> => {
    const secret = await pin();
    try {
      return await withToken(module, token, secret, act);
    } finally {
      secret.fill(0);
    }
  };
  return {
    kind: 'pkcs11',
    async wrap(storeKey, context, random) {
      const salt = random(SALT_BYTES);
      const { id, derived } = await asUser((session) => {
        const found = session.find({ label });
        if (found.length > 1) throw new Problem('node/hsm-ambiguous', `${found.length} keys of the token are called ${label}.`, { token, key: label });
        const handle = found[0] ?? session.generate(label, random(ID_BYTES));
        // Asked of the token also where it has just made the key: what counts is what it did, not what it was told.
        return { id: toHex(session.idOf(handle)), derived: session.hmac(handle, concat(DOMAIN, salt, context)) };
      });
      const parameters = { mechanism: 'CKM_SHA256_HMAC', keyId: id, salt: toHex(salt) };
      return { ...parameters, sealed: toHex(sealedBy(derived, context, parameters, storeKey, random)) };
    },
    async unwrap({ sealed, ...parameters }, context) {
      const { mechanism, keyId, salt } = parameters;
      const isOurs = mechanism === 'CKM_SHA256_HMAC' && typeof keyId === 'string' && isHex(keyId) && typeof salt === 'string' && isHex(salt, SALT_BYTES);
      if (!isOurs || typeof sealed !== 'string' || !isHex(sealed)) throw wrongKey();
      const derived = await asUser((session) => {
        const found = session.find({ id: fromHex(keyId) });
        if (found.length > 1) throw new Problem('node/hsm-ambiguous', `${found.length} keys of the token have the id ${keyId}.`, { token, keyId });
        if (found[0] === undefined) throw new Problem('node/hsm-key-missing', `Token ${token} has no key with the id ${keyId}.`, { token, keyId });
        session.idOf(found[0]);
        return session.hmac(found[0], concat(DOMAIN, fromHex(salt), context));
      });
      const opened = decrypt(derived, associated(context, parameters), fromHex(sealed));
      derived.fill(0);
      if (opened?.length !== KEY_BYTES) throw wrongKey();
      return opened;
    },
  };
}

/** The PIN of a file that belongs to its owner alone; a line's end is no part of it. node/bad-pin-file. */
export async function readPin(path: string): Promise<Uint8Array> {
  const bad = (what: string, cause?: unknown) => new Problem('node/bad-pin-file', `${path} ${what}.`, { path }, cause);
  const { mode } = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw bad(`cannot be read (${cause.code})`, cause);
  });
  if ((mode & 0o077) !== 0) throw bad('can be read by others than its owner');
  const bytes = await readFile(path);
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const pin = Uint8Array.from(end < 0 ? bytes : bytes.subarray(0, end));
  bytes.fill(0);
  if (pin.length === 0 || pin.length > LONGEST_PIN) throw bad('holds no PIN');
  return pin;
}

function associated(context: Uint8Array, parameters: WrappedKey): Uint8Array {
  return concat(context, utf8(canonicalJson(parameters)));
}

function sealedBy(key: Uint8Array, context: Uint8Array, parameters: WrappedKey, plain: Uint8Array, random: RandomBytes): Uint8Array {
  const sealed = encrypt(key, associated(context, parameters), plain, random);
  key.fill(0);
  return sealed;
}

function wrongKey(): Problem {
  return new Problem('node/wrong-key', 'The key of the token does not open this store, or its header was changed.');
}
