import { isDeepStrictEqual } from 'node:util';
import type { AccountId, AssetNo, BookId, TransferId } from '#base';
import { query, violatedConstraint } from '#db';
import { emptyState, needs, type Command, type Draft, type LedgerRecord, type Seq, type State } from '#ledger/core';
import { batchOf, type Batch } from './batch.ts';
import type { Lease } from './lease.ts';
import { Recent } from './recent.ts';
import { accountOf, holdOf, recordOf, type AccountRow, type HoldRow, type RecordRow } from './rows.ts';
import { statementsOf } from './statements.ts';

/** Past these many entries a part of the state is forgotten whole: everything in it is loaded again when it is needed. */
export interface Memory {
  readonly accounts: number;
  readonly holds: number;
}

export const MEMORY: Memory = { accounts: 500_000, holds: 200_000 };

/**
 * So many records are remembered by their ids and keys, for those who ask again soon; the journal answers the others. More than one batch loads and another one in flight
 * brings, so that what was there when a batch was loaded for is there when it is decided.
 */
const RECENT = 20_000;

/**
 * How a batch ended that was not appended: another writer was there, or an id of it was booked before. Or it broke a rule of the tables: where it was decided
 * without what was booked before (a hold that was booked smaller, captured by this batch once more) that rule may come before the fence and the index of ids.
 */
export type AppendOutcome = 'appended' | 'fenced' | 'duplicate' | { readonly broken: unknown };

/** The part of a book that its writer keeps in memory, and the statements that fill it and append to it. */
export class BookStore {
  readonly state: State = { ...emptyState(), transfers: new Recent(RECENT), refusals: new Recent(RECENT), keyed: new Recent(RECENT) };
  readonly lease: Lease;
  readonly #sql: ReturnType<typeof statementsOf>;
  readonly #memory: Memory;
  readonly #nos = new Map<AccountId, number>();
  #lastNo = 0;

  private constructor(book: BookId, lease: Lease, memory: Memory) {
    this.#memory = memory;
    this.#sql = statementsOf(book);
    this.lease = lease;
    this.state.seq = lease.seq;
    this.state.nowMs = lease.nowMs;
  }

