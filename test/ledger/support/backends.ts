import { newId, ManualClock, type AccountId, type BookId, type TransferId } from '#base';
import { openBook, type Book } from '#ledger';
import { apply, emptyState, type Account, type Command, type Hold, type LedgerRecord, type Result, type State } from '#ledger/core';
import { randomBytes } from 'node:crypto';
import type { TestDatabase } from '../../support/postgres.ts';

/** What the cases are run on: the pure core alone, or a book on PostgreSQL. */
export interface Backend {
  submit(commands: readonly Command[]): Promise<readonly Result[]>;
  account(id: AccountId): Promise<Account | null>;
  hold(id: TransferId): Promise<Hold | null>;
  records(): Promise<readonly LedgerRecord[]>;
  wait(ms: number): void;
  close(): Promise<void>;
}

const START_MS = 1_700_000_000_000;

export async function coreBackend(): Promise<Backend> {
  const state: State = emptyState();
  const clock = new ManualClock(START_MS);
  const records: LedgerRecord[] = [];
  return {
    submit: async (commands) => {
      const applied = apply(state, commands, clock.nowMs());
      records.push(...applied.records);
      return applied.results;
    },
    account: async (id) => state.accounts.get(id) ?? null,
    hold: async (id) => state.holds.get(id) ?? null,
    records: async () => records,
    wait: (ms) => clock.advance(ms),
    close: async () => undefined,
  };
}

export function newBookId(): BookId {
  return newId<BookId>(START_MS, (length) => new Uint8Array(randomBytes(length)));
}

/** A book of its own that is opened anew before each request when `forgetful`: then nothing is answered from memory. */
export async function postgresBackend(db: TestDatabase, forgetful: 'forgetful' | 'remembering'): Promise<Backend> {
  const bookId = newBookId();
  const clock = new ManualClock(START_MS);
  let book: Book = await openBook({ database: db.database, bookId, clock });
  return {
    submit: async (commands) => {
      if (forgetful === 'forgetful') {
        await book.close();
        book = await openBook({ database: db.database, bookId, clock });
      }
      return book.submit(commands);
    },
    account: (id) => book.account(id),
    hold: (id) => book.hold(id),
    records: () => book.records({ fromSeq: 1n, limit: 10_000 }),
    wait: (ms) => clock.advance(ms),
    close: () => book.close(),
  };
}
