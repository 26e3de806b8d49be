import type { LedgerRecord } from '#ledger/core';
import { demand, show } from '../finding.ts';
import { checkWhole, recordFrom, type ModelLedger } from '../model/ledger.ts';
import type { Tables, Appended } from '../server/tables.ts';
import type { Written } from '../server/plan.ts';

/** How many batches pass between two looks at the whole book. */
const WHOLE_EVERY = 40;

/** Looks at each batch at the moment it is durable: the journal by the model's rules, balances and holds against what the model makes of it. */
export class Oracle {
  readonly #model: ModelLedger;
  readonly #tables: Tables;
  /** Who took the book last: nobody else may write it. */
  #holder = '';
  #batches = 0;

  constructor(model: ModelLedger, tables: Tables) {
    this.#model = model;
    this.#tables = tables;
  }

  took(owner: string): void {
    this.#holder = owner;
  }

  isHeldBy(owner: string): boolean {
    return this.#holder === owner;
  }

  appended(owner: string, batch: Appended): LedgerRecord[] {
    const { past } = this.#model;
    demand(
      owner === this.#holder,
      'one writer at a time',
      () => `${owner} wrote the records ${batch.firstSeq} to ${batch.lastSeq} after ${this.#holder} had taken the book`,
    );
    const records = batch.journal.map((row) =>
      recordFrom(row, this.#tables.evidence.get(row['seq'] as bigint), (no) => this.#tables.accounts.get(no)?.['id'] as string),
    );
    demand(
      BigInt(past.head) + BigInt(records.length) === batch.lastSeq,
      'gapless sequence',
      () => `${records.length} records from ${batch.firstSeq} to ${batch.lastSeq}`,
    );
    this.#model.read(records);
    this.#balances(batch);
    for (const row of batch.holds) this.#hold(row);
    this.#batches += 1;
    if (this.#batches % WHOLE_EVERY === 0) this.whole();
    return records;
  }

  /** Everything, against everything. */
  whole(): void {
    const { past } = this.#model;
    checkWhole(past);
    demand(
      this.#tables.accounts.size === past.accounts.size,
      'balances are the journal replayed',
      () => `${this.#tables.accounts.size} accounts, not ${past.accounts.size}`,
    );
    for (const rows of this.#tables.history.values()) this.#balance(rows.at(-1) ?? {});
    demand(this.#tables.pending.size === past.holds.size, 'holds are the journal replayed', () => `${this.#tables.pending.size} holds, not ${past.holds.size}`);
    for (const row of this.#tables.pending.values()) this.#hold(row);
  }

  #balances({ history, firstSeq, lastSeq }: Appended): void {
    for (const row of history) {
      const account = this.#balance(row);
      const touched = this.#model.past.accounts.get(account)!.seqs.filter((seq) => seq >= firstSeq);
      const places = [...((row['earlier'] as number[] | null) ?? []).map((back) => Number(row['seq']) - back), Number(row['seq'])];
      demand(String(places) === String(touched), 'history names every record', () => `${account}: ${show(places)}, not ${show(touched)}`);
    }
    const touched = this.#model.touched;
    demand(
      history.length === touched.size,
      'balances are the journal replayed',
      () => `the batch ${firstSeq} to ${lastSeq} writes ${history.length} of ${touched.size} balances`,
    );
  }

  #balance(row: Written): string {
    const id = this.#tables.accounts.get(row['account'] as number)?.['id'] as string;
    const { last } = this.#model.past.accounts.get(id) ?? {};
    const isSame =
      last !== undefined &&
      last.seq === row['seq'] &&
      last.flags === row['flags'] &&
      last.overdraft === row['overdraft'] &&
      last.debitsPending === row['debits_pending'] &&
      last.debitsPosted === row['debits_posted'] &&
      last.creditsPending === row['credits_pending'] &&
      last.creditsPosted === row['credits_posted'];
    demand(isSame, 'balances are the journal replayed', () => `${id}: ${show(row)}, not ${show(last)}`);
    return id;
  }

  #hold(row: Written): void {
    const hold = this.#model.past.holds.get(row['id'] as string)?.last;
    const isSame =
      hold !== undefined &&
      hold.seq === row['seq'] &&
      hold.amount === row['amount'] &&
      hold.settles === row['settles'] &&
      hold.expiresMs === Number(row['expires_ms'] ?? 0) &&
      hold.captured === row['captured'] &&
      hold.status === row['status'] &&
      hold.closedBy === row['closed_by'] &&
      hold.windowSeq === row['window_seq'] &&
      hold.releaseSeq === row['release_seq'];
    demand(isSame, 'holds are the journal replayed', () => `${show(row)}, not ${show(hold)}`);
  }
}
