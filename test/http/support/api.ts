import { randomBytes } from 'node:crypto';
import { ManualClock, newId, type MerchantId } from '#base';
import { createApi, createLog, listen, mintApiKey, openApiKeys, SCOPES, type ProblemDocument, type RateLimits, type Scope } from '#http';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { tinyServices, type TinyServices } from './services.ts';

export const START_MS = 1_800_000_000_000;
export const ALICE = '0190a000-0000-7000-8000-00000000000a' as MerchantId;
export const BOB = '0190b000-0000-7000-8000-00000000000b' as MerchantId;

const WIDE: RateLimits = {
  key: { name: 'key', quota: 100_000, windowS: 60 },
  stranger: { name: 'stranger', quota: 100_000, windowS: 60 },
};

export interface Answer<Body = any> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; every JSON answer is parsed. */
  readonly body: Body;
  readonly problem: ProblemDocument;
}

export interface CallOptions {
  readonly token?: string;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  /** Its Idempotency-Key; a fresh one unless given, none where null. */
  readonly key?: string | null;
}

export interface TestApi {
  readonly url: string;
  readonly clock: ManualClock;
  readonly services: TinyServices;
  readonly database: TestDatabase;
  /** Lines of the log so far. */
  readonly log: string[];
  token(merchant: MerchantId | null, scopes?: readonly Scope[]): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** Scopes a merchant's key can have. */
export const MERCHANT_SCOPES: readonly Scope[] = SCOPES.filter((scope) => scope !== 'admin' && scope !== 'metrics:read');

/** The real API on a free port of 127.0.0.1, over a real database, with a clock that only the test moves. */
export async function testApi(limits: RateLimits = WIDE): Promise<TestApi> {
  const database = await testDatabase();
  const clock = new ManualClock(START_MS);
  const services = tinyServices();
  const log: string[] = [];
  const random = (length: number) => new Uint8Array(randomBytes(length));
  const logger = createLog({ level: 'info' }, { write: (line: string) => void log.push(line) });
  const app = createApi({ database: database.database, services, clock, random, log: logger, limits });
  const server = await listen(app, { port: 0, requestId: () => newId(clock.nowMs(), random) });
  const keys = openApiKeys(database.database);
  return {
    url: server.url,
    clock,
    services,
    database,
    log,
    async token(merchant, scopes = merchant === null ? SCOPES : MERCHANT_SCOPES) {
      const { token, id, secretHash } = mintApiKey(random);
      await keys.add({ id, secretHash, merchant, scopes, label: 'test', createdMs: clock.nowMs(), expiresMs: null, revokedMs: null });
      return token;
    },
    call: (method, path, options = {}) => call(server.url, method, path, options),
    async close() {
      await server.close(0);
      await database.close();
    },
  };
}

let count = 0;

async function call(url: string, method: string, path: string, options: CallOptions): Promise<Answer> {
  const { token, json, body, key = `test-${count++}` } = options;
  const headers: Record<string, string> = { ...options.headers };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (method !== 'GET' && key !== null) headers['idempotency-key'] = key;
  if (json !== undefined) headers['content-type'] ??= 'application/json';
  const sent = json === undefined ? body : JSON.stringify(json, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
  const response = await fetch(url + path, { method, headers, ...(sent !== undefined && { body: sent }) });
  const text = await response.text();
  const parsed = /json/.test(response.headers.get('content-type') ?? '') && text !== '' ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, body: parsed, problem: parsed };
}
