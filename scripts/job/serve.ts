import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId, type MerchantId, type RandomBytes } from '#base';
import { createApi, createLog, listen, mintApiKey, openApiKeys, SCOPES, type Listening, type Scope } from '#http';
import { createServices } from '#services';
import { writeFileDurably } from '#supervisor';
import type { Platform, PlatformOptions } from '#main';
import type { Example } from '../example/example.ts';

export interface ServeOptions {
  readonly platform: Platform;
  readonly payments: PlatformOptions['payments'];
  readonly stateDir: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));

/** The API on this machine, over the running platform. */
export async function serveApi({ platform, payments, port }: ServeOptions): Promise<Listening> {
  const { database, clock } = platform;
  const services = createServices({ ...platform, tariff: payments.tariff, rates: payments.rates });
  const log = createLog({ level: 'warn' }, process.stderr);
  const app = createApi({ database, services, clock, random, log });
  return listen(app, { port, requestId: () => newId(clock.nowMs(), random) });
}

const MERCHANT_SCOPES: readonly Scope[] = SCOPES.filter((scope) => scope !== 'admin' && scope !== 'metrics:read');

/** A key to try the API with: one of the operator, one of the example's first merchant. Kept for their owner alone (0600), made once. */
export async function localApiKeys(platform: Platform, example: Example, stateDir: string): Promise<{ readonly operator: string; readonly merchant: string }> {
  const [merchant] = example.merchants;
  return {
    operator: await localApiKey(platform, join(stateDir, 'keys', 'operator.api-key'), null, 'operator', SCOPES),
    merchant: await localApiKey(platform, join(stateDir, 'keys', `${merchant!.id}.api-key`), merchant!.id, merchant!.name, MERCHANT_SCOPES),
  };
}

async function localApiKey(platform: Platform, file: string, merchant: MerchantId | null, label: string, scopes: readonly Scope[]): Promise<string> {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const { token, id, secretHash } = mintApiKey(random);
  const createdMs = platform.clock.nowMs();
  await openApiKeys(platform.database).add({ id, secretHash, merchant, scopes, label, createdMs, expiresMs: null, revokedMs: null });
  await writeFileDurably(file, `${token}\n`);
  return token;
}
