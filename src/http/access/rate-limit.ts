import type { TimeMs } from '#base';

/** `quota` requests may be made at once; they come back evenly over `windowS` seconds (a token bucket). */
export interface RatePolicy {
  readonly name: string;
  readonly quota: number;
  readonly windowS: number;
}

export interface Bucket {
  readonly tokens: number;
  readonly atMs: TimeMs;
}

export interface RateDecision {
  readonly allowed: boolean;
  readonly bucket: Bucket;
  readonly remaining: number;
  /** Seconds until the whole quota is back. */
  readonly resetS: number;
  /** Seconds until one request is allowed again. */
  readonly retryAfterS: number;
}

/** Takes one token, pure. A clock that went back refills nothing. */
export function takeToken(before: Bucket | undefined, policy: RatePolicy, nowMs: TimeMs): RateDecision {
  const perMs = policy.quota / (policy.windowS * 1000);
  const elapsed = before ? Math.max(0, nowMs - before.atMs) : 0;
  const available = before ? Math.min(policy.quota, before.tokens + elapsed * perMs) : policy.quota;
  const allowed = available >= 1;
  const tokens = allowed ? available - 1 : available;
  return {
    allowed,
    bucket: { tokens, atMs: before ? Math.max(nowMs, before.atMs) : nowMs },
    remaining: Math.floor(tokens),
    resetS: Math.ceil((policy.quota - tokens) / perMs / 1000),
    retryAfterS: allowed ? 0 : Math.max(1, Math.ceil((1 - tokens) / perMs / 1000)),
  };
}

/** The two fields of draft-ietf-httpapi-ratelimit-headers-10: what a key may use, and what is left of it. */
export function rateHeaders(policy: RatePolicy, decision: RateDecision): Readonly<Record<string, string>> {
  return {
    'RateLimit-Policy': `"${policy.name}";q=${policy.quota};w=${policy.windowS}`,
    RateLimit: `"${policy.name}";r=${decision.remaining};t=${decision.resetS}`,
  };
}

/** So many callers are remembered; beyond it the one unseen for longest starts anew. Each process counts for itself. */
const REMEMBERED = 20_000;

/** The buckets of one process, by caller. Kept in memory: a limit protects the process, it is no account of anything. */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();

  take(who: string, policy: RatePolicy, nowMs: TimeMs): RateDecision {
    const decision = takeToken(this.#buckets.get(who), policy, nowMs);
    // Taking the entry out first moves it to the end: a Map keeps its order of insertion, so the first entry is the one unseen for longest.
    this.#buckets.delete(who);
    this.#buckets.set(who, decision.bucket);
    if (this.#buckets.size > REMEMBERED) this.#buckets.delete(this.#buckets.keys().next().value!);
    return decision;
  }
}
