import { assert, NIL_UUID, type AccountId, type AssetNo, type TransferId, type Uuid } from '#base';
import { BODY_MEMBERS, KIND_NUMBERS, type Account, type Fields, type Hold, type LedgerRecord, type RecordKind } from '#ledger/core';

export interface AccountRow {
  readonly no: number;
  readonly id: AccountId;
  readonly seq: bigint;
  readonly asset: bigint;
  readonly code: number;
  readonly flags: number;
  readonly owner: Uuid<string>;
  readonly overdraft: bigint;
  readonly debits_pending: bigint;
  readonly debits_posted: bigint;
  readonly credits_pending: bigint;
  readonly credits_posted: bigint;
}

export function accountOf(row: AccountRow): Account {
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

export interface HoldRow {
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

export function holdOf(row: HoldRow): Hold {
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

/** A row of the journal with its accounts named and its evidence beside it. */
export interface RecordRow {
  readonly seq: bigint;
  readonly kind: number;
  readonly now_ms: bigint;
  readonly id?: TransferId | null;
  readonly pending_id?: TransferId | null;
  readonly reference?: Uuid<string> | null;
  readonly debit?: AccountId | null;
  readonly credit?: AccountId | null;
  readonly asset?: bigint | null;
  readonly amount?: bigint | null;
  readonly code?: number | null;
  readonly flags?: number | null;
  readonly timeout_s?: bigint | null;
  readonly effective_ms?: bigint | null;
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly subject: Uuid<string> | null;
  readonly fields: Fields | null;
}

const KINDS = Object.fromEntries(Object.entries(KIND_NUMBERS).map(([kind, number]) => [number, kind])) as Record<number, RecordKind>;

/** Members that JSON cannot hold as numbers: they stand in the body as decimal strings. */
const BIG_MEMBERS: ReadonlySet<string> = new Set(['overdraft', 'total', 'fromSeq', 'toSeq']);

export function recordOf(row: RecordRow): LedgerRecord {
  const about = {
    seq: row.seq,
    nowMs: Number(row.now_ms),
    ...(row.subject !== null && { subject: row.subject }),
    ...(row.fields !== null && { fields: row.fields }),
  };
  const kind = KINDS[row.kind];
  assert(kind !== undefined, `record ${row.seq} has the unknown kind ${row.kind}`);
  if (kind !== 'transfer') return { ...bodyFrom(row), kind, ...about } as LedgerRecord;
  assert(row.id && row.debit && row.credit && row.asset && row.amount !== null && row.amount !== undefined, `transfer ${row.seq} is not whole`);
  return {
    kind,
    id: row.id,
    pendingId: row.pending_id ?? (NIL_UUID as TransferId),
    debit: row.debit,
    credit: row.credit,
    asset: Number(row.asset) as AssetNo,
    amount: row.amount,
    code: row.code ?? 0,
    flags: row.flags ?? 0,
    timeoutS: Number(row.timeout_s ?? 0n),
    effectiveMs: Number(row.effective_ms ?? 0n),
    reference: row.reference ?? (NIL_UUID as Uuid<string>),
    ...about,
  };
}

function bodyFrom(row: RecordRow): Record<string, unknown> {
  assert(row.body, `record ${row.seq} has no body`);
  return Object.fromEntries(Object.entries(row.body).map(([name, value]) => [name, BIG_MEMBERS.has(name) ? BigInt(String(value)) : value]));
}

/** The body of a record that is no transfer, as JSON: the members of its kind and nothing else. */
export function bodyJson(record: LedgerRecord): string {
  const given: Record<string, unknown> = { ...record };
  const body = Object.fromEntries(BODY_MEMBERS[record.kind].map((name) => [name, given[name]]));
  return JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

/** The places of an account's records in a batch: all but the last, as distances before it. */
export function earlierLiteral(places: readonly number[]): string | null {
  if (places.length < 2) return null;
  const last = places.at(-1)!;
  let literal = `{${last - places[0]!}`;
  for (let i = 1; i < places.length - 1; i++) literal += `,${last - places[i]!}`;
  return `${literal}}`;
}