  /** The store of a book that was just taken, with what is small enough to be known whole. */
  static async open(book: BookId, lease: Lease, memory: Memory): Promise<BookStore> {
    const store = new BookStore(book, lease, memory);
    const [last] = await query<{ no: number }>(lease.client, store.#sql.lastAccountNo);
    store.#lastNo = last?.no ?? 0;
    for (const row of await query<{ asset: bigint }>(lease.client, store.#sql.assets)) store.state.assets.add(Number(row.asset) as AssetNo);
    return store;
  }

  /** Everything that `commands` need except the transfers that bear their ids: those are nearly always new, and the journal's unique index knows. */
  async load(commands: readonly Command[]): Promise<void> {
    // Now and not when a batch lands: between here and the decision, which both look at what is there, another batch may land.
    this.#forget();
    const { state } = this;
    const { accounts, holds, keys, openHolds } = needs(commands.filter((command) => this.#isUnloaded(command)));
    await this.#loadHolds([...holds].filter((id) => !state.holds.has(id)));
    if (openHolds) for (const row of await query<HoldRow>(this.lease.client, this.#sql.holdsToSettle)) state.holds.set(row.id, holdOf(row));
    const unkeyed = [...keys].filter((key) => !state.keyed.has(key));
    if (unkeyed.length > 0) {
      for (const row of await query<RecordRow & { key: string }>(this.lease.client, this.#sql.byKey, [unkeyed])) state.keyed.set(row.key, recordOf(row));
    }

    const missing = new Set([...accounts].filter((id) => this.#isMissing(id)));
    const settled = openHolds ? state.holds.values() : [...holds].flatMap((id) => state.holds.get(id) ?? []);
    for (const hold of settled) for (const id of [hold.debit, hold.credit]) if (this.#isMissing(id)) missing.add(id);
    await this.#loadAccounts([...missing]);
  }

  /** Transfers and refusals under these ids; says whether there were any. */
  async lookUp(ids: readonly TransferId[]): Promise<boolean> {
    if (ids.length === 0) return false;
    const rows = await query<RecordRow>(this.lease.client, this.#sql.byId, [ids]);
    const records = rows.map(recordOf);
    for (const record of records) this.#file(record);
    // Whether a retry is the same depends on the hold it settled.
    await this.#loadHolds(records.flatMap((record) => (record.kind === 'transfer' && !this.state.holds.has(record.pendingId) ? [record.pendingId] : [])));
    return records.length > 0;
  }

  /** Whether the journal holds exactly these records in their places: the batch that brought them was committed. */
  async holds(records: readonly LedgerRecord[]): Promise<boolean> {
    const [first] = records;
    if (!first || this.state.seq < first.seq) return false;
    const rows = await query<RecordRow>(this.lease.client, this.#sql.records, [first.seq, records.length]);
    return isDeepStrictEqual(rows.map(recordOf), records);
  }

  /** What the draft decided, put into a statement; on top of `below`, which is on its way, where there is one. Sends nothing. */
  batch(draft: Draft, below: Batch | null): Batch {
    const noOf = (id: AccountId): number | undefined => this.#nos.get(id) ?? below?.opened.get(id);
    return batchOf(draft, this.lease.epoch, { noOf, lastNo: below?.lastNo ?? this.#lastNo });
  }

  /** Appends a batch and makes it the state. Any other failure than those named is thrown; what is not appended leaves the state as it was. */
  async append({ statement, params, draft, opened, lastNo }: Batch): Promise<AppendOutcome> {
    try {
      await query(this.lease.client, this.#sql[statement], params);
    } catch (error) {
      const constraint = violatedConstraint(error) ?? 'none';
      if (DUPLICATES.has(constraint)) return 'duplicate';
      if (FENCES.has(constraint)) return 'fenced';
      if (constraint !== 'none') return { broken: error };
      throw error;
    }
    for (const [id, no] of opened) this.#nos.set(id, no);
    this.#lastNo = lastNo;
    draft.commit();
    return 'appended';
  }

  /** Whether the book is still ours, and its journal as long as we know it. */
  async isAt(seq: Seq): Promise<boolean> {
    const [head] = await query<{ seq: bigint; epoch: bigint }>(this.lease.client, this.#sql.head);
    return head?.epoch === this.lease.epoch && head.seq === seq;
  }

  #file(record: LedgerRecord): void {
    if (record.kind === 'transfer') this.state.transfers.set(record.id, record);
    if (record.kind === 'refusal') this.state.refusals.set(record.transfer, record);
  }

  async #loadAccounts(ids: readonly AccountId[]): Promise<void> {
    if (ids.length === 0) return;
    for (const row of await query<AccountRow>(this.lease.client, this.#sql.accounts, [ids])) {
      this.state.accounts.set(row.id, accountOf(row));
      this.#nos.set(row.id, row.no);
    }
  }

  /** Where an id is no hold, the transfer it may be: "not pending" is another answer than "not found". */
  async #loadHolds(ids: readonly TransferId[]): Promise<void> {
    if (ids.length === 0) return;
    for (const row of await query<HoldRow>(this.lease.client, this.#sql.holds, [ids])) this.state.holds.set(row.id, holdOf(row));
    const others = ids.filter((id) => !this.state.holds.has(id) && !this.state.transfers.has(id));
    if (others.length === 0) return;
    for (const row of await query<RecordRow>(this.lease.client, this.#sql.byId, [others])) this.#file(recordOf(row));
  }

  /** A batch that lands after its accounts were forgotten brings them back without their numbers. */
  #isMissing(id: AccountId): boolean {
    return !this.state.accounts.has(id) || !this.#nos.has(id);
  }

  /** All but the transfers that need nothing: both of their accounts are there, as those of nearly all are. */
  #isUnloaded(command: Command): boolean {
    if (command.kind !== 'transfer' || command.pendingId !== undefined) return true;
    const { debit, credit } = command;
    return debit === undefined || credit === undefined || this.#isMissing(debit) || this.#isMissing(credit);
  }

  #forget(): void {
    const { accounts, holds } = this.state;
    if (accounts.size > this.#memory.accounts) {
      accounts.clear();
      this.#nos.clear();
    }
    if (holds.size > this.#memory.holds) holds.clear();
  }
}

/** Unique indexes that an id violates which was booked before: the journal's, and that of the holds, whichever row is written first. */
const DUPLICATES: ReadonlySet<string> = new Set(['journal_id_once', 'pending_once']);

/** The fence, and the unique indexes that only a second writer can violate: what they guard is loaded before it is decided. */
const FENCES: ReadonlySet<string> = new Set([
  'fence',
  'journal_seq_once',
  'journal_key_once',
  'account_once',
  'account_pkey',
  'pending_once',
  'account_history_once',
]);
