import type { Account, Hold, LedgerRecord, RefusalRecord, TransferRecord } from '#ledger/core';
import { History } from './history.ts';

/** Everything the journal says, by what it is about, with its whole past. */
export class Past {
  /** The journal: record n at place n - 1. */
  readonly records: LedgerRecord[] = [];
  readonly accounts = new Map<string, History<Account>>();
  readonly holds = new Map<string, History<Hold>>();
  readonly transfers = new Map<string, TransferRecord>();
  readonly refusals = new Map<string, RefusalRecord>();
  /** Records that are unique by another name than a transfer's id. */
  readonly named = new Map<string, LedgerRecord>();
  readonly assets = new Map<number, number>();
  /** Holds that a window closing now would look at. */
  readonly settling = new Set<string>();

  get head(): number {
    return this.records.length;
  }
}

/** The book as it was just after a record, and what a chain that is being decided would make of it. */
export class View {
  readonly past: Past;
  readonly seq: number;
  #accounts: Map<string, Account> | undefined;
  #holds: Map<string, Hold> | undefined;
  #others: Map<string, LedgerRecord> | undefined;
  /** How many records the chain would have written. */
  #more = 0;

  constructor(past: Past, seq: number) {
    this.past = past;
    this.seq = seq;
  }

  get nextSeq(): bigint {
    return BigInt(this.seq + this.#more + 1);
  }

  account(id: string): Account | undefined {
    return this.#accounts?.get(id) ?? this.past.accounts.get(id)?.at(this.seq);
  }

  hold(id: string): Hold | undefined {
    return this.#holds?.get(id) ?? this.past.holds.get(id)?.at(this.seq);
  }

  transfer(id: string): TransferRecord | undefined {
    return (this.#others?.get(`transfer ${id}`) as TransferRecord | undefined) ?? this.#upTo(this.past.transfers.get(id));
  }

  refusal(id: string): RefusalRecord | undefined {
    return this.#upTo(this.past.refusals.get(id));
  }

  named(name: string): LedgerRecord | undefined {
    return this.#others?.get(name) ?? this.#upTo(this.past.named.get(name));
  }

  hasAsset(asset: number): boolean {
    return (this.#others?.has(`asset ${asset}`) ?? false) || (this.past.assets.get(asset) ?? Infinity) <= this.seq;
  }

  /** The open holds that settle and that no window took, in the order of their records. */
  untaken(): Hold[] {
    const ids = this.seq === this.past.head ? this.past.settling : this.past.holds.keys();
    const all = new Set([...ids, ...(this.#holds?.keys() ?? [])]);
    const holds = [...all].flatMap((id) => this.hold(id) ?? []);
    return holds.filter((hold) => hold.settles && hold.status === 'open' && hold.windowSeq === null).sort((a, b) => Number(a.seq - b.seq));
  }

  /** As if a record were written, with what it does; `name` is what it is unique by. */
  pretend(record: LedgerRecord, name: string | null, accounts: readonly Account[], holds: readonly Hold[]): void {
    this.#accounts ??= new Map();
    this.#holds ??= new Map();
    this.#others ??= new Map();
    this.#more += 1;
    for (const account of accounts) this.#accounts.set(account.id, account);
    for (const hold of holds) this.#holds.set(hold.id, hold);
    if (name !== null) this.#others.set(name, record);
    if (record.kind === 'transfer') this.#others.set(`transfer ${record.id}`, record);
    if (record.kind === 'asset') this.#others.set(`asset ${record.asset}`, record);
  }

  #upTo<R extends LedgerRecord>(record: R | undefined): R | undefined {
    return record && Number(record.seq) <= this.seq ? record : undefined;
  }
}
