/** The door of http: the API as an express application, its server, its keys, and what it asks of the parts behind it. */
export { mintApiKey, type ApiKey } from './access/api-key.ts';
export { RATE_LIMITS, type RateLimits } from './access/authenticate.ts';
export { openApiKeys, type ApiKeys } from './access/keys.store.ts';
export type { RatePolicy } from './access/rate-limit.ts';
export { SCOPES, type Scope } from './access/scopes.ts';
export { createApi, type ApiDeps } from './api.ts';
export { API_VERSION } from './frame/context.ts';
export type { Page } from './frame/cursor.ts';
export { problemDocument, type ProblemDocument } from './frame/problem-json.ts';
export { RETENTION_MS } from './idempotency/idempotency.ts';
export { openIdempotency, type IdempotencyStore } from './idempotency/idempotency.store.ts';
export { listen, type Listening, type ListenOptions } from './listen.ts';
export { createLog } from './log.ts';
export { openApiDocument } from './openapi.ts';
export * from './services.ts';
