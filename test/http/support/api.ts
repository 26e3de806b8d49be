import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ManualClock, newId, type AssetNo, type BookId, type MerchantId } from '#base';
import { createApi, createLog, listen, mintApiKey, openApiKeys, SCOPES, type ProblemDocument, type RateLimits, type Scope } from '#http';
import { openBook, type Book } from '#ledger';
import type { Command } from '#ledger/core';
import { openWebhooks } from '#webhooks';
import { ROUTES } from '../../../src/http/routes/routes.ts';
import { problemOut } from '../../../src/http/schemas/common.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { tinyServices, type TinyServices } from './services.ts';

const START_MS = 1_800_000_000_000;
export const ALICE = '0190a000-0000-7000-8000-00000000000a' as MerchantId;
export const BOB = '0190b000-0000-7000-8000-00000000000b' as MerchantId;

const BOOK = '0190000b-0000-7000-8000-000000000001' as BookId;
const ASSETS: readonly Command[] = [
  { kind: 'openAsset', asset: 1 as AssetNo, decimals: 6, caip19: null, peg: 'USD', symbol: 'tUSD' },
  { kind: 'openAsset', asset: 2 as AssetNo, decimals: 18, caip19: null, peg: 'EUR', symbol: 'tEUR' },
];

const WIDE: RateLimits = {
  key: { name: 'key', quota: 100_000, windowS: 60 },
  stranger: { name: 'stranger', quota: 100_000, windowS: 60 },
};

/** A parsed body: a test reads what it expects, and `checkConforms` has compared the whole with its schema. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Body = any;

export interface Answer {
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
  readonly ledger: Book;
  readonly database: TestDatabase;
  /** Lines of the log so far. */
  readonly log: string[];
  token(merchant: MerchantId | null, scopes?: readonly Scope[]): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** Scopes a merchant's key can have. */
export const MERCHANT_SCOPES: readonly Scope[] = SCOPES.filter((scope) => scope !== 'admin' && scope !== 'metrics:read');

/** The real API on a free port of 127.0.0.1, over a real database and a real book, with a clock that only the test moves. */
export async function testApi(limits: RateLimits = WIDE): Promise<TestApi> {
  const database = await testDatabase();
  const clock = new ManualClock(START_MS);
  const ledger = await openBook({ database: database.database, bookId: BOOK, clock });
  await ledger.submit(ASSETS);
  const services = tinyServices();
  const log: string[] = [];
  const logger = createLog({ level: 'info' }, { write: (line: string) => void log.push(line) });
  const app = createApi({
    database: database.database,
    services: { ...services, ledger, webhooks: openWebhooks(database.database, 'public', ledger) },
    clock,
    random,
    log: logger,
    limits,
  });
  const server = await listen(app, { port: 0, requestId: () => newId(clock.nowMs(), random) });
  const keys = openApiKeys(database.database);
  const { url } = server;
  return {
    url,
    clock,
    services,
    ledger,
    database,
    log,
    async token(merchant, scopes = merchant === null ? SCOPES : MERCHANT_SCOPES) {
      const { token, id, secretHash } = mintApiKey(random);
      await keys.add({ id, secretHash, merchant, scopes, label: 'test', createdMs: clock.nowMs(), expiresMs: null, revokedMs: null });
      return token;
    },
    async call(method, path, options = {}) {
      const answer = await call(url, method, path, options);
      checkConforms(method, path, answer);
      return answer;
    },
    async close() {
      await server.close(0);
      await ledger.close();
      await database.close();
    },
  };
}

function random(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

/** Every answer of every test has exactly the members that the document promises for its route and status. */
function checkConforms(method: string, path: string, { status, body }: Answer): void {
  const [place] = path.split('?');
  const route = ROUTES.find((one) => one.method === method.toLowerCase() && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(place!));
  const schema = status < 400 ? route?.replies[status]?.schema : problemOut;
  if (body !== undefined && schema) assert.deepEqual(schema.parse(body), body, `${method} ${path} answers ${status} as documented`);
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
