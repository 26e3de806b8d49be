import type { Clock } from '#base';
import type { Consumer } from '#cdc';
import type { BookReader } from '#ledger';
import type { Hold, LedgerRecord } from '#ledger/core';
import { eventOf } from './core/core.ts';
import { enqueue, isAnyOpen, openEndpoints, type NewDelivery } from './store.ts';

/** The consumer that turns records into deliveries: in the transaction that moves its position, so that every endpoint has each of its events once. */
export function teller(book: Pick<BookReader, 'bookId' | 'accounts' | 'hold'>, clock: Clock): Consumer {
  return {
    name: 'webhooks',
    isIdle: async (client) => !(await isAnyOpen(client)),
    handle: async (client, records) => {
      const endpoints = await openEndpoints(client, book.bookId);
      const holds = await expiredHolds(book, records);
      const told = records.flatMap((record) => eventOf(book.bookId, record, (id) => holds.get(id) ?? null) ?? []);
      const accounts = await book.accounts([...new Set(told.flatMap(({ accounts: concerned }) => concerned))]);
      const owners = new Map(accounts.map(({ id, owner }) => [id, owner as string]));
      const deliveries = told.flatMap(({ event, accounts: concerned }): NewDelivery[] => {
        const merchants = new Set(concerned.map((id) => owners.get(id)));
        const body = JSON.stringify(event);
        const seq = BigInt(event.seq);
        return endpoints.filter(({ merchant, since }) => merchants.has(merchant) && seq > since).map(({ id }) => ({ webhook: id, seq, body }));
      });
      if (deliveries.length > 0) await enqueue(client, book.bookId, clock.nowMs(), deliveries);
    },
  };
}

async function expiredHolds(book: Pick<BookReader, 'hold'>, records: readonly LedgerRecord[]): Promise<Map<string, Hold>> {
  const holds = new Map<string, Hold>();
  for (const record of records) {
    const hold = record.kind === 'expiry' ? await book.hold(record.transfer) : null;
    if (hold) holds.set(hold.id, hold);
  }
  return holds;
}
