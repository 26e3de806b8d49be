import { NIL_UUID, type AccountId, type AssetNo, type TransferId, type Uuid } from '#base';
import { execute, query, type Queryable } from '#db';
import type { BookReader } from '#ledger';
import { emptyState, replay, type Account, type Hold, type LedgerRecord, type Seq, type WholeState } from '#ledger/core';
import { SCRATCH } from './statements.ts';

/** Past so many times a page the part of the state in memory is forgotten: all of it is in the scratch tables, and comes back when it is needed. */
const MOST = { accounts: 50, holds: 25 };

/** An account as it is after a record that changed it. */
export interface Touch {
  readonly seq: Seq;
  readonly account: Account;
}

/**
 * Books a journal again with the pure core, page by page: what a page needs is loaded from the scratch tables, what it changed is written back. So the memory
 * it takes does not grow with the journal.
 */
export class Rebuild {
  readonly state: WholeState = emptyState();
  readonly #scratch: Queryable;
  readonly #reader: BookReader;
  readonly #page: number;
  #touches: Touch[] = [];
  /** The holds that the page moved, and the last record that did. */
  #moved = new Map<TransferId, Seq>();

  constructor(scratch: Queryable, reader: BookReader, page: number) {
    this.#scratch = scratch;
    this.#reader = reader;
    this.#page = page;
  }

  /** What the page did to accounts, in the order of its records. */
  get touches(): readonly Touch[] {
    return this.#touches;
  }

  /** Books the next records. Null, or what the rules would not have written there, in a sentence without its full stop. */
  async step(records: readonly LedgerRecord[]): Promise<string | null> {
    await this.#load(records);
    for (const record of records) {
      const found = replay(this.state, [record]);
      if (found) return `Record ${found.seq}: ${found.what}`;
      this.#note(record);
    }
    return null;
  }

