import { z } from 'zod';
import { Problem, type MerchantId } from '#base';
import type { ApiKey } from '../access/api-key.ts';
import { SCOPES } from '../access/scopes.ts';
import { decodeCursor, presentPage } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { hexOf, idSchema, PAGE_DEFAULT, pageOf, pageQuery, timeMs } from '../schemas/common.ts';

const KEYS = { name: 'api-keys', position: /^[0-9a-f]{16}$/ };

const keyId = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits')
  .meta({ description: 'The public part of the key.' });

const keyIn = z
  .strictObject({
    secretHash: hexOf(32).meta({ description: 'SHA-256 of the 32 random bytes whose base64url text is the last part of the token.' }),
    merchant: idSchema<MerchantId>('the merchant whom the key is bound to').nullable().meta({ description: 'Null: a key of the operator.' }),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    label: z.string().min(1).max(100),
    expiresMs: timeMs.nullable(),
  })
  .refine((key) => key.merchant === null || !key.scopes.some((scope) => scope === 'admin' || scope === 'metrics:read'), {
    message: 'a merchant’s key cannot have admin or metrics:read',
    path: ['scopes'],
  })
  .meta({ id: 'ApiKeyRequest' });

const keyOut = z
  .object({
    id: keyId,
    merchant: z.string().nullable(),
    scopes: z.array(z.enum(SCOPES)),
    label: z.string(),
    createdMs: timeMs,
    expiresMs: timeMs.nullable(),
    revokedMs: timeMs.nullable(),
  })
  .meta({ id: 'ApiKey' });

function present({ id, merchant, scopes, label, createdMs, expiresMs, revokedMs }: ApiKey): z.input<typeof keyOut> {
  return { id, merchant, scopes: [...scopes], label, createdMs, expiresMs, revokedMs };
}

/** The same key but for the time it was made: what makes a repeated PUT no change. */
function sameKey(a: ApiKey, b: ApiKey): boolean {
  const facts = ({ secretHash, merchant, scopes, label, expiresMs }: ApiKey): string =>
    JSON.stringify([Buffer.from(secretHash).toString('hex'), merchant, [...scopes].sort(), label, expiresMs]);
  return facts(a) === facts(b);
}

const ADMIN = { scope: 'admin', who: 'operator' } as const;

export const KEY_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'put',
    path: '/v1/api-keys/{id}',
    operationId: 'putApiKey',
    tag: 'keys',
    summary: 'Issue an API key',
    description:
      'The secret is made by the caller and never sent: its SHA-256 is. PUT is idempotent by itself, so no answer holding a secret has to be stored.',
    access: ADMIN,
    once: false,
    params: z.strictObject({ id: keyId }),
    body: { type: 'application/json', limitBytes: 16_384, schema: keyIn },
    replies: { 200: { description: 'The key, as it is now.', schema: keyOut } },
    problems: ['http/operator-only', 'http/key-exists'],
    async handle({ params, body, nowMs }, { keys }) {
      const secretHash = new Uint8Array(Buffer.from(body.secretHash.slice(2), 'hex'));
      const wanted = { ...body, id: params.id, secretHash, scopes: [...new Set(body.scopes)], createdMs: nowMs, revokedMs: null };
      const stored = await keys.add(wanted);
      if (!sameKey(stored, wanted)) throw new Problem('http/key-exists', 'Another key has this id.');
      return { status: 200, json: present(stored) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/api-keys',
    operationId: 'listApiKeys',
    tag: 'keys',
    summary: 'List API keys, revoked ones too',
    access: ADMIN,
    once: false,
    query: z.strictObject(pageQuery),
    replies: { 200: { description: 'Keys in id order, without their hashes.', schema: pageOf(keyOut) } },
    problems: ['http/operator-only', 'http/bad-cursor'],
    async handle({ query }, { keys }) {
      const limit = query.limit ?? PAGE_DEFAULT;
      const items = await keys.list(decodeCursor(KEYS, query.cursor) ?? '', limit);
      const next = items.length === limit ? (items.at(-1)?.id ?? null) : null;
      return { status: 200, json: presentPage(KEYS, { items, next }, present) };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/v1/api-keys/{id}',
    operationId: 'revokeApiKey',
    tag: 'keys',
    summary: 'Revoke an API key, from the next request on',
    access: ADMIN,
    once: false,
    params: z.strictObject({ id: keyId }),
    replies: { 200: { description: 'The revoked key.', schema: keyOut } },
    problems: ['http/operator-only', 'http/not-found'],
    async handle({ params, nowMs }, { keys }) {
      await keys.revoke(params.id, nowMs);
      const key = await keys.find(params.id);
      if (!key) throw new Problem('http/not-found', 'There is no such key.');
      return { status: 200, json: present(key) };
    },
  }),
];
