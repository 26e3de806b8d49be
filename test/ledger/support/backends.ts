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
  /** From a record on; from the first unless told. */
  records(fromSeq?: bigint): Promise<readonly LedgerRecord[]>;
  wait(ms: number): void;
  /** From here on nothing that came before is answered from memory. */
  forget(): Promise<void>;
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
    records: async (fromSeq = 1n) => records.slice(Number(fromSeq) - 1),
    wait: (ms) => clock.advance(ms),
    forget: async () => undefined,
    close: async () => undefined,
  };
}

export function newBookId(): BookId {
  return newId<BookId>(START_MS, (length) => new Uint8Array(randomBytes(length)));
}

/** A new book. To forget is to open it anew. */
export async function postgresBackend(db: TestDatabase): Promise<Backend> {
  const bookId = newBookId();
  const clock = new ManualClock(START_MS);
  let book: Book = await openBook({ database: db.database, bookId, clock });
  return {
    submit: (commands) => book.submit(commands),
    account: (id) => book.account(id),
    hold: (id) => book.hold(id),
    records: (fromSeq = 1n) => book.records({ fromSeq, limit: 100_000 }),
    wait: (ms) => clock.advance(ms),
    forget: async () => {
      await book.close();
      book = await openBook({ database: db.database, bookId, clock });
    },
    close: () => book.close(),
  };
}
