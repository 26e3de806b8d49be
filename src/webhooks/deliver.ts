import type { Clock, RandomBytes, TimeMs } from '#base';
import type { Database } from '#db';
import { retryMs, SIGNATURE_HEADER, signatureOf } from './core/core.ts';
import type { Send } from './send.ts';
import { claimDue, purgeEnded, settle, type ClaimedDelivery, type WebhookId } from './store.ts';

export interface DeliveryOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly send: Send;
  readonly onFault?: (error: unknown) => void;
}

const IDLE_MS = 250;
/** Longer than any attempt: whoever claimed a delivery and died is followed by somebody else after that. */
const LEASE_MS = 60_000;
const MOST_AT_ONCE = 32;
const KEEP_MS = 30 * 86_400_000;
const PURGE_EVERY_MS = 3_600_000;

/** Tells endpoints what is due, one thing at a time each, so that one who is slow keeps nobody else waiting. At least once: a crash between an answer and its note tells again. */
export function startDeliveries({ database, clock, random, send, onFault }: DeliveryOptions): { close(): Promise<void> } {
  const underWay = new Map<WebhookId, Promise<void>>();
  let wake: () => void = () => undefined;
  const closing = new AbortController();
  let purgedMs: TimeMs = 0;

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
    if (nowMs - purgedMs >= PURGE_EVERY_MS) {
      purgedMs = nowMs;
      await purgeEnded(database, nowMs - KEEP_MS);
    }
    const limit = MOST_AT_ONCE - underWay.size;
    const claimed = limit === 0 ? [] : await claimDue(database, { nowMs, untilMs: nowMs + LEASE_MS, but: [...underWay.keys()], limit });
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
      if (!closing.signal.aborted) await round().catch((error: unknown) => onFault?.(error));
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