  /** Writes what the page changed to the scratch tables. `rows`: how many rows of each account's history the page was compared with. */
  async flush(rows: ReadonlyMap<AccountId, number>): Promise<void> {
    const accounts = [...new Map(this.#touches.map(({ account }) => [account.id, account])).values()];
    if (accounts.length > 0) await execute(this.#scratch, SCRATCH.putAccounts, accountColumns(accounts, rows));
    const holds = [...this.#moved].map(([id, seq]) => ({ hold: this.state.holds.get(id)!, seq }));
    if (holds.length > 0) await execute(this.#scratch, SCRATCH.putHolds, holdColumns(holds));
    this.#touches = [];
    this.#moved = new Map();
    const { accounts: known, holds: held, transfers, refusals, keyed } = this.state;
    if (known.size > MOST.accounts * this.#page) known.clear();
    if (held.size > MOST.holds * this.#page) held.clear();
    // That an id or a key is there once is asked of the journal itself.
    for (const recent of [transfers, refusals, keyed]) recent.clear();
  }

  #note(record: LedgerRecord): void {
    const { accounts, holds } = this.state;
    const touch = (id: AccountId): void => void this.#touches.push({ seq: record.seq, account: accounts.get(id)! });
    if (record.kind === 'account') touch(record.id);
    const moved = record.kind === 'transfer' ? record : record.kind === 'expiry' ? holds.get(record.transfer)! : null;
    if (moved) {
      touch(moved.debit);
      touch(moved.credit);
    }
    if (record.kind === 'transfer') for (const id of [record.id, record.pendingId]) if (holds.has(id)) this.#moved.set(id, record.seq);
    if (record.kind === 'expiry' || record.kind === 'release') this.#moved.set(record.transfer, record.seq);
    if (record.kind === 'window') for (const hold of holds.values()) if (hold.windowSeq === record.seq) this.#moved.set(hold.id, record.seq);
  }

  async #load(records: readonly LedgerRecord[]): Promise<void> {
    const { state } = this;
    const holds = new Set<TransferId>();
    const accounts = new Set<AccountId>();
    for (const record of records) {
      if (record.kind === 'expiry' || record.kind === 'release') holds.add(record.transfer);
      if (record.kind === 'account') accounts.add(record.id);
      if (record.kind !== 'transfer') continue;
      accounts.add(record.debit).add(record.credit);
      if (record.pendingId !== NIL_UUID) holds.add(record.pendingId);
    }
    await this.#loadHolds([...holds].filter((id) => !state.holds.has(id)));
    const closesWindow = records.some((record) => record.kind === 'window');
    if (closesWindow) for (const row of await query<HoldRow>(this.#scratch, SCRATCH.holdsToSettle)) state.holds.set(row.id, holdOf(row));
    for (const hold of closesWindow ? state.holds.values() : [...holds].flatMap((id) => state.holds.get(id) ?? [])) accounts.add(hold.debit).add(hold.credit);
    await this.#loadAccounts([...accounts].filter((id) => !state.accounts.has(id)));
    await this.#loadWindows(records);
  }

  async #loadHolds(ids: readonly TransferId[]): Promise<void> {
    if (ids.length === 0) return;
    for (const row of await query<HoldRow>(this.#scratch, SCRATCH.holds, [ids])) this.state.holds.set(row.id, holdOf(row));
  }

  async #loadAccounts(ids: readonly AccountId[]): Promise<void> {
    if (ids.length === 0) return;
    for (const row of await query<AccountRow>(this.#scratch, SCRATCH.accounts, [ids])) this.state.accounts.set(row.id, accountOf(row));
  }

  /** An instruction belongs to a window that was closed before it. */
  async #loadWindows(records: readonly LedgerRecord[]): Promise<void> {
    const keys = new Set(records.flatMap((record) => (record.kind === 'instruction' ? [`window:${record.window}`] : [])));
    for (const key of keys) {
      const record = await this.#reader.byKey(key);
      if (record && record.seq < records[0]!.seq) this.state.keyed.set(key, record);
    }
  }
}

interface AccountRow {
  readonly id: AccountId;
  readonly asset: bigint;
  readonly code: number;
  readonly owner: Uuid<string>;
  readonly flags: number;
  readonly overdraft: bigint;
  readonly debits_pending: bigint;
  readonly debits_posted: bigint;
  readonly credits_pending: bigint;
  readonly credits_posted: bigint;
  readonly seq: bigint;
}

function accountOf(row: AccountRow): Account {
  return {
    id: row.id,
    asset: Number(row.asset) as AssetNo,
    code: row.code,
    flags: row.flags,
    overdraft: row.overdraft,
    owner: row.owner,
    debitsPending: row.debits_pending,
    debitsPosted: row.debits_posted,
    creditsPending: row.credits_pending,
    creditsPosted: row.credits_posted,
    seq: row.seq,
  };
}

function accountColumns(accounts: readonly Account[], rows: ReadonlyMap<AccountId, number>): unknown[] {
  return [
    accounts.map((a) => a.id),
    accounts.map((a) => a.asset),
    accounts.map((a) => a.code),
    accounts.map((a) => a.owner),
    accounts.map((a) => a.flags),
    accounts.map((a) => a.overdraft),
    accounts.map((a) => a.debitsPending),
    accounts.map((a) => a.debitsPosted),
    accounts.map((a) => a.creditsPending),
    accounts.map((a) => a.creditsPosted),
    accounts.map((a) => a.seq),
    accounts.map((a) => rows.get(a.id) ?? 0),
  ];
}

interface HoldRow {
  readonly id: TransferId;
  readonly seq: bigint;
  readonly debit: AccountId;
  readonly credit: AccountId;
  readonly asset: bigint;
  readonly amount: bigint;
  readonly code: number;
  readonly reference: Uuid<string> | null;
  readonly settles: boolean;
  readonly expires_ms: bigint | null;
  readonly captured: bigint;
  readonly status: Hold['status'];
  readonly closed_by: TransferId | null;
  readonly window_seq: bigint | null;
  readonly release_seq: bigint | null;
}

function holdOf(row: HoldRow): Hold {
  return {
    id: row.id,
    seq: row.seq,
    debit: row.debit,
    credit: row.credit,
    asset: Number(row.asset) as AssetNo,
    amount: row.amount,
    code: row.code,
    reference: row.reference ?? (NIL_UUID as Uuid<string>),
    settles: row.settles,
    expiresMs: Number(row.expires_ms ?? 0n),
    captured: row.captured,
    status: row.status,
    closedBy: row.closed_by,
    windowSeq: row.window_seq,
    releaseSeq: row.release_seq,
  };
}

function holdColumns(holds: readonly { readonly hold: Hold; readonly seq: Seq }[]): unknown[] {
  return [
    holds.map(({ hold }) => hold.id),
    holds.map(({ hold }) => hold.seq),
    holds.map(({ hold }) => hold.debit),
    holds.map(({ hold }) => hold.credit),
    holds.map(({ hold }) => hold.asset),
    holds.map(({ hold }) => hold.amount),
    holds.map(({ hold }) => hold.code),
    holds.map(({ hold }) => (hold.reference === NIL_UUID ? null : hold.reference)),
    holds.map(({ hold }) => hold.settles),
    holds.map(({ hold }) => hold.expiresMs || null),
    holds.map(({ hold }) => hold.captured),
    holds.map(({ hold }) => hold.status),
    holds.map(({ hold }) => hold.closedBy),
    holds.map(({ hold }) => hold.windowSeq),
    holds.map(({ hold }) => hold.releaseSeq),
    holds.map(({ seq }) => seq),
  ];
}
