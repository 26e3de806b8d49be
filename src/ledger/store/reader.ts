import { assert, NIL_UUID, Problem, type AccountId, type BookId, type TimeMs, type TransferId, type Uuid, type WindowId } from '#base';
import { query, type Database } from '#db';
import type { Account, Hold, LedgerRecord, RefusalRecord, Seq, TransferRecord, WindowRecord } from '#ledger/core';
import { effectOf } from './effects.ts';
import { awayProblem, type Place } from './lease.ts';
import { accountOf, holdOf, recordOf, type AccountRow, type HoldRow, type RecordRow } from './rows.ts';
import { statementsOf } from './statements.ts';

/** Minor units of the account's asset after the record `seq`. */
export interface BalanceAt {
  readonly seq: Seq;
  readonly debitsPending: bigint;
  readonly debitsPosted: bigint;
  readonly creditsPending: bigint;
  readonly creditsPosted: bigint;
}

/** Looks into a book, on any connection, beside its writer: sees what is durable. */
export interface BookReader {
  readonly bookId: BookId;
  /** The last record; seq 0 while the book is empty. Throws `ledger/book-moved` once the book is in another database: whoever follows it would wait here for ever. */
  head(): Promise<{ readonly seq: Seq; readonly nowMs: TimeMs }>;
  account(id: AccountId): Promise<Account | null>;
  /** Those of the given accounts that exist, in no order. */
  accounts(ids: readonly AccountId[]): Promise<Account[]>;
  /** The accounts of an owner with an id after `after` (nil for the first), in the order of their ids, at most `limit`. */
  accountsOf(owner: Uuid<string>, page: { readonly after: AccountId; readonly limit: number }): Promise<Account[]>;
  /** What became of a transfer's id: booked, or refused for ever. */
  transfer(id: TransferId): Promise<TransferRecord | RefusalRecord | null>;
  hold(id: TransferId): Promise<Hold | null>;
  /** Those of the given ids that are holds, in no order. */
  holds(ids: readonly TransferId[]): Promise<Hold[]>;
  /** A window and the holds it took, in the order of their records. */
  window(id: WindowId): Promise<{ readonly record: WindowRecord; readonly holds: readonly Hold[] } | null>;
  /** The record filed under a key of `keyOf`: `payee:<uuid>`, `order:<uuid>`, `account:<uuid>`, ... */
  byKey(key: string): Promise<LedgerRecord | null>;
  /** The journal in order, from `fromSeq` on, at most `limit` records. */
  records(page: { readonly fromSeq: Seq; readonly limit: number }): Promise<LedgerRecord[]>;
  /** The records that changed an account's balances, latest first, before `beforeSeq`, at most `limit`. */
  entries(id: AccountId, page: { readonly beforeSeq: Seq; readonly limit: number }): Promise<LedgerRecord[]>;
  /** The account's balances just after a record, or after the last record written at or before a time; null before it was opened. */
  balanceAt(id: AccountId, at: { readonly seq: Seq } | { readonly ms: TimeMs }): Promise<BalanceAt | null>;
  /** At most `limit` holds that may be expired at `nowMs`, the longest due first. */
  due(nowMs: TimeMs, limit: number): Promise<TransferId[]>;
  /** The open holds of transfers between books (code `interbook`) after `afterSeq`, in the order of their records, at most `limit`. */
  interbookHolds(page: { readonly afterSeq: Seq; readonly limit: number }): Promise<Hold[]>;
}

/** A book that somebody opened before. Refuses a copy of it that was left behind, or that has not arrived. */
export async function readBook(database: Database, bookId: BookId): Promise<BookReader> {
  const [place] = await query<Place>(database.pool, statementsOf(bookId).place, [bookId]);
  if (!place) throw noSuchBook(bookId);
  requireRead(bookId, place);
  return readerOf(database, bookId);
}

/** What a database has of a book, also where that is not the book: for whoever makes a copy or checks one. */
export async function readCopy(database: Database, bookId: BookId): Promise<BookReader> {
  const [found] = await query(database.pool, statementsOf(bookId).schema, [bookId]);
  if (!found) throw noSuchBook(bookId);
  return readerOf(database, bookId);
}

function noSuchBook(bookId: BookId): Problem {
  return new Problem('ledger/no-such-book', `There is no book ${bookId} in this database.`, { book: bookId });
}

/** A book that is about to leave is all there until it has left: until then it may still be called back. */
function requireRead(bookId: BookId, place: Place): void {
  const away = place.status === 'moving' ? null : awayProblem(bookId, place);
  if (away) throw away;
}

