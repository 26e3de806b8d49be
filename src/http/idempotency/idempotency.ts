import { createHash } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { derivedId, Problem, utf8, type TimeMs, type Uuid } from '#base';

/** What an Idempotency-Key is unique in (draft-ietf-httpapi-idempotency-key-header-07): the owner of the API key, not the key, so that rotating keys keeps retries safe. */
export interface IdempotencyScope {
  readonly caller: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
}

/** What is remembered under a key: a claim while its first request runs, its answer afterwards. */
export interface Remembered {
  readonly fingerprint: Uint8Array;
  readonly claim: Uuid<'claim'>;
  readonly claimedMs: TimeMs;
  readonly answer: { readonly status: number; readonly body: string } | null;
}

/** How long a claim keeps others out. A process that died leaves its claim behind; taking it over is safe at any time, because the effect is derived from the key. */
export const CLAIM_MS = 15_000;

/** How long an answer is kept at least. After that the ids still protect: the ledger remembers them for ever. */
export const RETENTION_MS = 24 * 60 * 60 * 1000;

const BARE = /^[A-Za-z0-9._:-]{1,255}$/;
const QUOTED = /^"([A-Za-z0-9._:-]{1,255})"$/;

/** Reads the header: a Structured Fields string as the draft says (`"..."`), or the same characters bare, as most clients send it. */
export function parseIdempotencyKey(header: string | undefined): string {
  if (header === undefined) throw new Problem('http/idempotency-key-missing', 'This request changes something and has no Idempotency-Key.');
  const key = BARE.test(header) ? header : QUOTED.exec(header)?.[1];
  if (key === undefined) throw new Problem('http/idempotency-key-malformed', 'The Idempotency-Key is empty, too long or has other characters.');
  return key;
}

/** SHA-256 over the canonical request: what must be the same when a key is used again. */
export function requestFingerprint(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return new Uint8Array(hash.digest());
}

/**
 * The id of the index-th thing that a request makes. It follows from the key alone, never from the time, the body or chance: where a crash falls
 * between the effect and its stored answer, the retry asks the ledger for the same id again and gets what is there ("exists"), or, with another
 * amount under it, a refusal. A JSON array names its parts unambiguously.
 */
export function idUnderKey<Id extends Uuid<string>>(scope: IdempotencyScope, index: number): Id {
  return derivedId<Id>(keccak_256(utf8(JSON.stringify(['cairn.http.id', scope.caller, scope.method, scope.path, scope.key, index]))));
}

export type Verdict =
  { readonly kind: 'replay'; readonly status: number; readonly body: string } | { readonly kind: 'takeOver'; readonly claim: Uuid<'claim'> };

/** What to do with a key that is known already; pure. Refuses in this order: another request, still in flight. */
export function judge(remembered: Remembered, fingerprint: Uint8Array, nowMs: TimeMs): Verdict {
  if (Buffer.compare(remembered.fingerprint, fingerprint) !== 0) {
    throw new Problem('http/idempotency-key-reused', 'The first request with this Idempotency-Key had another body.');
  }
  if (remembered.answer) return { kind: 'replay', ...remembered.answer };
  const leftMs = remembered.claimedMs + CLAIM_MS - nowMs;
  if (leftMs > 0) {
    throw new Problem('http/idempotency-in-flight', 'The first request with this Idempotency-Key has not been answered yet.', { retryAfterS: 1 });
  }
  return { kind: 'takeOver', claim: remembered.claim };
}
