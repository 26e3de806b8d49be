import type { AccountId } from '#base';
import { query, type Queryable } from '#db';
import type { Account, LedgerRecord, Seq } from '#ledger/core';
import type { Stored } from './statements.ts';
import type { Touch } from './rebuild.ts';

interface HistoryRow {
  readonly account: AccountId;
  readonly seq: bigint;
  readonly flags: number;
  readonly overdraft: bigint;
  readonly debits_pending: bigint;
  readonly debits_posted: bigint;
  readonly credits_pending: bigint;
  readonly credits_posted: bigint;
  readonly earlier: readonly number[] | null;
}

/** Compares the history of the accounts with the records as they are replayed: each row with the account after its record, and with the records since the row before it. */
export class HistoryCheck {
  readonly #client: Queryable;
  readonly #stored: Stored;
  /** By account: the records since its last row that changed it. Never more than one batch's, in a book that is whole. */
  readonly #since = new Map<AccountId, Seq[]>();

  constructor(client: Queryable, stored: Stored) {
    this.#client = client;
    this.#stored = stored;
  }

  /** How many rows of each account agree with what the records did to it; or the first that does not, as a sentence. */
  async check(records: readonly LedgerRecord[], touches: readonly Touch[]): Promise<ReadonlyMap<AccountId, number> | string> {
    const counts = new Map<AccountId, number>();
    const [first, last] = [records[0]!.seq, records.at(-1)!.seq];
    const ids = [...new Set(touches.map(({ account }) => account.id))];
    const rows = new Map<AccountId, HistoryRow[]>();
    for (const row of await query<HistoryRow>(this.#client, this.#stored.history, [ids, first, last])) {
      const own = rows.get(row.account);
      if (own) own.push(row);
      else rows.set(row.account, [row]);
    }
    const places = new Map<AccountId, number>();
    for (const { seq, account } of touches) {
      const place = places.get(account.id) ?? 0;
      const row = rows.get(account.id)?.[place];
      if (row && row.seq < seq) return stray(row);
      const since = this.#since.get(account.id);
      if (row?.seq !== seq) {
        if (since) since.push(seq);
        else this.#since.set(account.id, [seq]);
        continue;
      }
      const wrong = differing(row, account, since ?? []);
      if (wrong !== null) return `The history of account ${account.id} at record ${seq} says ${wrong}`;
      this.#since.delete(account.id);
      places.set(account.id, place + 1);
      counts.set(account.id, (counts.get(account.id) ?? 0) + 1);
    }
    for (const [id, own] of rows) if ((places.get(id) ?? 0) < own.length) return stray(own[places.get(id) ?? 0]!);
    return counts;
  }

  /** A record that changed an account and stands in no row, once all of the journal was replayed; null where there is none. */
  missing(): string | null {
    for (const [id, [seq]] of this.#since) return `The history of account ${id} has no row for record ${seq}, which changed it`;
    return null;
  }
}

function stray(row: HistoryRow): string {
  return `The history of account ${row.account} has a row for record ${row.seq}, which did not change it`;
}

function differing(row: HistoryRow, account: Account, since: readonly Seq[]): string | null {
  const pairs: readonly (readonly [name: string, stored: unknown, replayed: unknown])[] = [
    ['debits pending', row.debits_pending, account.debitsPending],
    ['debits posted', row.debits_posted, account.debitsPosted],
    ['credits pending', row.credits_pending, account.creditsPending],
    ['credits posted', row.credits_posted, account.creditsPosted],
    ['flags', row.flags, account.flags],
    ['overdraft', row.overdraft, account.overdraft],
    ['earlier records', (row.earlier ?? []).map((back) => row.seq - BigInt(back)).join(', ') || 'none', since.join(', ') || 'none'],
  ];
  const wrong = pairs.find(([, stored, replayed]) => stored !== replayed);
  return wrong ? `${wrong[0]} ${String(wrong[1])}, the records ${String(wrong[2])}` : null;
}
