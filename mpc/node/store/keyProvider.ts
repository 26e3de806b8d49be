import { argon2 } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { canonicalJson } from '#anchor/core';
import { concat, fromHex, isHex, Problem, toHex, utf8, type Hex, type RandomBytes } from '#base';
import { decrypt, encrypt, KEY_BYTES, subkey } from './seal.ts';

/** What a provider needs to find the store's key again: public, and kept in the header of the store. */
export type WrappedKey = Readonly<Record<string, string | number>>;

/**
 * Whoever keeps the key that opens a store. The store has a random key of its own, which the provider wraps, so that a passphrase can be changed without touching a share, and so that a provider whose key never
 * leaves its device fits: with PKCS#11 (../hsm/hsm.ts) what wraps is derived from a key that stays in the token, with `context` in the derivation.
 */
export interface KeyProvider {
  /** Stands in the header: another kind of provider does not open the store. */
  readonly kind: string;
  /** `context` names the store and the node; it must be bound to what comes back. */
  wrap(storeKey: Uint8Array, context: Uint8Array, random: RandomBytes): Promise<WrappedKey>;
  /** The store's key, 32 bytes, which the caller wipes. node/wrong-key where it does not open. */
  unwrap(wrapped: WrappedKey, context: Uint8Array): Promise<Uint8Array>;
}

export interface Argon2Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** RFC 9106 section 4, second recommended option, as the floor; the first stands between it and the ceiling. A ceiling, because the numbers are read from a file before anything in it is authenticated. */
const FLOOR: Argon2Cost = { memoryKiB: 64 * 1024, passes: 3, lanes: 1 };
const CEILING: Argon2Cost = { memoryKiB: 4 * 1024 * 1024, passes: 64, lanes: 16 };
/** Four times the floor's memory: about two seconds on one core of the machine it was measured on. */
const DEFAULT_COST: Argon2Cost = { memoryKiB: 256 * 1024, passes: 3, lanes: 4 };
const SHORTEST_PASSPHRASE = 16;

const stretch = promisify(argon2);

/** Key from a passphrase by argon2id. node/weak-passphrase under 16 characters, node/weak-kdf outside the floor and the ceiling. */
export function passphraseProvider(passphrase: string, cost: Argon2Cost = DEFAULT_COST): KeyProvider {
  if ([...passphrase].length < SHORTEST_PASSPHRASE) {
    throw new Problem('node/weak-passphrase', `The passphrase has ${[...passphrase].length} characters; ${SHORTEST_PASSPHRASE} is the least.`);
  }
  demandReasonable(cost);
  return {
    kind: 'passphrase',
    async wrap(storeKey, context, random) {
      const parameters = { kdf: 'argon2id', ...cost, salt: toHex(random(32)) };
      const key = await stretched(passphrase, parameters);
      const sealed = encrypt(key, concat(context, utf8(canonicalJson(parameters))), storeKey, random);
      key.fill(0);
      return { ...parameters, sealed: toHex(sealed) };
    },
    async unwrap(wrapped, context) {
      const { sealed, ...parameters } = wrapped;
      const { kdf, memoryKiB, passes, lanes, salt } = parameters;
      if (kdf !== 'argon2id') throw new Problem('node/weak-kdf', `The store names ${String(kdf)}, and only argon2id is taken.`);
      if (![memoryKiB, passes, lanes].every(Number.isSafeInteger)) throw new Problem('node/weak-kdf', 'The cost of argon2id is not given as whole numbers.');
      demandReasonable({ memoryKiB, passes, lanes } as Argon2Cost);
      if (typeof salt !== 'string' || !isHex(salt, 32)) throw wrongKey();
      const key = await stretched(passphrase, { memoryKiB, passes, lanes, salt } as Argon2Cost & { salt: Hex });
      const opened = opening(key, concat(context, utf8(canonicalJson(parameters))), sealed);
      key.fill(0);
      return opened;
    },
  };
}

/** Key from a file of 32 bytes as 0x and hexadecimal digits, for its owner alone: a mounted secret, or a disk that is kept elsewhere. node/bad-key-file. */
export function keyFileProvider(path: string): KeyProvider {
  const read = async (): Promise<Uint8Array> => {
    const bad = (what: string, cause?: unknown) => new Problem('node/bad-key-file', `${path} ${what}.`, { path }, cause);
    const { mode } = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      throw bad(`cannot be read (${cause.code})`, cause);
    });
    if ((mode & 0o077) !== 0) throw bad('can be read by others than its owner');
    const bytes = await readFile(path);
    const text = bytes.toString('latin1').trim();
    bytes.fill(0);
    if (!isHex(text, KEY_BYTES)) throw bad('holds no key: 0x and 64 hexadecimal digits in lower case');
    return fromHex(text);
  };
  return {
    kind: 'key-file',
    async wrap(storeKey, context, random) {
      const [file, salt] = [await read(), random(32)];
      const key = subkey(file, salt, 'cairn/node-store-key/v1');
      const sealed = encrypt(key, concat(context, salt), storeKey, random);
      for (const secret of [file, key]) secret.fill(0);
      return { salt: toHex(salt), sealed: toHex(sealed) };
    },
    async unwrap({ salt, sealed }, context) {
      if (typeof salt !== 'string' || !isHex(salt, 32)) throw wrongKey();
      const file = await read();
      const key = subkey(file, fromHex(salt), 'cairn/node-store-key/v1');
      const opened = opening(key, concat(context, fromHex(salt)), sealed);
      for (const secret of [file, key]) secret.fill(0);
      return opened;
    },
  };
}

/** What `from` opens, or undefined where it opens it no longer because `to` does already. Otherwise what `from` says. */
export async function unwrapMoved(
  wrapped: WrappedKey,
  fromContext: Uint8Array,
  from: KeyProvider,
  toContext: Uint8Array,
  to: KeyProvider,
): Promise<Uint8Array | undefined> {
  try {
    return await from.unwrap(wrapped, fromContext);
  } catch (refusal) {
    const opened = await to.unwrap(wrapped, toContext).catch(() => {
      throw refusal;
    });
    opened.fill(0);
    return undefined;
  }
}

function demandReasonable({ memoryKiB, passes, lanes }: Argon2Cost): void {
  const isWithin = (value: number, name: keyof Argon2Cost) => value >= FLOOR[name] && value <= CEILING[name];
  if (isWithin(memoryKiB, 'memoryKiB') && isWithin(passes, 'passes') && isWithin(lanes, 'lanes')) return;
  throw new Problem('node/weak-kdf', `argon2id with ${memoryKiB} KiB, ${passes} passes and ${lanes} lanes is not taken.`, { memoryKiB, passes, lanes });
}

async function stretched(passphrase: string, { memoryKiB, passes, lanes, salt }: Argon2Cost & { readonly salt: Hex }): Promise<Uint8Array> {
  // Unicode has several spellings of one passphrase, and keyboards differ in which they send.
  const message = utf8(passphrase.normalize('NFKC'));
  const key = await stretch('argon2id', { message, nonce: fromHex(salt), parallelism: lanes, tagLength: KEY_BYTES, memory: memoryKiB, passes });
  message.fill(0);
  return new Uint8Array(key);
}

function opening(key: Uint8Array, context: Uint8Array, sealed: string | number | undefined): Uint8Array {
  const opened = typeof sealed === 'string' && isHex(sealed) ? decrypt(key, context, fromHex(sealed)) : undefined;
  if (opened?.length !== KEY_BYTES) throw wrongKey();
  return opened;
}

function wrongKey(): Problem {
  return new Problem('node/wrong-key', 'The key does not open this store, or its header was changed.');
}
