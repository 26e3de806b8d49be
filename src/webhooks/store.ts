import { NIL_UUID, Problem, type BookId, type MerchantId, type TimeMs, type Uuid } from '#base';
import { execute, inTransaction, loadSql, query, type Connection, type Database } from '#db';
import type { BookReader } from '#ledger';
import { checkUrl, type Reach } from './address.ts';

const sql = loadSql(new URL('./sql/webhooks.sql', import.meta.url), [
  'lockMerchant',
  'add',
  'find',
  'list',
  'endWebhook',
  'endDeliveries',
  'isAnyOpen',
  'open',
  'enqueue',
  'claim',
  'settle',
  'deliveries',
  'giveUp',
  'purge',
  'forget',
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

/** At a time, of one merchant; and with those that ended, as long as they are kept. */
const MOST_ENDPOINTS = 10;
const MOST_KEPT = 100;

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

/** An endpoint that is made is told of the records that the book does not have by then. */
export function openWebhooks({ pool }: Database, reach: Reach, book: Pick<BookReader, 'bookId' | 'head'>): Webhooks {
  return {
    async add({ id, merchant, url, secret, nowMs }) {
      checkUrl(url, reach);
      const { seq } = await book.head();
      const [stored] = await inTransaction(pool, async (client) => {
        await query(client, sql.lockMerchant, [merchant]);
        await execute(client, sql.add, [id, merchant, url, Buffer.from(secret), nowMs, book.bookId, seq, MOST_ENDPOINTS, MOST_KEPT]);
        return query<WebhookRow>(client, sql.find, [id]);
      });
      if (!stored)
        throw new Problem(
          'http/too-many-webhooks',
          `There are ${MOST_ENDPOINTS} endpoints already, or ${MOST_KEPT} with those that ended in the last 30 days.`,
        );
      const isSame = stored.merchant === merchant && stored.url === url && stored.secret.equals(secret) && stored.ended_ms === null;
      if (!isSame) throw new Problem('http/webhook-exists', 'Another endpoint has this id, or had it.');
      return webhookOf(stored);
    },
    async find(id) {
      const [stored] = await query<WebhookRow>(pool, sql.find, [id]);
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

export async function isAnyOpen(client: Connection): Promise<boolean> {
  return (await query<{ is_any: boolean }>(client, sql.isAnyOpen))[0]!.is_any;
}

export interface OpenEndpoint {
  readonly id: WebhookId;
  readonly merchant: MerchantId;
  /** It is told of the records of the book after this one. */
  readonly since: bigint;
}

/** The endpoints that are told. */
export async function openEndpoints(client: Connection, book: BookId): Promise<readonly OpenEndpoint[]> {
  return query<OpenEndpoint & Record<string, unknown>>(client, sql.open, [book]);
}

export interface NewDelivery {
  readonly webhook: WebhookId;
  readonly seq: bigint;
  readonly body: string;
}

/** Leaves out what would go to an endpoint that was ended meanwhile; others cannot be ended before this transaction is. */
export async function enqueue(client: Connection, book: BookId, nowMs: TimeMs, deliveries: readonly NewDelivery[]): Promise<void> {
  const column = <Key extends keyof NewDelivery>(key: Key) => deliveries.map((delivery) => delivery[key]);
  await execute(client, sql.enqueue, [book, nowMs, column('webhook'), column('seq'), column('body')]);
}

export interface Claim {
  readonly nowMs: TimeMs;
  /** Nobody else gets them before. */
  readonly untilMs: TimeMs;
  /** Endpoints that are left out. */
  readonly but: readonly WebhookId[];
  /** The endpoint whose turn was last. */
  readonly after: WebhookId;
  readonly limit: number;
  /** Of one merchant, with those that anybody has in hand. */
  readonly limitOfMerchant: number;
}

/** One delivery of each endpoint that nothing is under way to, in the order of their turns: after the last one by their ids, then from the first. */
export async function claimDue(database: Database, claim: Claim): Promise<ClaimedDelivery[]> {
  const claimed = await claimBehind(database, claim);
  if (claimed.length === claim.limit || claim.after === NIL_UUID) return claimed;
  const but = [...claim.but, ...claimed.map(({ webhook }) => webhook)];
  return [...claimed, ...(await claimBehind(database, { ...claim, but, after: NIL_UUID as WebhookId, limit: claim.limit - claimed.length }))];
}

function claimBehind({ pool }: Database, { nowMs, untilMs, but, after, limit, limitOfMerchant }: Claim): Promise<ClaimedDelivery[]> {
  const params = [nowMs, but, untilMs, limit, after, limitOfMerchant, MOST_ENDPOINTS];
  return query<ClaimedDelivery & Record<string, unknown>>(pool, sql.claim, params);
}

/** What came of an attempt: due again, or ended. Nothing where somebody else has tried since. */
export async function settle(
  { pool }: Database,
  { webhook, book, seq, attempts }: ClaimedDelivery,
  { dueMs, endedMs, outcome }: Pick<WebhookDelivery, 'dueMs' | 'endedMs' | 'outcome'>,
): Promise<void> {
  await execute(pool, sql.settle, [webhook, book, seq, dueMs, endedMs, outcome, attempts]);
}

/** Gives up what was to be told before `waitingMs`, and forgets what ended before `endedMs`, endpoints too. */
export async function tidy({ pool }: Database, { nowMs, waitingMs, endedMs }: Readonly<Record<'nowMs' | 'waitingMs' | 'endedMs', TimeMs>>): Promise<void> {
  await execute(pool, sql.giveUp, [nowMs, waitingMs]);
  await execute(pool, sql.purge, [endedMs]);
  await execute(pool, sql.forget, [endedMs]);
}
