import { Problem, type BookId, type TransferId } from '#base';
import { databaseName, execute, query } from '#db';
import { readCopy } from '#ledger';
import type { Seq } from '#ledger/core';
import { copyErased, copyGrown, copyHolds, differenceGrown, differenceHolds, emptyCopy } from './copy.ts';
import { changeCopy, inOne, withEnd, type End, type Ends, type OnRecords } from './ends.ts';
import { planOf, type Standing } from './plan.ts';
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
  /** Told after each page of records: a large book takes a while. */
  readonly onRecords?: OnRecords;
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

type OnStep = NonNullable<Move['onStep']>;

/**
 * Moves a book to another database while its callers go on: copies it, leaves the source (from then on no batch is accepted there and callers are told where
 * it goes), copies the rest, compares both and replays the copy, gives the source up for good, and opens the target in a higher epoch. At no moment can it be
 * written in both. Run again after any interruption it goes on.
 */
export async function moveBook({ bookId, fromUrl, toUrl, onStep = () => undefined, onRecords = () => undefined }: Move): Promise<Moved> {
  const sql = moveStatements(bookId);
  const to = databaseName(toUrl);
  return withEnd(fromUrl, bookId, async (source) => {
    const there = await standingIn(source, sql, bookId);
    if (!there || there.status === 'arriving') throw new Problem('ledger/no-such-book', `There is no book ${bookId} to move in the source.`, { book: bookId });
    if (there.status !== 'open' && there.movedTo !== to)
      throw new Problem('books/moves-elsewhere', `Book ${bookId} moves or moved to ${there.movedTo}.`, { book: bookId, to: there.movedTo });
    if (databaseName(fromUrl) === to) throw new Problem('books/already-there', `Book ${bookId} is in ${to}.`, { to });
    // What was left for good has to be opened, whatever came beside it since.
    if (there.status !== 'moved') await requireUntied(source, sql, bookId);
    return withEnd(toUrl, bookId, async (target) => {
      const plan = planOf(bookId, to, there, await standingIn(target, sql, bookId));
      const ends: Ends = { bookId, source, target, sql, onRecords };
      if (plan === 'is there') return { seq: (await headOf(target, sql)).seq, to };
      if (plan === 'copy again') await copyAgain(ends, onStep);
      if (plan === 'move') await anewOnce(ends, () => copyAndLeave(ends, to, onStep));
      return { seq: await open(ends, onStep), to };
    });
  });
}

/** Calls a move off that has not left the source for good: the source may be written again, and what was copied is what the next move goes on from. */
export async function cancelMove({ bookId, fromUrl }: Pick<Move, 'bookId' | 'fromUrl'>): Promise<void> {
  const sql = moveStatements(bookId);
  await withEnd(fromUrl, bookId, async (source) => {
    if (!(await stay(source, sql, bookId))) throw new Problem('books/not-moving', `Book ${bookId} is on no move that could be called off.`, { book: bookId });
  });
}

/** Lets the source be written again, and says whether it was left before. */
async function stay(source: End, sql: MoveStatements, bookId: BookId): Promise<boolean> {
  return inOne(source, async () => {
    const wasLeft = (await query(source.session, sql.stay, [bookId])).length > 0;
    if (wasLeft) await execute(source.session, sql.goOn);
    return wasLeft;
  });
}

interface Head {
  readonly seq: bigint;
  readonly now_ms: bigint;
  readonly epoch: bigint;
}

/** Refuses a book that has what cannot go along. */
async function requireUntied({ session }: End, sql: MoveStatements, bookId: BookId): Promise<void> {
  const [ties] = await query<{ is_of_the_platform: boolean; is_sealed: boolean }>(session, sql.ties, [bookId]);
  if (ties?.is_of_the_platform) throw new Problem('books/stays-with-the-platform', `Book ${bookId} is the platform's own.`, { book: bookId });
  if (ties?.is_sealed) throw new Problem('books/sealed-there', `Book ${bookId} has sealed batches in its own database.`, { book: bookId });
}

/** A copy that is not the book is thrown away once: what an earlier move left of it may be of a source that has lost its last commits since. */
async function anewOnce(ends: Ends, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'books/copies-differ') throw error;
    await emptyCopy(ends);
    await work();
  }
}

async function copyAndLeave(ends: Ends, to: string, onStep: OnStep): Promise<void> {
  const { bookId, source, sql } = ends;
  // Where an earlier run came so far that nobody writes, what there is to copy is copied before that again.
  await stay(source, sql, bookId);
  const verifier = await arrive(ends, onStep);
  const copied = await copyWhileOpen(ends, verifier, onStep);
  await onStep('depart', copied);
  const head = await inOne(source, async () => {
    const [found] = await query<Head>(source.session, sql.headToLeave);
    const { seq, now_ms, epoch } = found!;
    // Once more, and now for good: no merchant and no contract is bound to a book that takes no batch.
    await requireUntied(source, sql, bookId);
    if ((await query(source.session, sql.depart, [bookId, to])).length === 0) throw notMoving(bookId);
    await execute(source.session, sql.stand, [seq, now_ms, epoch + 1n]);
    return { seq, now_ms, epoch: epoch + 1n };
  });
  await copyRest(ends, verifier, copied, head, onStep);
  await onStep('leave', head.seq);
  if ((await query(source.session, sql.leave, [bookId])).length === 0) throw notMoving(bookId);
}

