import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock, type BookId } from '#base';
import { abandonedPlaces, openDatabase, removeAbandoned, startPostgres, type Database } from '#db';
import { openBook, type Book } from '#ledger';
import { CLIENTS } from './references.ts';
import { fresh } from './work.ts';

/** A server of its own in a folder of its own, durable, and an empty book. */
export interface Stage {
  readonly url: string;
  readonly database: Database;
  /** The references have tables of their own making, which the application's role may not make. */
  readonly owner: pg.Pool;
  readonly book: Book;
}

/** What is set beside what `npm start` sets: room for the WAL of a run, so that no checkpoint falls into one contestant and not into the next, and a cache that a server would have. */
const SETTINGS = { fsync: 'on', synchronous_commit: 'on', max_wal_size: '8GB', min_wal_size: '7GB', shared_buffers: '512MB' };
/** Of 16 MB each. */
const WAL_SEGMENTS = 320;

export async function onStage<Outcome>(act: (stage: Stage) => Promise<Outcome>): Promise<Outcome> {
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-bench-'));
  const server = await startPostgres({ stateDir, settings: SETTINGS });
  const database = await openDatabase({ url: server.url });
  const owner = new pg.Pool({ connectionString: server.url, max: CLIENTS });
  // The server is stopped at the end: what is idle then has nothing more to say.
  owner.on('error', () => undefined);
  try {
    await layOutWal(owner);
    const book = await openBook({ database, bookId: fresh<BookId>(), clock: systemClock });
    const outcome = await act({ url: server.url, database, owner, book });
    await book.close();
    return outcome;
  } finally {
    await database.close();
    await owner.end();
    await server.stop();
    rmSync(stateDir, { recursive: true, force: true });
    // Run by root its data stand elsewhere, several gigabytes of them.
    for (const place of abandonedPlaces()) if (place.stateDir === stateDir) removeAbandoned(place);
  }
}

/**
 * Leaves the server with the segments of its WAL in place, as one has that has run for a while: it writes over old segments then. A new server makes each as it comes to it, 16 MB of
 * zeros at once, and every commit waits for that: for 57 ms on the machine of docs/benchmarks.md, which is a property of the first gigabytes and not of any contestant.
 */
async function layOutWal(owner: pg.Pool): Promise<void> {
  for (let i = 0; i < WAL_SEGMENTS; i++) await owner.query("select pg_logical_emit_message(false, 'cairn', ''), pg_switch_wal()");
  await owner.query('checkpoint');
}

export function schemaOf({ bookId }: Book): string {
  return `book_${bookId.replaceAll('-', '')}`;
}
