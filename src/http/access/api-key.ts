import { createHash, timingSafeEqual } from 'node:crypto';
import { isUuid, type MerchantId, type RandomBytes, type TimeMs } from '#base';
import type { Scope } from './scopes.ts';

/** A key as it is kept: nothing here lets anybody use it. */
export interface ApiKey {
  /** 16 hexadecimal digits, public: in logs and lists. */
  readonly id: string;
  /** SHA-256 of the 32 secret bytes. A slow hash would add nothing: 256 random bits cannot be guessed. */
  readonly secretHash: Uint8Array;
  /** Null: a key of the operator. */
  readonly merchant: MerchantId | null;
  readonly scopes: readonly Scope[];
  readonly label: string;
  readonly createdMs: TimeMs;
  readonly expiresMs: TimeMs | null;
  readonly revokedMs: TimeMs | null;
}

const TOKEN = /^cairn_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const NOBODY = new Uint8Array(32);

/** Makes a key: `token` is what the caller sends as Bearer and is not kept anywhere, `id` and `secretHash` are what a server stores. */
export function mintApiKey(random: RandomBytes): { readonly token: string; readonly id: string; readonly secretHash: Uint8Array } {
  const id = Buffer.from(random(8)).toString('hex');
  const secret = random(32);
  return { token: `cairn_${id}_${Buffer.from(secret).toString('base64url')}`, id, secretHash: hashSecret(secret) };
}

function hashSecret(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(secret).digest());
}

/** Splits `cairn_<id>_<secret>`; null where the text is no such token. */
export function parseToken(token: string): { readonly id: string; readonly secretHash: Uint8Array } | null {
  const match = TOKEN.exec(token);
  if (!match) return null;
  const secret = Buffer.from(match[2]!, 'base64url');
  return secret.length === 32 ? { id: match[1]!, secretHash: hashSecret(secret) } : null;
}

/** True only for the right secret of a live key. An unknown id takes the same comparison, so that time tells nothing. */
export function keyAdmits(key: ApiKey | null, secretHash: Uint8Array, nowMs: TimeMs): key is ApiKey {
  const same = timingSafeEqual(key?.secretHash ?? NOBODY, secretHash);
  return key !== null && same && key.revokedMs === null && (key.expiresMs === null || nowMs < key.expiresMs);
}

/** Reads the merchant column of a stored key. */
export function merchantOrNull(text: string | null): MerchantId | null {
  return text !== null && isUuid<MerchantId>(text) ? text : null;
}