/** The source was left for good, with the copy verified and durable; a server that lost its last commits has less of it now. */
async function copyAgain(ends: Ends, onStep: OnStep): Promise<void> {
  await anewOnce(ends, async () => {
    const verifier = await arrive(ends, onStep);
    await copyRest(ends, verifier, 0n, await headOf(ends.source, ends.sql), onStep);
  });
}

/** Makes the book in the target, or takes the copy that is there, and holds it where it stands. */
async function arrive(ends: Ends, onStep: OnStep): Promise<Verifier> {
  const { bookId, source, target, sql, onRecords } = ends;
  await onStep('arrive', 0n);
  await inOne(target, async () => {
    await query(target.session, sql.make, [bookId]);
    if ((await query(target.session, sql.arrive, [bookId])).length === 0)
      throw new Problem('books/already-there', `Book ${bookId} was opened in the other database meanwhile.`, { book: bookId });
    const { seq, now_ms, epoch } = await headOf(target, sql);
    await execute(target.session, sql.stand, [seq, now_ms, epoch]);
    await execute(target.session, sql.emptyChanging);
  });
  return createVerifier(bookId, await readCopy(source.database, bookId), await readCopy(target.database, bookId), (seq) => onRecords('verified', seq));
}

/** Copies and verifies until little is left, and says up to which record. */
async function copyWhileOpen(ends: Ends, verifier: Verifier, onStep: OnStep): Promise<Seq> {
  let copied = 0n;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { seq } = await headOf(ends.source, ends.sql);
    await onStep('copy', seq);
    await copyGrown(ends, copied, seq);
    await follow(ends, verifier, copied, seq);
    await takeHolds(ends, verifier, verifier.endedHolds());
    const grown = seq - copied;
    copied = seq;
    if (grown <= FEW_RECORDS) break;
  }
  return copied;
}

/** What is left of a source that nobody writes any more, verified. */
async function copyRest(ends: Ends, verifier: Verifier, copied: Seq, head: Head, onStep: OnStep): Promise<void> {
  const { target, sql } = ends;
  await onStep('copy the rest', head.seq);
  await copyGrown(ends, copied, head.seq);
  await copyErased(ends, head.seq);
  await onStep('verify', head.seq);
  await follow(ends, verifier, copied, head.seq);
  await takeHolds(ends, verifier, [...verifier.endedHolds(), ...verifier.openHolds()]);
  // Last of all: a copy that stands where the source was left is opened without another look.
  await changeCopy(ends, () => execute(target.session, sql.stand, [head.seq, head.now_ms, head.epoch]));
}

async function follow(ends: Ends, verifier: Verifier, fromSeq: Seq, toSeq: Seq): Promise<void> {
  refuse((await differenceGrown(ends, fromSeq, toSeq)) ?? (await verifier.follow(toSeq)) ?? (await verifier.balances()));
}

/** Copies and verifies holds; those that stand open once nobody writes any more. */
async function takeHolds(ends: Ends, verifier: Verifier, pages: readonly (readonly TransferId[])[]): Promise<void> {
  for (const ids of pages) {
    await copyHolds(ends, ids);
    refuse((await differenceHolds(ends, ids)) ?? (await verifier.holds(ids)));
  }
}

function refuse(difference: string | null): void {
  if (difference !== null) throw new Problem('books/copies-differ', `The copy differs in ${difference}.`, { difference });
}

function notMoving(bookId: BookId): Problem {
  return new Problem('books/not-moving', `Somebody else changed where book ${bookId} goes.`, { book: bookId });
}

/** The source is left for good: the copy that stands where it was left is the book from now on. */
async function open({ bookId, source, target, sql }: Ends, onStep: OnStep): Promise<Seq> {
  const { seq, epoch } = await headOf(source, sql);
  await onStep('open', seq);
  await inOne(target, async () => {
    if ((await query(target.session, sql.open, [bookId, seq, epoch])).length === 0) refuse('where it stands');
    await execute(target.session, sql.goOn);
  });
  return seq;
}

async function standingIn(end: End, sql: MoveStatements, bookId: BookId): Promise<Standing | null> {
  const [found] = await query<{ status: Standing['status']; moved_to: string | null }>(end.session, sql.find, [bookId]);
  if (!found) return null;
  const { seq, epoch } = await headOf(end, sql);
  return { status: found.status, movedTo: found.moved_to, seq, epoch };
}

async function headOf({ session }: End, sql: MoveStatements): Promise<Head> {
  return (await query<{ seq: bigint; now_ms: bigint; epoch: bigint }>(session, sql.head))[0]!;
}
