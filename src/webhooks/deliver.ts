import { NIL_UUID, type Clock, type RandomBytes, type TimeMs } from '#base';
import type { Database } from '#db';
import { retryMs, SIGNATURE_HEADER, signatureOf } from './core/core.ts';
import type { Send } from './send.ts';
import { claimDue, settle, tidy, type ClaimedDelivery, type WebhookId } from './store.ts';

export interface DeliveryOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly send: Send;
  readonly onFault?: (error: unknown) => void;
  /** Told of each look at what is due that went well. */
  readonly onWork?: () => void;
}

const IDLE_MS = 250;
/** Longer than any attempt: whoever claimed a delivery and died is followed by somebody else after that. */
const LEASE_MS = 60_000;
const MOST_AT_ONCE = 32;
/** So that one who never answers at any of his endpoints leaves room for others. */
const MOST_OF_MERCHANT = 4;
const DAY_MS = 86_400_000;
/** What is tried as often as it may be is given up before that; what waits behind others at a slow endpoint, then. */
const WAIT_MS = 4 * DAY_MS;
const KEEP_MS = 30 * DAY_MS;
const TIDY_EVERY_MS = 3_600_000;

/** Tells endpoints what is due, one thing at a time each, so that one who is slow keeps nobody else waiting. At least once: a crash between an answer and its note tells again. */
export function startDeliveries({ database, clock, random, send, onFault, onWork }: DeliveryOptions): { close(): Promise<void> } {
  const underWay = new Map<WebhookId, Promise<void>>();
  let wake: () => void = () => undefined;
  const closing = new AbortController();
  let tidiedMs: TimeMs = 0;
  let after = NIL_UUID as WebhookId;

  async function attempt(delivery: ClaimedDelivery): Promise<void> {
    const { body, secret, url, attempts } = delivery;
    const headers = { [SIGNATURE_HEADER]: signatureOf(secret, Math.floor(clock.nowMs() / 1000), body) };
    const { isDone, outcome } = await send({ url, body, headers }).then(
      (status) => ({ isDone: status >= 200 && status < 300, outcome: `answered ${status}` }),
      (error: unknown) => ({ isDone: false, outcome: `no answer: ${(error instanceof Error ? error.message : String(error)).slice(0, 200)}` }),
    );
    const nowMs = clock.nowMs();
    const dueMs = isDone ? null : retryMs(attempts, nowMs, random(1)[0]!);
    await settle(database, delivery, { dueMs, endedMs: dueMs === null ? nowMs : null, outcome: isDone || dueMs !== null ? outcome : `given up: ${outcome}` });
  }

  async function round(): Promise<void> {
    const nowMs = clock.nowMs();
    if (nowMs - tidiedMs >= TIDY_EVERY_MS) {
      tidiedMs = nowMs;
      await tidy(database, { nowMs, waitingMs: nowMs - WAIT_MS, endedMs: nowMs - KEEP_MS });
    }
    const limit = MOST_AT_ONCE - underWay.size;
    if (limit === 0) return;
    const but = [...underWay.keys()];
    const claimed = await claimDue(database, { nowMs, untilMs: nowMs + LEASE_MS, but, after, limit, limitOfMerchant: MOST_OF_MERCHANT });
    after = claimed.at(-1)?.webhook ?? (NIL_UUID as WebhookId);
    for (const delivery of claimed) {
      const work = attempt(delivery)
        .catch((error: unknown) => onFault?.(error))
        .finally(() => {
          underWay.delete(delivery.webhook);
          wake();
        });
      underWay.set(delivery.webhook, work);
    }
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, IDLE_MS);
        wake = () => (clearTimeout(timer), resolve());
      });
      if (!closing.signal.aborted) await round().then(onWork, (error: unknown) => onFault?.(error));
    }
    await Promise.all(underWay.values());
  }

  const running = run();
  return {
    close: async () => {
      closing.abort();
      wake();
      await running;
    },
  };
}
