import { Problem, type BookId, type MerchantId, type TimeMs, type Uuid } from '#base';
import { execute, inTransaction, loadSql, query, type Connection, type Database } from '#db';
import { checkUrl, type Reach } from './address.ts';

const sql = loadSql(new URL('./sql/webhooks.sql', import.meta.url), [
  'add',
  'find',
  'list',
  'endWebhook',
  'endDeliveries',
  'open',
  'enqueue',
  'claim',
  'settle',
  'deliveries',
  'purge',
]);

export type WebhookId = Uuid<'webhook'>;

export interface Webhook {
  readonly id: WebhookId;
  readonly merchant: MerchantId;
  readonly url: string;
  readonly createdMs: TimeMs;
  /** Null while it is told. */
  readonly endedMs: TimeMs | null;
}

export interface WebhookDelivery {
  readonly book: BookId;
  readonly seq: bigint;
  readonly attempts: number;
  /** When it is tried next; null when it is not any more. */
  readonly dueMs: TimeMs | null;
  readonly endedMs: TimeMs | null;
  /** What came of the last attempt, in a few words; null before the first. */
  readonly outcome: string | null;
}

/** A delivery that is this process's to make. */
export interface ClaimedDelivery {
  readonly webhook: WebhookId;
  readonly book: BookId;
  readonly seq: bigint;
  readonly body: string;
  readonly attempts: number;
  readonly url: string;
  readonly secret: Uint8Array;
}

/** At a time, of one merchant. */
const MOST_ENDPOINTS = 10;

interface WebhookRow {
  readonly id: WebhookId;
  readonly merchant: MerchantId;
  readonly url: string;
  readonly secret: Buffer;
  readonly created_ms: bigint;
  readonly ended_ms: bigint | null;
}

/** The endpoints of merchants. */
export interface Webhooks {
  /** Makes an endpoint, or finds the very same. Throws `http/webhook-url`, `http/webhook-exists`, `http/too-many-webhooks`. */
  add(webhook: {
    readonly id: WebhookId;
    readonly merchant: MerchantId;
    readonly url: string;
    readonly secret: Uint8Array;
    readonly nowMs: TimeMs;
  }): Promise<Webhook>;
  find(id: WebhookId): Promise<Webhook | null>;
  /** In the order of their ids, after `after`. */
  list(merchant: MerchantId, after: WebhookId, limit: number): Promise<Webhook[]>;
  /** Tells it nothing more, from now on; once or more often. */
  end(id: WebhookId, nowMs: TimeMs): Promise<void>;
  /** Latest record first, before `beforeSeq`. */
  deliveries(id: WebhookId, beforeSeq: bigint, limit: number): Promise<WebhookDelivery[]>;
}

export function openWebhooks({ pool }: Database, reach: Reach): Webhooks {
  const row = async (id: WebhookId) => (await query<WebhookRow>(pool, sql.find, [id]))[0];
  return {
    async add({ id, merchant, url, secret, nowMs }) {
      checkUrl(url, reach);
      await execute(pool, sql.add, [id, merchant, url, Buffer.from(secret), nowMs, MOST_ENDPOINTS]);
      const stored = await row(id);
      if (!stored) throw new Problem('http/too-many-webhooks', `There are ${MOST_ENDPOINTS} endpoints already.`);
      const isSame = stored.merchant === merchant && stored.url === url && stored.secret.equals(secret) && stored.ended_ms === null;
      if (!isSame) throw new Problem('http/webhook-exists', 'Another endpoint has this id, or had it.');
      return webhookOf(stored);
    },
    async find(id) {
      const stored = await row(id);
      return stored ? webhookOf(stored) : null;
    },
    async list(merchant, after, limit) {
      return (await query<WebhookRow>(pool, sql.list, [merchant, after, limit])).map(webhookOf);
    },
    end: (id, nowMs) =>
      inTransaction(pool, async (client) => {
        // First the endpoint: what is enqueued for it is there by then, and nothing comes after.
        await execute(client, sql.endWebhook, [id, nowMs]);
        await execute(client, sql.endDeliveries, [id, nowMs]);
      }),
    async deliveries(id, beforeSeq, limit) {
      const rows = await query<DeliveryRow>(pool, sql.deliveries, [id, beforeSeq, limit]);
      return rows.map(({ book, seq, attempts, due_ms, ended_ms, outcome }) => ({ book, seq, attempts, dueMs: msOf(due_ms), endedMs: msOf(ended_ms), outcome }));
    },
  };
}

interface DeliveryRow {
  readonly book: BookId;
  readonly seq: bigint;
  readonly attempts: number;
  readonly due_ms: bigint | null;
  readonly ended_ms: bigint | null;
  readonly outcome: string | null;
}

function msOf(ms: bigint | null): TimeMs | null {
  return ms === null ? null : Number(ms);
}

function webhookOf({ id, merchant, url, created_ms, ended_ms }: WebhookRow): Webhook {
  return { id, merchant, url, createdMs: Number(created_ms), endedMs: msOf(ended_ms) };
}

/** The endpoints that are told, which cannot be ended before this transaction is. */
export async function openEndpoints(client: Connection): Promise<readonly { readonly id: WebhookId; readonly merchant: MerchantId }[]> {
  return query<{ id: WebhookId; merchant: MerchantId }>(client, sql.open);
}

export interface NewDelivery {
  readonly webhook: WebhookId;
  readonly seq: bigint;
  readonly body: string;
}

export async function enqueue(client: Connection, book: BookId, nowMs: TimeMs, deliveries: readonly NewDelivery[]): Promise<void> {
  const column = <Key extends keyof NewDelivery>(key: Key) => deliveries.map((delivery) => delivery[key]);
  await execute(client, sql.enqueue, [book, nowMs, column('webhook'), column('seq'), column('body')]);
}

/** One delivery of each endpoint but those, at most `limit`; nobody else gets them before `untilMs`. */
export async function claimDue(
  { pool }: Database,
  { nowMs, untilMs, but, limit }: { readonly nowMs: TimeMs; readonly untilMs: TimeMs; readonly but: readonly WebhookId[]; readonly limit: number },
): Promise<ClaimedDelivery[]> {
  return query<ClaimedDelivery & Record<string, unknown>>(pool, sql.claim, [nowMs, but, untilMs, limit]);
}

/** What came of an attempt: due again, or ended. */
export async function settle(
  { pool }: Database,
  { webhook, book, seq }: ClaimedDelivery,
  { dueMs, endedMs, outcome }: Pick<WebhookDelivery, 'dueMs' | 'endedMs' | 'outcome'>,
): Promise<void> {
  await execute(pool, sql.settle, [webhook, book, seq, dueMs, endedMs, outcome]);
}

export async function purgeEnded({ pool }: Database, beforeMs: TimeMs): Promise<void> {
  await execute(pool, sql.purge, [beforeMs]);
}