export function readerOf({ pool }: Database, bookId: BookId): BookReader {
  const sql = statementsOf(bookId);

  async function accounts(ids: readonly AccountId[]): Promise<Account[]> {
    return (await query<AccountRow>(pool, sql.accounts, [ids])).map(accountOf);
  }

  async function account(id: AccountId): Promise<Account | null> {
    return (await accounts([id]))[0] ?? null;
  }

  async function accountsOf(owner: Uuid<string>, { after, limit }: { after: AccountId; limit: number }): Promise<Account[]> {
    return (await query<AccountRow>(pool, sql.accountsOf, [owner, after, limit])).map(accountOf);
  }

  async function holds(ids: readonly TransferId[]): Promise<Hold[]> {
    return (await query<HoldRow>(pool, sql.holds, [ids])).map(holdOf);
  }

  async function hold(id: TransferId): Promise<Hold | null> {
    return (await holds([id]))[0] ?? null;
  }

  async function head(): Promise<{ seq: Seq; nowMs: TimeMs }> {
    const [row] = await query<Place & { seq: bigint; now_ms: bigint }>(pool, sql.standing, [bookId]);
    assert(row, `book ${bookId} has no head`);
    requireRead(bookId, row);
    return { seq: row.seq, nowMs: Number(row.now_ms) };
  }

  async function transfer(id: TransferId): Promise<TransferRecord | RefusalRecord | null> {
    const [row] = await query<RecordRow>(pool, sql.byId, [[id]]);
    const record = row ? recordOf(row) : null;
    return record?.kind === 'transfer' || record?.kind === 'refusal' ? record : null;
  }

  async function byKey(key: string): Promise<LedgerRecord | null> {
    const [row] = await query<RecordRow>(pool, sql.byKey, [[key]]);
    return row ? recordOf(row) : null;
  }

  async function window(id: WindowId): Promise<{ record: WindowRecord; holds: Hold[] } | null> {
    const record = await byKey(`window:${id}`);
    if (record?.kind !== 'window') return null;
    return { record, holds: (await query<HoldRow>(pool, sql.holdsOfWindow, [record.seq])).map(holdOf) };
  }

  async function records({ fromSeq, limit }: { fromSeq: Seq; limit: number }): Promise<LedgerRecord[]> {
    return (await query<RecordRow>(pool, sql.records, [fromSeq, limit])).map(recordOf);
  }

  async function bySeqs(seqs: readonly Seq[]): Promise<LedgerRecord[]> {
    return seqs.length === 0 ? [] : (await query<RecordRow>(pool, sql.bySeq, [seqs])).map(recordOf);
  }

  async function entries(id: AccountId, { beforeSeq, limit }: { beforeSeq: Seq; limit: number }): Promise<LedgerRecord[]> {
    const rows = await query<{ seq: bigint }>(pool, sql.entries, [id, beforeSeq, limit]);
    return (await bySeqs(rows.map((row) => row.seq))).reverse();
  }

  async function balanceAt(id: AccountId, at: { seq: Seq } | { ms: TimeMs }): Promise<BalanceAt | null> {
    const seq = 'seq' in at ? at.seq : (await query<{ seq: bigint }>(pool, sql.seqAt, [at.ms]))[0]?.seq;
    if (seq === undefined) return null;
    // The journal and the history never change, so these need no common snapshot and not one another's answer.
    const [opened, [before], next] = await Promise.all([
      byKey(`account:${id}`),
      query<BalanceRow>(pool, sql.before, [id, seq]),
      query<{ seq: bigint }>(pool, sql.next, [id, seq]),
    ]);
    if (!opened || opened.seq > seq) return null;
    const later = await bySeqs(next.map((row) => row.seq));
    let balance: BalanceAt = before ? balanceOf(before) : { seq: opened.seq, debitsPending: 0n, debitsPosted: 0n, creditsPending: 0n, creditsPosted: 0n };
    for (const record of later) balance = after(balance, id, record, await settledHold(record));
    return balance;
  }

  async function settledHold(record: LedgerRecord): Promise<Hold | undefined> {
    const settled = record.kind === 'expiry' ? record.transfer : record.kind === 'transfer' ? record.pendingId : null;
    return settled === null || settled === NIL_UUID ? undefined : ((await hold(settled)) ?? undefined);
  }

  async function due(nowMs: TimeMs, limit: number): Promise<TransferId[]> {
    return (await query<{ id: TransferId }>(pool, sql.holdsDue, [nowMs, limit])).map((row) => row.id);
  }

  async function interbookHolds({ afterSeq, limit }: { afterSeq: Seq; limit: number }): Promise<Hold[]> {
    return (await query<HoldRow>(pool, sql.interbookHolds, [afterSeq, limit])).map(holdOf);
  }

  return { bookId, head, account, accounts, accountsOf, transfer, hold, holds, window, byKey, records, entries, balanceAt, due, interbookHolds };
}

interface BalanceRow {
  readonly seq: bigint;
  readonly debits_pending: bigint;
  readonly debits_posted: bigint;
  readonly credits_pending: bigint;
  readonly credits_posted: bigint;
}

function balanceOf(row: BalanceRow): BalanceAt {
  return {
    seq: row.seq,
    debitsPending: row.debits_pending,
    debitsPosted: row.debits_posted,
    creditsPending: row.credits_pending,
    creditsPosted: row.credits_posted,
  };
}

function after(balance: BalanceAt, id: AccountId, record: LedgerRecord, hold: Hold | undefined): BalanceAt {
  const { pending, posted } = effectOf(record, hold);
  const debit = record.kind === 'transfer' ? record.debit : hold?.debit;
  if (debit === id) return { ...balance, seq: record.seq, debitsPending: balance.debitsPending + pending, debitsPosted: balance.debitsPosted + posted };
  return { ...balance, seq: record.seq, creditsPending: balance.creditsPending + pending, creditsPosted: balance.creditsPosted + posted };
}
