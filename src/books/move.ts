import { Problem, type BookId } from '#base';
import { databaseName, execute, openAsOwner, query, type Connection, type Database } from '#db';
import { readBook } from '#ledger';
import type { Seq } from '#ledger/core';
import { copyChanged, copyGrown, differenceGrown, differenceWhole, type Ends } from './copy.ts';
import { moveStatements, type MoveStatements } from './statements.ts';
import { createVerifier, type Verifier } from './verify.ts';

/** What a move is doing, in this order; told before it is done. A move that is interrupted anywhere goes on when it is run again. */
export type MoveStep = 'arrive' | 'copy' | 'depart' | 'copy the rest' | 'verify' | 'leave' | 'open';

export interface Move {
  readonly bookId: BookId;
  /** The owners' URLs. */
  readonly fromUrl: string;
  readonly toUrl: string;
  readonly onStep?: (step: MoveStep, seq: Seq) => Promise<void> | void;
}

export interface Moved {
  /** Records that the book has. */
  readonly seq: Seq;
  /** Where it is now, as its callers are told. */
  readonly to: string;
}

/** Copied while the book is still written; what is left then is copied while it is not, so it should be little. */
const FEW_RECORDS = 2_000n;
const MOST_ROUNDS = 8;

/**
 * Moves a book to another database while its callers go on: copies it, leaves the source (from then on no batch is accepted there and callers are told where
 * it goes), copies the rest, compares both and replays the copy, gives the source up for good, and opens the target in a higher epoch. At no moment can it be
 * written in both. Run again after any interruption it goes on.
 */
export async function moveBook(move: Move): Promise<Moved> {
  return withEnds(move, (ends) => run(move, ends));
}

/** Calls a move off that has not left the source for good: the source may be written again, and what was copied is what the next move goes on from. */
export async function cancelMove({ bookId, fromUrl }: Pick<Move, 'bookId' | 'fromUrl'>): Promise<void> {
  const sql = moveStatements(bookId);
  await withSource({ bookId, fromUrl }, sql, async (_, source) => {
    await inOne(source, async () => {
      if ((await query(source, sql.stay, [bookId])).length === 0)
        throw new Problem('books/not-moving', `Book ${bookId} is on no move that could be called off.`);
      await execute(source, sql.goOn);
    });
  });
}

interface Head {
  readonly seq: bigint;
  readonly now_ms: bigint;
  readonly epoch: bigint;
}

interface Place {
  readonly status: 'open' | 'arriving' | 'moving' | 'moved';
  readonly moved_to: string | null;
}

interface BothEnds extends Ends {
  readonly sourceDatabase: Database;
  readonly targetDatabase: Database;
  readonly source: Connection;
  readonly target: Connection;
}

async function run({ bookId, toUrl, onStep = () => undefined }: Move, ends: BothEnds): Promise<Moved> {
  const { source, target, sql } = ends;
  const to = databaseName(toUrl);
  const there = await placeOf(source, sql, bookId);
  if (!there || there.status === 'arriving') throw new Problem('ledger/no-such-book', `There is no book ${bookId} to move in the source.`, { book: bookId });
  if (there.status !== 'open' && there.moved_to !== to)
    throw new Problem('books/moves-elsewhere', `Book ${bookId} moves or moved to ${there.moved_to}.`, { book: bookId, to: there.moved_to });
  const [platform] = await query<{ is_so: boolean }>(source, sql.isOfThePlatform, [bookId]);
  if (platform?.is_so) throw new Problem('books/stays-with-the-platform', `Book ${bookId} has merchants and payments.`, { book: bookId });
  const here = await placeOf(target, sql, bookId);
  if (there.status === 'moved' && here?.status === 'open') return { seq: (await headOf(target, sql)).seq, to };
  if (there.status === 'moved' && here?.status !== 'arriving')
    throw new Problem('ledger/no-such-book', `Book ${bookId} is not in ${to} any more.`, { book: bookId });
  if (here && (here.status === 'open' || here.status === 'moving')) throw new Problem('books/already-there', `${to} has a book ${bookId} of its own.`, { to });

  if (there.status !== 'moved') {
    await onStep('arrive', 0n);
    await inOne(target, async () => {
      await query(target, sql.make, [bookId]);
      await execute(target, sql.arrive, [bookId]);
      const { seq, now_ms, epoch } = await headOf(target, sql);
      await execute(target, sql.stand, [seq, now_ms, epoch]);
      // Evidence may have been erased since an earlier run copied it.
      await execute(target, sql.emptyEvidence);
    });
    await copyAndLeave(bookId, to, there.status === 'open', ends, onStep);
  }
  return { seq: await open(bookId, ends, onStep), to };
}

