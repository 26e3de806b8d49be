import { assert, NIL_UUID, type AccountId } from '#base';
import { KIND_NUMBERS, type Account, type Draft, type Hold, type LedgerRecord, type Seq, type TransferRecord } from '#ledger/core';
import { booleans, int2s, int4s, int8s, jsonbs, numerics, texts, uuids } from './binary.ts';
import { bodyJson, earlierLiteral } from './rows.ts';

/** The short numbers of accounts inside a book. */
export type AccountNos = ReadonlyMap<AccountId, number>;

export interface Batch {
  readonly draft: Draft;
  /** The statement: transfers between known accounts, which nearly every batch is, or everything that a batch can bring. */
  readonly statement: 'appendTransfers' | 'append';
  readonly params: readonly unknown[];
  /** The numbers given to the accounts that the batch opens. */
  readonly opened: AccountNos;
  /** The last number given when this batch is appended. */
  readonly lastNo: number;
}

/** The numbers that are known when a batch is put together: those of the loaded part of the book and those that the batch before it gives. */
export interface Numbering {
  noOf(id: AccountId): number | undefined;
  readonly lastNo: number;
}

/** A decided draft as the parameters of one statement; new accounts count on from `lastNo`. */
export function batchOf(draft: Draft, epoch: bigint, numbering: Numbering): Batch {
  const changes = draft.changes();
  const accounts = [...changes.accounts.values()];
  const created = accounts.filter((account) => draft.accountBefore(account.id) === undefined);
  const opened = new Map(created.map((account, i) => [account.id, numbering.lastNo + 1 + i]));
  const noOf = (id: AccountId): number => {
    const no = numbering.noOf(id) ?? opened.get(id);
    assert(no !== undefined, `account ${id} is used but not loaded`);
    return no;
  };
  const about = { draft, opened, lastNo: numbering.lastNo + opened.size };
  const head = [int8(draft.after.seq), int8(epoch), int8(draft.nextSeq - 1n), int8(draft.nowMs)];
  const transfers = draft.records.filter(isTransfer);
  // Looked up once: a short number is what everything below sorts by.
  const sides = { debits: transfers.map((transfer) => noOf(transfer.debit)), credits: transfers.map((transfer) => noOf(transfer.credit)) };
  const nos = accounts.map((account) => noOf(account.id));
  const shared = [...head, ...transferColumns(transfers, sides), ...touchedColumns(accounts, nos, touchesOf(draft, sides, noOf))];
  const isPlain = transfers.length === draft.records.length && opened.size === 0 && changes.holds.size === 0;
  if (isPlain && transfers.every((transfer) => transfer.subject === undefined)) return { ...about, statement: 'appendTransfers', params: shared };

  const holds = [...changes.holds.values()];
  const held = holds.filter((hold) => draft.holdBefore(hold.id) === undefined);
  const settled = holds.filter((hold) => draft.holdBefore(hold.id) !== undefined);
  const keys = new Map([...changes.keyed].map(([key, record]) => [record.seq, key]));
  const params = [
    ...shared,
    ...otherColumns(
      draft.records.filter((record) => record.kind !== 'transfer'),
      keys,
    ),
    ...evidenceColumns(draft.records.filter((record) => record.subject !== undefined)),
    ...openedColumns(created, noOf),
    ...heldColumns(held, noOf),
    ...settledColumns(settled),
    int8(1 + settled.length),
  ];
  return { ...about, statement: 'append', params };
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

/** The short numbers of both accounts of each transfer of a batch, in order. */
interface Sides {
  readonly debits: readonly number[];
  readonly credits: readonly number[];
}

function transferColumns(transfers: readonly TransferRecord[], { debits, credits }: Sides): Buffer[] {
  return [
    int8s(transfers.map((t) => t.seq)),
    uuids(transfers.map((t) => t.id)),
    uuids(transfers.map((t) => orNull(t.pendingId))),
    uuids(transfers.map((t) => orNull(t.reference))),
    int4s(debits),
    int4s(credits),
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

function openedColumns(accounts: readonly Account[], noOf: (id: AccountId) => number): Buffer[] {
  return [
    int4s(accounts.map((a) => noOf(a.id))),
    uuids(accounts.map((a) => a.id)),
    int8s(accounts.map((a) => a.asset)),
    int4s(accounts.map((a) => a.code)),
    uuids(accounts.map((a) => a.owner)),
  ];
}

function touchedColumns(accounts: readonly Account[], nos: readonly number[], touches: ReadonlyMap<number, readonly number[]>): Buffer[] {
  return [
    int8s(accounts.map((a) => a.seq)),
    int4s(nos),
    int2s(accounts.map((a) => a.flags)),
    numerics(accounts.map((a) => a.debitsPending)),
    numerics(accounts.map((a) => a.debitsPosted)),
    numerics(accounts.map((a) => a.creditsPending)),
    numerics(accounts.map((a) => a.creditsPosted)),
    numerics(accounts.map((a) => a.overdraft)),
    texts(nos.map((no) => earlierLiteral(touches.get(no) ?? []))),
  ];
}

/** By account's number: the places in the batch of the records that changed it, in order. */
function touchesOf(draft: Draft, { debits, credits }: Sides, noOf: (id: AccountId) => number): Map<number, number[]> {
  const touches = new Map<number, number[]>();
  const touch = (no: number, place: number): void => {
    const places = touches.get(no);
    if (places) places.push(place);
    else touches.set(no, [place]);
  };
  let transfers = 0;
  for (const [place, record] of draft.records.entries()) {
    if (record.kind === 'account') touch(noOf(record.id), place);
    if (record.kind === 'transfer') {
      touch(debits[transfers]!, place);
      touch(credits[transfers]!, place);
      transfers += 1;
    }
    if (record.kind === 'expiry') {
      const hold = draft.hold(record.transfer);
      assert(hold, `record ${record.seq} moves nothing that is known`);
      touch(noOf(hold.debit), place);
      touch(noOf(hold.credit), place);
    }
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
