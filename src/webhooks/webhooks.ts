import type { Clock, RandomBytes } from '#base';
import { follow, type Heads } from '#cdc';
import type { Database } from '#db';
import type { Book } from '#ledger';
import type { Reach } from './address.ts';
import { startDeliveries } from './deliver.ts';
import { sender } from './send.ts';
import { openWebhooks, type Webhooks } from './store.ts';
import { teller } from './tell.ts';

/** The door of webhooks: merchants are told, at endpoints of theirs, of every record that moves their money. */
export { openWebhooks, type Webhook, type WebhookDelivery, type WebhookId, type Webhooks } from './store.ts';

export interface WebhooksOptions {
  readonly database: Database;
  readonly book: Book;
  readonly heads: Heads;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Where endpoints may be. */
  readonly reach: Reach;
  /** Told of each look of a part: what failed, or null where it went well. */
  readonly onLook?: (part: WebhooksPart, failure: unknown) => void;
}

/** What turns records into events for endpoints, and what sends these: either may stand still while the other goes on. */
export type WebhooksPart = 'webhook events' | 'webhook deliveries';

/**
 * Follows the book and tells what it says, until it is closed: then what is under way is finished, and the rest is told by whoever starts next. It closes by
 * itself where the book is somebody else's now, who tells it.
 */
export function startWebhooks({
  database,
  book,
  heads,
  clock,
  random,
  reach,
  onLook = () => undefined,
}: WebhooksOptions): Webhooks & { close(): Promise<void> } {
  const reportsOf = (part: WebhooksPart) => ({ onFault: (error: unknown) => onLook(part, error), onWork: () => onLook(part, null) });
  const following = follow({ database, source: book, heads, consumer: teller(book, clock), ...reportsOf('webhook events') });
  const deliveries = startDeliveries({ database, clock, random, send: sender({ reach }), ...reportsOf('webhook deliveries') });
  const close = async () => void (await Promise.all([following.close(), deliveries.close()]));
  void book.lost.then(close);
  return { ...openWebhooks(database, reach, book), close };
}
