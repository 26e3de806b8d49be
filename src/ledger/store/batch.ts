import { assert, NIL_UUID, type AccountId } from '#base';
import { KIND_NUMBERS, type Account, type Draft, type Hold, type LedgerRecord, type Seq, type TransferRecord } from '#ledger/core';
import { booleans, int2s, int4s, int8s, jsonbs, numerics, texts, uuids } from './binary.ts';
import { bodyJson, earlierLiteral } from './rows.ts';

/** The short numbers of accounts inside a book. */
export type AccountNos = ReadonlyMap<AccountId, number>;

export interface Batch {
  /** The parameters of `append`, $1 to $67. */
  readonly params: readonly unknown[];
  /** The numbers given to the accounts that the batch opens. */
  readonly opened: AccountNos;
}

/** A decided draft as the parameters of one statement. `nos` knows every account of the book's part that is loaded; new ones count on from `lastNo`. */
export function batchOf(draft: Draft, epoch: bigint, nos: AccountNos, lastNo: number): Batch {
  const changes = draft.changes();
  const accounts = [...changes.accounts.values()];
  const isNew = (account: Account): boolean => !draft.base.accounts.has(account.id);
  const opened = new Map(accounts.filter(isNew).map((account, i) => [account.id, lastNo + 1 + i]));
  const noOf = (id: AccountId): number => {
    const no = opened.get(id) ?? nos.get(id);
    assert(no !== undefined, `account ${id} is used but not loaded`);
    return no;
  };
  const holds = [...changes.holds.values()];
  const held = holds.filter((hold) => !draft.base.holds.has(hold.id));
  const settled = holds.filter((hold) => draft.base.holds.has(hold.id));
  const keys = new Map([...changes.keyed].map(([key, record]) => [record.seq, key]));
  const rows = 1 + accounts.length - opened.size + settled.length;
  const params = [
    int8(draft.base.seq),
    int8(epoch),
    int8(draft.base.seq + BigInt(draft.records.length)),
    int8(draft.nowMs),
    ...transferColumns(draft.records.filter(isTransfer), noOf),
    ...otherColumns(
      draft.records.filter((record) => record.kind !== 'transfer'),
      keys,
    ),
    ...evidenceColumns(draft.records.filter((record) => record.subject !== undefined)),
    ...openedColumns(accounts.filter(isNew), noOf),
    ...touchedColumns(draft, accounts, noOf),
    ...heldColumns(held, noOf),
    ...settledColumns(settled),
    int8(rows),
  ];
  return { params, opened };
}

function int8(value: bigint | number): string {
  return value.toString();
}

function isTransfer(record: LedgerRecord): record is TransferRecord {
  return record.kind === 'transfer';
}

function orNull(id: string): string | null {
  return id === NIL_UUID ? null : id;
}

function transferColumns(transfers: readonly TransferRecord[], noOf: (id: AccountId) => number): Buffer[] {
  return [
    int8s(transfers.map((t) => t.seq)),
    uuids(transfers.map((t) => t.id)),
    uuids(transfers.map((t) => orNull(t.pendingId))),
    uuids(transfers.map((t) => orNull(t.reference))),
    int4s(transfers.map((t) => noOf(t.debit))),
    int4s(transfers.map((t) => noOf(t.credit))),
    int8s(transfers.map((t) => t.asset)),
    numerics(transfers.map((t) => t.amount)),
    int4s(transfers.map((t) => t.code)),
    int2s(transfers.map((t) => t.flags)),
    int8s(transfers.map((t) => t.timeoutS || null)),
    int8s(transfers.map((t) => t.effectiveMs || null)),
  ];
}

function otherColumns(others: readonly LedgerRecord[], keys: ReadonlyMap<Seq, string>): Buffer[] {
  return [
    int8s(others.map((r) => r.seq)),
    int2s(others.map((r) => KIND_NUMBERS[r.kind])),
    uuids(others.map((r) => (r.kind === 'refusal' ? r.transfer : null))),
    texts(others.map((r) => keys.get(r.seq) ?? null)),
    jsonbs(others.map(bodyJson)),
  ];
}

