import { Problem } from '#base';

/** A position of the server's write-ahead log. */
export type Lsn = bigint;

/** What the server sends in a replication (PostgreSQL's documentation, "Streaming Replication Protocol"): a message of the plug-in, or a sign of life. */
export type Frame =
  | { readonly kind: 'data'; readonly message: Uint8Array }
  /** Everything committed before `end` was sent before this. */
  | { readonly kind: 'keepalive'; readonly end: Lsn; readonly wantsReply: boolean };

const DATA_HEADER_BYTES = 25;
const KEEPALIVE_BYTES = 18;
const STATUS_BYTES = 34;
/** PostgreSQL counts microseconds since 2000-01-01. */
const EPOCH_MS = 946_684_800_000;

export function readFrame(payload: Uint8Array): Frame {
  const tag = payload[0];
  if (tag === 0x77 && payload.length >= DATA_HEADER_BYTES) return { kind: 'data', message: payload.subarray(DATA_HEADER_BYTES) };
  if (tag === 0x6b && payload.length === KEEPALIVE_BYTES) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    return { kind: 'keepalive', end: view.getBigUint64(1), wantsReply: payload[17] !== 0 };
  }
  throw new Problem('store/unreadable-stream', `The server sent a frame of ${payload.length} bytes that begins with ${tag ?? 'nothing'}.`);
}

/** A standby status update: everything before `lsn` is dealt with, so that the server keeps nothing for us. */
export function statusFrame({ lsn, nowMs, wantsReply }: { readonly lsn: Lsn; readonly nowMs: number; readonly wantsReply: boolean }): Uint8Array {
  const bytes = new Uint8Array(STATUS_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x72;
  // Written, flushed and applied: the same here.
  for (const at of [1, 9, 17]) view.setBigUint64(at, lsn);
  view.setBigInt64(25, BigInt(nowMs - EPOCH_MS) * 1000n);
  bytes[33] = wantsReply ? 1 : 0;
  return bytes;
}