async function copyAndLeave(bookId: BookId, to: string, isOpen: boolean, ends: BothEnds, onStep: NonNullable<Move['onStep']>): Promise<void> {
  const { source, target, sql } = ends;
  const verifier = createVerifier(bookId, await readBook(ends.sourceDatabase, bookId), await readBook(ends.targetDatabase, bookId));
  const copied = isOpen ? await copyWhileOpen(ends, verifier, onStep) : 0n;
  await onStep('depart', copied);
  const head = await inOne(source, async () => {
    const [found] = await query<Head>(source, sql.headToLeave);
    const at = found!;
    // It was left before where an earlier run came so far.
    if ((await query(source, sql.depart, [bookId, to])).length === 0) return at;
    await execute(source, sql.stand, [at.seq, at.now_ms, at.epoch + 1n]);
    return { ...at, epoch: at.epoch + 1n };
  });
  await onStep('copy the rest', head.seq);
  await copyGrown(ends, copied, head.seq);
  await copyChanged(ends, head.seq);
  await execute(target, sql.stand, [head.seq, head.now_ms, head.epoch]);
  await onStep('verify', head.seq);
  await follow(ends, verifier, copied, head.seq);
  refuse((await differenceWhole(ends, head.seq)) ?? (await verifier.balances()));
  await onStep('leave', head.seq);
  await query(source, sql.leave, [bookId]);
}

/** Copies and verifies until little is left, and says up to which record. */
async function copyWhileOpen(ends: BothEnds, verifier: Verifier, onStep: NonNullable<Move['onStep']>): Promise<Seq> {
  let copied = 0n;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { seq } = await headOf(ends.source, ends.sql);
    await onStep('copy', seq);
    await copyGrown(ends, copied, seq);
    await follow(ends, verifier, copied, seq);
    const grown = seq - copied;
    copied = seq;
    if (grown <= FEW_RECORDS) break;
  }
  return copied;
}

async function follow(ends: BothEnds, verifier: Verifier, fromSeq: Seq, toSeq: Seq): Promise<void> {
  refuse((await differenceGrown(ends, fromSeq, toSeq)) ?? (await verifier.follow(toSeq)));
}

function refuse(difference: string | null): void {
  if (difference !== null) throw new Problem('books/copies-differ', `The copy differs in ${difference}.`, { difference });
}

/** The source is left for good: the copy is the book from now on. */
async function open(bookId: BookId, { target, sql }: BothEnds, onStep: NonNullable<Move['onStep']>): Promise<Seq> {
  const { seq } = await headOf(target, sql);
  await onStep('open', seq);
  await inOne(target, async () => {
    if ((await query(target, sql.open, [bookId])).length > 0) await execute(target, sql.goOn);
  });
  return seq;
}

async function placeOf(client: Connection, sql: MoveStatements, bookId: BookId): Promise<Place | undefined> {
  return (await query<{ status: Place['status']; moved_to: string | null }>(client, sql.find, [bookId]))[0];
}

async function headOf(client: Connection, sql: MoveStatements): Promise<Head> {
  return (await query<{ seq: bigint; now_ms: bigint; epoch: bigint }>(client, sql.head))[0]!;
}

/** One transaction on this very connection: it is the one that keeps other movers away. */
async function inOne<T>(client: Connection, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function withEnds<T>({ bookId, fromUrl, toUrl }: Move, work: (ends: BothEnds) => Promise<T>): Promise<T> {
  const sql = moveStatements(bookId);
  return withSource({ bookId, fromUrl }, sql, async (sourceDatabase, source) => {
    const targetDatabase = await openAsOwner({ url: toUrl });
    try {
      const target = await targetDatabase.pool.connect();
      try {
        await query(target, sql.settings);
        return await work({ sourceDatabase, targetDatabase, source, target, sql });
      } finally {
        target.release(true);
      }
    } finally {
      await targetDatabase.close();
    }
  });
}

async function withSource<T>(
  { bookId, fromUrl }: Pick<Move, 'bookId' | 'fromUrl'>,
  sql: MoveStatements,
  work: (database: Database, source: Connection) => Promise<T>,
): Promise<T> {
  const database = await openAsOwner({ url: fromUrl });
  try {
    const source = await database.pool.connect();
    try {
      await query(source, sql.settings);
      await query(source, sql.lock, [bookId]).catch((error: unknown) => {
        const isHeld = error instanceof Problem && error.code === 'store/busy';
        throw isHeld ? new Problem('books/move-under-way', `Another process moves book ${bookId}.`, { book: bookId }, error) : error;
      });
      return await work(database, source);
    } finally {
      source.release(true);
    }
  } finally {
    await database.close();
  }
}
