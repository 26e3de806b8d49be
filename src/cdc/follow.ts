import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '#base';
import { inTransaction, loadSql, query, type Connection, type Database } from '#db';
import { claimCursor, readCursor, type BookReader } from '#ledger';
import type { LedgerRecord, Seq } from '#ledger/core';
import type { Heads } from './heads.ts';

const sql = loadSql(new URL('./sql/follow.sql', import.meta.url), ['lightly']);

export interface Consumer {
  /** Names the position, for ever: whoever follows under it later, here or in another process, goes on where it was left. */
  readonly name: string;
  /**
   * Deals with records, which follow one another and the last ones without a gap, in the transaction that moves the position: both are durable or neither. What
   * it does anywhere else than on this connection may be done again; the book and the seq say what it was. Within the minute that a transaction may idle.
   */
  readonly handle: (client: Connection, records: readonly LedgerRecord[]) => Promise<unknown>;
  /** True while nothing in any book concerns it: what is there by then it passes over unread. Asked in the transaction that moves the position. */
  readonly isIdle?: (client: Connection) => Promise<boolean>;
}

export interface CatchUpOptions {
  readonly database: Database;
  readonly source: Pick<BookReader, 'bookId' | 'head' | 'records'>;
  readonly consumer: Consumer;
}

export interface FollowOptions extends CatchUpOptions {
  readonly heads: Heads;
  /** Told when the consumer or the database fails: it was rolled back, and is tried again until it works. */
  readonly onFault?: (error: unknown) => void;
  /** Told of each look that went well, whatever there was. */
  readonly onWork?: () => void;
}

/** At most so many records a transaction. */
const PAGE = 1_000;

const LEAST_PAUSE_MS = 50;
const MOST_PAUSE_MS = 5_000;
/** Between two looks of a consumer that nothing concerns. */
const IDLE_MS = 250;

/**
 * Gives a consumer every record of a book in order, each exactly once a position, as soon as it is committed. The journal is where the records come from and
 * the position is what decides; the stream only says when to look. Returns what ends it, after the transaction that is under way.
 */
export function follow({ database, source, heads, consumer, onFault, onWork }: FollowOptions): { close(): Promise<void> } {
  const closing = new AbortController();
  const { signal } = closing;
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);

  async function run(): Promise<void> {
    let pauseMs = LEAST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        const { seq, handled, isIdle } = await takePage({ database, source, consumer });
        pauseMs = LEAST_PAUSE_MS;
        onWork?.();
        if (isIdle) await pause(IDLE_MS);
        else if (handled === 0) await heads.after(source.bookId, seq, { signal });
      } catch (error) {
        onFault?.(error);
        await pause(pauseMs);
        pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS);
      }
    }
  }

  const running = run();
  return { close: async () => (closing.abort(), running) };
}

/** Gives a consumer what there is for it now, and returns how many records these were: for who has a time of his own to look, and rather fails than tries again. */
export async function catchUp(options: CatchUpOptions): Promise<number> {
  for (let seen = 0; ;) {
    const { handled } = await takePage(options);
    if (handled === 0) return seen;
    seen += handled;
  }
}

interface Page {
  /** Where the consumer stood. */
  readonly seq: Seq;
  readonly handled: number;
  /** Nothing concerns it, and it stands at the end of the journal. */
  readonly isIdle: boolean;
}

/** The next records of a consumer, as many as one transaction takes. */
async function takePage({ database, source, consumer }: CatchUpOptions): Promise<Page> {
  const { bookId } = source;
  const from = await readCursor(database.pool, consumer.name, bookId);
  if (consumer.isIdle && (await passOver({ database, source, consumer }, from))) return { seq: from, handled: 0, isIdle: true };
  const records = await source.records({ fromSeq: from + 1n, limit: PAGE });
  if (records.length === 0) return { seq: from, handled: 0, isIdle: false };
  records.forEach(({ seq }, i) => assert(seq === from + 1n + BigInt(i), `book ${bookId} has a gap before record ${seq}`));
  await inTransaction(database.pool, async (client) => {
    await query(client, sql.lightly);
    // Somebody else of the same name dealt with them meanwhile, or the answer to our own commit was lost: look again.
    if (!(await claimCursor(client, consumer.name, bookId, { from, to: records.at(-1).seq }))) return;
    await consumer.handle(client, records);
  });
  return { seq: from, handled: records.length, isIdle: false };
}

/** Moves a consumer that is idle to where the journal stood before it was asked; false where it is not idle. */
async function passOver({ database, source, consumer }: CatchUpOptions, from: Seq): Promise<boolean> {
  const { seq: to } = await source.head();
  return inTransaction(database.pool, async (client) => {
    await query(client, sql.lightly);
    if (!(await consumer.isIdle!(client))) return false;
    if (to > from) await claimCursor(client, consumer.name, source.bookId, { from, to });
    return true;
  });
}
