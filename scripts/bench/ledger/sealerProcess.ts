/** A process that seals a book as the product does, with the product's own sealer: by count or age, as fast as records come. Started by `startHelper`. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSealer, type Sealer } from '#anchor';
import { assert, systemClock, type BookId } from '#base';
import { openDatabase, type Database } from '#db';
import { readBook, type BookReader } from '#ledger';
import { answerOrders } from './child.ts';

export type SealOrder = { readonly url: string; readonly bookId: BookId } | { readonly seal: 'all' | 'while records come' | 'no more' };

export interface SealReport {
  readonly sealed: number;
  readonly cpuMs: number;
}

/** As in src/main.ts. */
const MAX_BATCH_RECORDS = 4_096;
const SEAL_AFTER_MS = 1_500;
const PASS_MS = 100;

let database: Database;
let book: BookReader;
let sealer: Sealer;
let stop: (() => Promise<SealReport>) | null = null;

function begin(): () => Promise<SealReport> {
  const before = process.cpuUsage();
  const end = new AbortController();
  let sealed = 0;
  const running = (async (): Promise<void> => {
    while (!end.signal.aborted) {
      sealed += (await sealer.sealDue(book)) * MAX_BATCH_RECORDS;
      await sleep(PASS_MS);
    }
  })();
  return async () => {
    end.abort();
    await running;
    const { user, system } = process.cpuUsage(before);
    return { sealed, cpuMs: (user + system) / 1000 };
  };
}

answerOrders<SealOrder, SealReport>(
  async (order) => {
    if ('url' in order) {
      database = await openDatabase({ url: order.url });
      book = await readBook(database, order.bookId);
      const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
      sealer = createSealer({ database, clock: systemClock, chainId: 31_337n, random, sealAfterMs: SEAL_AFTER_MS, maxRecords: MAX_BATCH_RECORDS });
    } else if (order.seal === 'all') {
      await sealer.sealAll(book);
    } else if (order.seal === 'while records come') {
      stop = begin();
    } else {
      assert(stop, 'sealing is ended after it was begun');
      return stop();
    }
    return { sealed: 0, cpuMs: 0 };
  },
  () => database.close(),
);
