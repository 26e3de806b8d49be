import { type AccountId, type AssetNo, type TimeMs, type TransferId } from '#base';
import type { Account, Hold, LedgerRecord, RefusalRecord, Seq, TransferRecord } from './types.ts';

/** Values by what names them: a Map, or something that forgets what was not asked for of late. */
export interface Filed<Key, Value> {
  get(key: Key): Value | undefined;
  has(key: Key): boolean;
  set(key: Key, value: Value): unknown;
}

/**
 * What a book's records add up to, or the part of it that a batch needs: what is absent from a map is taken to be absent from
 * the book, so that whoever keeps only a part loads what `needs` names beforehand.
 */
export interface State {
  /** The last record, and its time. */
  seq: Seq;
  nowMs: TimeMs;
  /** Where records are replayed: the last one is linked to the next one, which was decided with it. */
  inChain: boolean;
  readonly assets: Set<AssetNo>;
  readonly accounts: Map<AccountId, Account>;
  readonly transfers: Filed<TransferId, TransferRecord>;
  readonly refusals: Filed<TransferId, RefusalRecord>;
  readonly holds: Map<TransferId, Hold>;
  /** Records that have to be unique by another name than a transfer's id: see `keyOf`. */
  readonly keyed: Filed<string, LedgerRecord>;
}

/** A state that forgets nothing by itself. */
export interface WholeState extends State {
  readonly transfers: Map<TransferId, TransferRecord>;
  readonly refusals: Map<TransferId, RefusalRecord>;
  readonly keyed: Map<string, LedgerRecord>;
}

export function emptyState(): WholeState {
  const filed = { transfers: new Map(), refusals: new Map(), keyed: new Map() };
  return { seq: 0n, nowMs: 0, inChain: false, assets: new Set(), accounts: new Map(), holds: new Map(), ...filed };
}

/** What a batch did, beside its records: the values after it. */
export interface Changes {
  readonly accounts: ReadonlyMap<AccountId, Account>;
  readonly holds: ReadonlyMap<TransferId, Hold>;
  /** The records that are filed under a key. */
  readonly keyed: ReadonlyMap<string, LedgerRecord>;
}

/**
 * A batch being decided on top of a state that it does not touch, and of the batch before it where that one is decided and not yet durable. Everything
 * written is remembered in order, so that a linked chain is taken back whole.
 */
export class Draft {
  readonly base: State;
  readonly nowMs: TimeMs;
  /** The last record before the first of this batch, and its time. */
  readonly after: { readonly seq: Seq; readonly nowMs: TimeMs };
  readonly records: LedgerRecord[] = [];
  /** The batch before this one; none once that one is in the base. */
  #below: Draft | null;
  readonly #accounts = new Map<AccountId, Account>();
  readonly #holds = new Map<TransferId, Hold>();
  readonly #transfers = new Map<TransferId, TransferRecord>();
  readonly #refusals = new Map<TransferId, RefusalRecord>();
  readonly #keyed = new Map<string, LedgerRecord>();
  readonly #assets = new Map<AssetNo, true>();
  /** While a chain is open: how to take back each write, last first. */
  #undo: (() => void)[] | null = null;

  constructor(base: State, nowMs: TimeMs, below: Draft | null = null) {
    this.base = base;
    this.nowMs = nowMs;
    this.#below = below;
    this.after = below && below.records.length > 0 ? { seq: below.nextSeq - 1n, nowMs: below.nowMs } : { seq: base.seq, nowMs: base.nowMs };
  }

  get nextSeq(): Seq {
    return this.after.seq + BigInt(this.records.length + 1);
  }

  account(id: AccountId): Account | undefined {
    return this.#accounts.get(id) ?? this.accountBefore(id);
  }

  /** As it was before this batch. */
  accountBefore(id: AccountId): Account | undefined {
    return this.#below?.account(id) ?? this.base.accounts.get(id);
  }

  hold(id: TransferId): Hold | undefined {
    return this.#holds.get(id) ?? this.holdBefore(id);
  }

  holdBefore(id: TransferId): Hold | undefined {
    return this.#below?.hold(id) ?? this.base.holds.get(id);
  }

  transfer(id: TransferId): TransferRecord | undefined {
    return this.#transfers.get(id) ?? this.#below?.transfer(id) ?? this.base.transfers.get(id);
  }

  refusal(id: TransferId): RefusalRecord | undefined {
    return this.#refusals.get(id) ?? this.#below?.refusal(id) ?? this.base.refusals.get(id);
  }

  keyed(key: string): LedgerRecord | undefined {
    return this.#keyed.get(key) ?? this.#below?.keyed(key) ?? this.base.keyed.get(key);
  }

  hasAsset(asset: AssetNo): boolean {
    return this.#assets.has(asset) || (this.#below?.hasAsset(asset) ?? false) || this.base.assets.has(asset);
  }

  /** Every hold that is open, in the order they were taken. */
  openHolds(): Hold[] {
    const open = this.#heldBefore().filter((hold) => !this.#holds.has(hold.id) && hold.status === 'open');
    for (const hold of this.#holds.values()) if (hold.status === 'open') open.push(hold);
    return open.sort((a, b) => (a.seq < b.seq ? -1 : 1));
  }

  #heldBefore(): Hold[] {
    const base = [...this.base.holds.values()];
    const below = this.#below;
    return below ? [...base.filter((hold) => !below.#holds.has(hold.id)), ...below.#holds.values()] : base;
  }

  putAccount(account: Account): void {
    this.#write(this.#accounts, account.id, account);
  }

  putHold(hold: Hold): void {
    this.#write(this.#holds, hold.id, hold);
  }

  /** Appends a record and files it under its id or key. */
  append<R extends LedgerRecord>(record: R, key: string | null): R {
    this.records.push(record);
    this.#undo?.push(() => this.records.pop());
    if (key !== null) this.#write(this.#keyed, key, record);
    if (record.kind === 'transfer') this.#write(this.#transfers, record.id, record);
    if (record.kind === 'refusal') this.#write(this.#refusals, record.transfer, record);
    if (record.kind === 'asset') this.#write(this.#assets, record.asset, true);
    return record;
  }

  beginChain(): void {
    this.#undo = [];
  }

  commitChain(): void {
    this.#undo = null;
  }

  rollBackChain(): void {
    for (const takeBack of (this.#undo ?? []).reverse()) takeBack();
    this.#undo = null;
  }

  changes(): Changes {
    return { accounts: this.#accounts, holds: this.#holds, keyed: this.#keyed };
  }

  /** Makes the base what the draft decided. The batch before it has been committed by now. */
  commit(): void {
    this.#below = null;
    for (const [id, account] of this.#accounts) this.base.accounts.set(id, account);
    for (const [id, hold] of this.#holds) this.base.holds.set(id, hold);
    for (const [id, transfer] of this.#transfers) this.base.transfers.set(id, transfer);
    for (const [id, refusal] of this.#refusals) this.base.refusals.set(id, refusal);
    for (const [key, record] of this.#keyed) this.base.keyed.set(key, record);
    for (const asset of this.#assets.keys()) this.base.assets.add(asset);
    this.base.seq += BigInt(this.records.length);
    if (this.records.length > 0) this.base.nowMs = this.nowMs;
  }

  #write<K, V>(map: Map<K, V>, key: K, value: V): void {
    if (this.#undo) {
      const before = map.get(key);
      this.#undo.push(() => {
        if (before === undefined) map.delete(key);
        else map.set(key, before);
      });
    }
    map.set(key, value);
  }
}
