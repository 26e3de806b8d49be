import type { Request } from 'express';
import { Problem, type Clock } from '#base';
import type { ApiResponse } from '../frame/context.ts';
import { keyAdmits, parseToken, type ApiKey } from './api-key.ts';
import type { ApiKeys } from './keys.store.ts';
import { rateHeaders, type RateLimiter, type RatePolicy } from './rate-limit.ts';
import type { Caller } from './scopes.ts';

export interface RateLimits {
  /** For each API key. */
  readonly key: RatePolicy;
  /** For each remote address, over what it asks without a valid key. */
  readonly stranger: RatePolicy;
}

export const RATE_LIMITS: RateLimits = {
  key: { name: 'key', quota: 1200, windowS: 60 },
  stranger: { name: 'stranger', quota: 60, windowS: 60 },
};

export interface AccessDeps {
  readonly keys: ApiKeys;
  readonly limiter: RateLimiter;
  readonly limits: RateLimits;
  readonly clock: Clock;
}

const BEARER = /^Bearer +(\S+)$/i;

/**
 * Says who is asking and takes one request off his quota. Reads no body: a stranger cannot make us keep one. Every failure costs the remote address
 * a token of its own, so that trying keys is slow as well as hopeless.
 */
export async function authenticate(deps: AccessDeps, request: Request, response: ApiResponse): Promise<Caller> {
  const header = request.get('Authorization');
  if (header === undefined) throw stranger(deps, request, response, new Problem('http/api-key-missing', 'There is no Authorization header.'));
  const token = parseToken(BEARER.exec(header)?.[1] ?? '');
  const key = token ? await deps.keys.find(token.id) : null;
  if (!token || !keyAdmits(key, token.secretHash, deps.clock.nowMs())) {
    throw stranger(deps, request, response, new Problem('http/api-key-refused', 'This key opens nothing here.'));
  }
  const limited = takeFrom(deps, `key:${key.id}`, deps.limits.key, response);
  if (limited) throw limited;
  return callerOf(key);
}

function callerOf(key: ApiKey): Caller {
  const scopes = new Set(key.scopes);
  return key.merchant === null ? { kind: 'operator', keyId: key.id, scopes } : { kind: 'merchant', merchant: key.merchant, keyId: key.id, scopes };
}

function stranger(deps: AccessDeps, request: Request, response: ApiResponse, refusal: Problem): Problem {
  return takeFrom(deps, `address:${request.ip ?? 'unknown'}`, deps.limits.stranger, response) ?? refusal;
}

function takeFrom(deps: AccessDeps, who: string, policy: RatePolicy, response: ApiResponse): Problem | null {
  const decision = deps.limiter.take(who, policy, deps.clock.nowMs());
  response.set(rateHeaders(policy, decision));
  if (decision.allowed) return null;
  const detail = `More than ${policy.quota} requests in ${policy.windowS} seconds.`;
  return new Problem('http/rate-limited', detail, { policy: policy.name, retryAfterS: decision.retryAfterS });
}
