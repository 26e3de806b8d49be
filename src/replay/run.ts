import { Problem, type BookId } from '#base';
import { execute, openForReading, query, toProblem, type Connection, type Database } from '#db';
import { readBook, type BookReader } from '#ledger';
import { checkFiling, compareState, compareViews } from './compare.ts';
import { HistoryCheck } from './history.ts';
import { Rebuild } from './rebuild.ts';
import { chainIdOf, checkLog, RootCheck } from './roots.ts';
import { DEPLOYMENT, SCRATCH, storedOf, type Stored } from './statements.ts';

export interface ReplayOptions {
  /** The owner's: the replay itself logs in as a member of cairn_read. */
  readonly databaseUrl: string;
  /** All books that are in the database unless told; not what was left behind of one that moved away, or has not arrived. */
  readonly book?: BookId;
  /** Records that are replayed before anything is written down; 4,096 unless told. What is kept in memory is a multiple of it. */
  readonly page?: number;
  readonly report: (progress: ReplayProgress) => void;
}

export interface ReplayProgress {
  readonly book: BookId;
  readonly replayed: bigint;
  readonly head: bigint;
}

export interface BookReport {
  readonly book: BookId;
  readonly records: bigint;
  readonly accounts: bigint;
  readonly holds: bigint;
  readonly batches: bigint;
}

export interface ReplayReport {
  /** The books that agree. */
  readonly books: readonly BookReport[];
  /** Leaves of the log; 0 where the log was not come to. */
  readonly anchors: number;
  /** The first difference, a sentence without its full stop; null where there is none. */
  readonly difference: string | null;
}

const PAGE = 4_096;

/**
 * Builds everything again that the journals add up to, in the temporary schema of one connection, and compares it with what is stored. A platform may run on the database
 * meanwhile: what is compared is one moment. Throws `replay/nothing-there`, `replay/no-scratch`, `ledger/no-such-book`, `ledger/book-moved`, `store/...`.
 */
export async function replayDatabase(options: ReplayOptions): Promise<ReplayReport> {
  const database = await openForReading({ url: options.databaseUrl, connections: 3 });
  try {
    const scratch = await openScratch(database);
    try {
      return await replayBooks(options, database, scratch);
    } finally {
      // Its tables go with the connection in any case; so they are gone when this returns.
      await scratch.query('discard temporary').catch(() => undefined);
      scratch.release(true);
    }
  } finally {
    await database.close();
  }
}

async function openScratch({ pool }: Database): Promise<Connection> {
  const client = await pool.connect().catch((error: unknown) => {
    throw toProblem(error);
  });
  try {
    for (const statement of [SCRATCH.session, SCRATCH.accountTable, SCRATCH.holdTable, SCRATCH.holdIndex]) await execute(client, statement);
    return client;
  } catch (error) {
    client.release(true);
    if (error instanceof Problem && error.code === 'store/forbidden')
      throw new Problem('replay/no-scratch', 'The login that only reads may not make temporary tables in this database.', {}, error);
    throw error;
  }
}

async function replayBooks({ book, page = PAGE, report }: ReplayOptions, database: Database, scratch: Connection): Promise<ReplayReport> {
  const all = (await query<{ id: BookId }>(scratch, DEPLOYMENT.books)).map(({ id }) => id);
  if (book === undefined && all.length === 0) throw new Problem('replay/nothing-there', 'The database holds no book.');
  const books: BookReport[] = [];
  for (const id of book === undefined ? all : [book]) {
    const outcome = await replayBook(await readBook(database, id), scratch, page, report);
    if (typeof outcome === 'string') return { books, anchors: 0, difference: `Book ${id}: ${outcome}` };
    books.push(outcome);
  }
  const { anchors, difference } = await checkLog(scratch);
  return { books, anchors, difference };
}

async function replayBook(reader: BookReader, scratch: Connection, page: number, report: ReplayOptions['report']): Promise<BookReport | string> {
  const stored = storedOf(reader.bookId);
  for (const statement of [SCRATCH.clear, SCRATCH.streaming]) await execute(scratch, statement);
  const rebuild = new Rebuild(scratch, reader, page);
  const history = new HistoryCheck(scratch, stored);
  const roots = await RootCheck.begin(scratch, stored, reader, await chainIdOf(scratch));
  const tools: Tools = { reader, scratch, stored, rebuild, history, roots, page, report };

  // So near the head the comparison begins: the rest of the journal is replayed in its snapshot.
  const near = 4n * BigInt(page);
  for (let head = await headOf(tools); head - rebuild.state.seq > near; head = await headOf(tools)) {
    const difference = await replayTo(head - near, head, tools);
    if (difference !== null) return difference;
  }
  try {
    await scratch.query('begin');
    await execute(scratch, stored.snapshot);
    const head = await headOf(tools);
    const difference = (await replayTo(head, head, tools)) ?? unfinished(tools) ?? history.missing() ?? roots.missing();
    if (difference !== null) return difference;
    for (const statement of [SCRATCH.comparing, SCRATCH.analyze]) await execute(scratch, statement);
    const found = (await compareState(scratch, stored, rebuild.state)) ?? (await compareViews(scratch, stored, reader.bookId, rebuild.state.seq));
    if (found !== null) return found;
    const [counts] = await query<{ accounts: bigint; holds: bigint }>(scratch, SCRATCH.counts);
    return { book: reader.bookId, records: rebuild.state.seq, accounts: counts?.accounts ?? 0n, holds: counts?.holds ?? 0n, batches: roots.batches };
  } catch (error) {
    throw toProblem(error);
  } finally {
    await scratch.query('commit').catch(() => undefined);
  }
}

interface Tools {
  readonly reader: BookReader;
  readonly scratch: Connection;
  readonly stored: Stored;
  readonly rebuild: Rebuild;
  readonly history: HistoryCheck;
  readonly roots: RootCheck;
  readonly page: number;
  readonly report: ReplayOptions['report'];
}

/** What is committed ends with a batch, and no chain reaches from one into the next. */
function unfinished({ rebuild }: Tools): string | null {
  const { seq, inChain } = rebuild.state;
  return inChain ? `Record ${seq} is linked to a next one, and the journal ends with it` : null;
}

/** As the scratch connection sees it: in its snapshot once it is in one. */
async function headOf({ scratch, stored }: Tools): Promise<bigint> {
  const [head] = await query<{ seq: bigint }>(scratch, stored.head);
  return head?.seq ?? 0n;
}

/** Replays up to record `end`, of a book whose last one is `head`, and compares what goes with the records themselves: order, ids, histories, leaves. The journal and the history are only appended to, so that any snapshot shows this part of them alike. */
async function replayTo(end: bigint, head: bigint, { reader, scratch, stored, rebuild, history, roots, page, report }: Tools): Promise<string | null> {
  while (rebuild.state.seq < end) {
    const fromSeq = rebuild.state.seq + 1n;
    const records = await reader.records({ fromSeq, limit: Math.min(page, Number(end - rebuild.state.seq)) });
    if (records.length === 0) return `The head stands at record ${head}; the journal ends at ${rebuild.state.seq}`;
    const wrong = (await rebuild.step(records)) ?? (await checkFiling(scratch, stored, records, rebuild.state)) ?? (await roots.check(records));
    if (wrong !== null) return wrong;
    const rows = await history.check(records, rebuild.touches);
    if (typeof rows === 'string') return rows;
    await rebuild.flush(rows);
    report({ book: reader.bookId, replayed: rebuild.state.seq, head });
  }
  return null;
}
