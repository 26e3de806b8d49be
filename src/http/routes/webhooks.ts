import { z } from 'zod';
import { fromHex, NIL_UUID, Problem, type Hex } from '#base';
import type { Webhook, WebhookDelivery, WebhookId, Webhooks } from '#webhooks';
import { maySee, merchantConcerned, merchantOf, type Caller } from '../access/scopes.ts';
import { decodeCursor, NUMBER_POSITION, presentPage, UUID_POSITION } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { hexOf, idSchema, PAGE_DEFAULT, pageOf, pageQuery, seqOut, timeMs } from '../schemas/common.ts';
import { merchantQuery } from '../schemas/payments.ts';

const WEBHOOKS = { name: 'webhooks', position: UUID_POSITION };
const DELIVERIES = { name: 'webhook-deliveries', position: NUMBER_POSITION };
/** Behind every record that a cursor can name. */
const BEHIND_ALL = 10n ** 18n;

const webhookId = idSchema<WebhookId>('the endpoint');
const params = z.strictObject({ id: webhookId });

const webhookIn = z
  .strictObject({
    url: z.string().max(2048).meta({ description: 'Where to POST to; https, on the internet.', example: 'https://example.com/cairn' }),
    secret: hexOf(32).meta({ description: '32 random bytes that the caller makes and keeps. They sign what is told, and are never shown again.' }),
  })
  .meta({ id: 'WebhookRequest' });

const webhookOut = z
  .object({
    id: z.string(),
    merchant: z.string(),
    url: z.string(),
    createdMs: timeMs,
    endedMs: timeMs.nullable().meta({ description: 'Null while it is told.' }),
  })
  .meta({ id: 'Webhook' });

const deliveryOut = z
  .object({
    id: z.string().meta({ description: 'Of the event: what a receiver knows a repetition by.' }),
    seq: seqOut,
    attempts: z.int(),
    dueMs: timeMs.nullable().meta({ description: 'When it is tried next; null when it is not any more.' }),
    endedMs: timeMs.nullable(),
    outcome: z.string().nullable().meta({ description: 'What came of the last attempt; null before the first.' }),
  })
  .meta({ id: 'WebhookDelivery' });

function present({ id, merchant, url, createdMs, endedMs }: Webhook): z.input<typeof webhookOut> {
  return { id, merchant, url, createdMs, endedMs };
}

function presentDelivery({ book, seq, attempts, dueMs, endedMs, outcome }: WebhookDelivery): z.input<typeof deliveryOut> {
  return { id: `evt_${book}_${seq}`, seq: `${seq}`, attempts, dueMs, endedMs, outcome };
}

async function requireWebhook(webhooks: Pick<Webhooks, 'find'>, id: WebhookId, caller: Caller): Promise<Webhook> {
  const webhook = await webhooks.find(id);
  if (!webhook || !maySee(caller, webhook.merchant)) throw new Problem('http/not-found', 'There is no such endpoint.');
  return webhook;
}

/** Where a merchant is told of what moves his money. */
export const WEBHOOK_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'put',
    path: '/v1/webhooks/{id}',
    operationId: 'putWebhook',
    tag: 'webhooks',
    summary: 'Be told at a URL of what moves the merchant’s money',
    description:
      'Every record from now on that debits or credits an account of the merchant is POSTed there, at least once: answer 2xx within 10 seconds, and drop what has an id that was seen. Signed in Cairn-Signature as t=<seconds>,v1=<hex>, HMAC-SHA256 of "<seconds>.<body>" under the secret; refuse what is older than five minutes. Tried again for about three days, and given up after four at the latest. At most 10 endpoints of a merchant, 100 with those that ended. PUT is idempotent by itself, so no answer holding a secret has to be stored.',
    access: { scope: 'webhooks:write', who: 'merchant' },
    once: false,
    params,
    body: { type: 'application/json', limitBytes: 16_384, schema: webhookIn },
    replies: { 200: { description: 'The endpoint, without its secret.', schema: webhookOut } },
    problems: ['http/merchant-only', 'http/webhook-url', 'http/webhook-exists', 'http/too-many-webhooks'],
    async handle({ caller, params: { id }, body, nowMs }, { webhooks }) {
      const secret = fromHex(body.secret as Hex);
      return { status: 200, json: present(await webhooks.add({ id, merchant: merchantOf(caller), url: body.url, secret, nowMs })) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/webhooks',
    operationId: 'listWebhooks',
    tag: 'webhooks',
    summary: 'List the endpoints of a merchant, those too that ended in the last 30 days',
    access: { scope: 'webhooks:read', who: 'anyone' },
    once: false,
    query: z.strictObject({ ...pageQuery, merchant: merchantQuery }),
    replies: { 200: { description: 'Endpoints in id order, without their secrets.', schema: pageOf(webhookOut) } },
    problems: ['http/bad-cursor', 'http/not-allowed-here'],
    async handle({ caller, query }, { webhooks }) {
      const limit = query.limit ?? PAGE_DEFAULT;
      const after = (decodeCursor(WEBHOOKS, query.cursor) ?? NIL_UUID) as WebhookId;
      const items = await webhooks.list(merchantConcerned(caller, query.merchant), after, limit);
      const next = items.length === limit ? (items.at(-1)?.id ?? null) : null;
      return { status: 200, json: presentPage(WEBHOOKS, { items, next }, present) };
    },
  }),
  defineRoute({
    method: 'delete',
    path: '/v1/webhooks/{id}',
    operationId: 'endWebhook',
    tag: 'webhooks',
    summary: 'Be told nothing more at an endpoint',
    description: 'By its merchant, or by the operator. What is under way may still arrive, within ten seconds.',
    access: { scope: 'webhooks:write', who: 'anyone' },
    once: false,
    params,
    replies: { 200: { description: 'The ended endpoint.', schema: webhookOut } },
    problems: ['http/not-found'],
    async handle({ caller, params: { id }, nowMs }, { webhooks }) {
      await requireWebhook(webhooks, id, caller);
      await webhooks.end(id, nowMs);
      return { status: 200, json: present(await requireWebhook(webhooks, id, caller)) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/webhooks/{id}/deliveries',
    operationId: 'listWebhookDeliveries',
    tag: 'webhooks',
    summary: 'What an endpoint was told, and what it is still to be told',
    description: 'Latest record first. Those that ended are kept for 30 days.',
    access: { scope: 'webhooks:read', who: 'anyone' },
    once: false,
    params,
    query: z.strictObject(pageQuery),
    replies: { 200: { description: 'A page of deliveries.', schema: pageOf(deliveryOut) } },
    problems: ['http/bad-cursor', 'http/not-found'],
    async handle({ caller, params: { id }, query }, { webhooks }) {
      const before = decodeCursor(DELIVERIES, query.cursor);
      await requireWebhook(webhooks, id, caller);
      const limit = query.limit ?? PAGE_DEFAULT;
      const items = await webhooks.deliveries(id, before === null ? BEHIND_ALL : BigInt(before), limit);
      const next = items.length === limit ? `${items.at(-1).seq}` : null;
      return { status: 200, json: presentPage(DELIVERIES, { items, next }, presentDelivery) };
    },
  }),
];
