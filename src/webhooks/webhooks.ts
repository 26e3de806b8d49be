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
  readonly onFault?: (error: unknown) => void;
}

/** Follows the book and tells what it says, until it is closed: then what is under way is finished, and the rest is told by whoever starts next. */
export function startWebhooks({
  database,
  book,
  heads,
  clock,
  random,
  reach,
  onFault = () => undefined,
}: WebhooksOptions): Webhooks & { close(): Promise<void> } {
  const following = follow({ database, source: book, heads, consumer: teller(book, clock), onFault });
  const deliveries = startDeliveries({ database, clock, random, send: sender({ reach }), onFault });
  return { ...openWebhooks(database, reach), close: async () => void (await Promise.all([following.close(), deliveries.close()])) };
}