function evidenceColumns(records: readonly LedgerRecord[]): Buffer[] {
  return [
    int8s(records.map((r) => r.seq)),
    uuids(records.map((r) => r.subject ?? null)),
    jsonbs(records.map((r) => (r.fields === undefined ? null : JSON.stringify(r.fields)))),
  ];
}

function balanceColumns(accounts: readonly Account[]): Buffer[] {
  return [
    numerics(accounts.map((a) => a.debitsPending)),
    numerics(accounts.map((a) => a.debitsPosted)),
    numerics(accounts.map((a) => a.creditsPending)),
    numerics(accounts.map((a) => a.creditsPosted)),
  ];
}

function openedColumns(accounts: readonly Account[], noOf: (id: AccountId) => number): Buffer[] {
  return [
    int4s(accounts.map((a) => noOf(a.id))),
    uuids(accounts.map((a) => a.id)),
    int8s(accounts.map((a) => a.asset)),
    int4s(accounts.map((a) => a.code)),
    uuids(accounts.map((a) => a.owner)),
    numerics(accounts.map((a) => a.overdraft)),
    int8s(accounts.map((a) => a.seq)),
    int2s(accounts.map((a) => a.flags)),
    ...balanceColumns(accounts),
  ];
}

function touchedColumns(draft: Draft, accounts: readonly Account[], noOf: (id: AccountId) => number): Buffer[] {
  const touches = touchesOf(draft);
  return [
    int4s(accounts.map((a) => noOf(a.id))),
    int8s(accounts.map((a) => draft.base.accounts.get(a.id)?.seq ?? 0n)),
    int8s(accounts.map((a) => a.seq)),
    int2s(accounts.map((a) => a.flags)),
    ...balanceColumns(accounts),
    texts(accounts.map((a) => earlierLiteral(touches.get(a.id) ?? []))),
  ];
}

/** By account: the records of the batch that changed it, in order. */
function touchesOf(draft: Draft): Map<AccountId, Seq[]> {
  const touches = new Map<AccountId, Seq[]>();
  const touch = (id: AccountId, seq: Seq): void => {
    const seqs = touches.get(id);
    if (seqs) seqs.push(seq);
    else touches.set(id, [seq]);
  };
  for (const record of draft.records) {
    if (record.kind === 'account') touch(record.id, record.seq);
    const moved = record.kind === 'expiry' ? draft.hold(record.transfer) : record;
    if (record.kind !== 'transfer' && record.kind !== 'expiry') continue;
    assert(moved && 'debit' in moved, `record ${record.seq} moves nothing that is known`);
    touch(moved.debit, record.seq);
    touch(moved.credit, record.seq);
  }
  return touches;
}

function heldColumns(holds: readonly Hold[], noOf: (id: AccountId) => number): Buffer[] {
  return [
    uuids(holds.map((h) => h.id)),
    int8s(holds.map((h) => h.seq)),
    int4s(holds.map((h) => noOf(h.debit))),
    int4s(holds.map((h) => noOf(h.credit))),
    int8s(holds.map((h) => h.asset)),
    numerics(holds.map((h) => h.amount)),
    int4s(holds.map((h) => h.code)),
    uuids(holds.map((h) => orNull(h.reference))),
    booleans(holds.map((h) => h.settles)),
    int8s(holds.map((h) => h.expiresMs || null)),
    ...progressColumns(holds),
  ];
}

function settledColumns(holds: readonly Hold[]): Buffer[] {
  return [uuids(holds.map((h) => h.id)), ...progressColumns(holds)];
}

function progressColumns(holds: readonly Hold[]): Buffer[] {
  return [
    numerics(holds.map((h) => h.captured)),
    texts(holds.map((h) => h.status)),
    uuids(holds.map((h) => h.closedBy)),
    int8s(holds.map((h) => h.windowSeq)),
    int8s(holds.map((h) => h.releaseSeq)),
  ];
}
