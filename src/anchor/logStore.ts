import { assert, concat, fromHex, toHex, type BookId, type Hex, type TimeMs, type Uuid } from '#base';
import { execute, loadSql, query, type Queryable } from '#db';
import { splitHashes } from './batchStore.ts';
import { EMPTY_LOG, type BookRecord, type Hash, type LogHead } from './core/core.ts';
import type { AnchoredEvent, AnchorState } from './types.ts';

const SQL = loadSql(new URL('./sql/anchored.sql', import.meta.url), [
  'batchesToAnchor',
  'placeBatches',
  'lastAnchor',
  'openAnchors',
  'insertAnchor',
  'anchorSigned',
  'anchorSent',
  'anchorSeen',
  'anchorOrphaned',
  'anchorLeaves',
  'minedHead',
  'headAt',
]);

export interface BatchToAnchor extends BookRecord {
  readonly batchNo: bigint;
  readonly sealedMs: TimeMs;
}

interface BatchToAnchorColumns {
  readonly book: BookId;
  readonly batch_no: bigint;
  readonly first_seq: bigint;
  readonly last_seq: bigint;
  readonly previous_head: Buffer;
  readonly batch_root: Buffer;
  readonly sealed_ms: bigint;
}

/** The oldest batch of each book that is in no anchor, ordered by book. */
export async function batchesToAnchor(client: Queryable): Promise<BatchToAnchor[]> {
  const rows = await query<BatchToAnchorColumns>(client, SQL.batchesToAnchor);
  return rows.map((row) => ({
    book: row.book,
    batchNo: row.batch_no,
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    previousHead: new Uint8Array(row.previous_head),
    batchRoot: new Uint8Array(row.batch_root),
    sealedMs: Number(row.sealed_ms),
  }));
}

/** A row of cairn.anchor. */
export interface AnchorRow {
  readonly index: bigint;
  readonly leaf: Hash;
  readonly previous: Hash;
  readonly commitment: Hash;
  /** The log with this leaf in it. */
  readonly head: LogHead;
  readonly state: AnchorState;
  readonly signature: Hex | null;
  readonly outboxId: Uuid<'outbox'> | null;
  readonly attempts: number;
}

interface AnchorColumns {
  readonly log_index: bigint;
  readonly leaf: Buffer;
  readonly previous: Buffer;
  readonly commitment: Buffer;
  readonly peaks: Buffer;
  readonly state: AnchorState;
  readonly signature: Buffer | null;
  readonly outbox_id: Uuid<'outbox'> | null;
  readonly attempts: number;
}

function anchorRow(row: AnchorColumns): AnchorRow {
  return {
    index: row.log_index,
    leaf: new Uint8Array(row.leaf),
    previous: new Uint8Array(row.previous),
    commitment: new Uint8Array(row.commitment),
    head: { count: row.log_index + 1n, peaks: splitHashes(row.peaks) },
    state: row.state,
    signature: row.signature && toHex(row.signature),
    outboxId: row.outbox_id,
    attempts: row.attempts,
  };
}

export async function lastAnchor(client: Queryable): Promise<AnchorRow | null> {
  const [row] = await query<AnchorColumns>(client, SQL.lastAnchor);
  return row ? anchorRow(row) : null;
}

/** Those that are not final, oldest first. */
export async function openAnchors(client: Queryable): Promise<AnchorRow[]> {
  return (await query<AnchorColumns>(client, SQL.openAnchors)).map(anchorRow);
}

export interface NewAnchor {
  readonly index: bigint;
  readonly leaf: Hash;
  readonly previous: Hash;
  readonly commitment: Hash;
  readonly head: LogHead;
  /** In the order of the anchor's tree. */
  readonly batches: readonly BatchToAnchor[];
  readonly createdMs: TimeMs;
}

/** The leaf and the batches under it, in one transaction of the caller's; a second process fails on anchor_pk. */
export async function insertAnchor(client: Queryable, anchor: NewAnchor): Promise<void> {
  const { index, leaf, previous, commitment, head, batches, createdMs } = anchor;
  await execute(client, SQL.insertAnchor, [index, leaf, previous, commitment, concat(...head.peaks), createdMs]);
  const placed = await execute(client, SQL.placeBatches, [index, batches.length, batches.map(({ book }) => book), batches.map(({ batchNo }) => batchNo)]);
  assert(placed === batches.length, `${batches.length - placed} batches were placed while anchor ${index} was being made`);
}

/** Nothing where another process brought it on since it was `seen`: what that one stored counts. */
export async function anchorSigned(client: Queryable, seen: AnchorRow, signed: AnchorRow): Promise<void> {
  await execute(client, SQL.anchorSigned, [seen.index, fromHex(signed.signature!), signed.attempts, seen.state, seen.attempts]);
}

export async function anchorSent(client: Queryable, index: bigint, outboxId: Uuid<'outbox'>, attempts: number): Promise<void> {
  await execute(client, SQL.anchorSent, [index, outboxId, attempts]);
}

/** The chain has it, in a block that can still go or in one that cannot. */
export async function anchorSeen(client: Queryable, event: AnchoredEvent, state: 'mined' | 'final', nowMs: TimeMs): Promise<void> {
  await execute(client, SQL.anchorSeen, [event.index, state, fromHex(event.transactionHash), event.blockNumber, nowMs]);
}

/** The chain had it and has it no more. */
export async function anchorOrphaned(client: Queryable, index: bigint): Promise<void> {
  await execute(client, SQL.anchorOrphaned, [index]);
}

/** Anchor leaves from `from` up to but without `to`. */
export async function anchorLeaves(client: Queryable, from: bigint, to: bigint): Promise<Hash[]> {
  const rows = await query<{ leaf: Buffer }>(client, SQL.anchorLeaves, [from, to]);
  assert(BigInt(rows.length) === to - from, `the log has no leaves ${from} to ${to}`);
  return rows.map((row) => new Uint8Array(row.leaf));
}

/** The log as far as the chain has it. */
export async function minedHead(client: Queryable): Promise<LogHead | null> {
  const [row] = await query<{ log_index: bigint; peaks: Buffer }>(client, SQL.minedHead);
  return row ? { count: row.log_index + 1n, peaks: splitHashes(row.peaks) } : null;
}

/** The log before leaf `index`. */
export async function headBefore(client: Queryable, index: bigint): Promise<LogHead> {
  if (index === 0n) return EMPTY_LOG;
  const [row] = await query<{ peaks: Buffer }>(client, SQL.headAt, [index - 1n]);
  assert(row, `the log has no leaf ${index - 1n}`);
  return { count: index, peaks: splitHashes(row.peaks) };
}
