import { concat, fromHex, toHex, type Hex, type TimeMs } from '#base';
import { sha256 } from '../heads/heads.ts';

/** What one requester's requests that came to nothing may write into the audit log: so much at once, and so much more a second, which is 88 MB a day. */
const ROOM = { bytes: 16 << 20, bytesPerS: 1_024 };
/** Of the two lines about a request, beside its intent. */
const LINES_BYTES = 1_024;

/** Requests of which nothing was written: how many, and SHA-256 over the hash before it and the request's digest, one after the other. */
export interface Unwritten {
  readonly count: number;
  readonly digest: Hex;
}

interface Room {
  bytes: number;
  filledMs: TimeMs;
  unwritten: Unwritten | undefined;
}

const NOTHING: Unwritten = { count: 0, digest: `0x${'00'.repeat(32)}` };

/**
 * How much of a requester's refused requests is written down in full. A captured coordinator asks for what is well-formed and refused as often as it likes; with its text in every line it would fill the disk of every node, and
 * a node with a full disk ends. It is judged and answered all the same: what is left out is lines.
 */
export class RefusedLines {
  readonly #nowMs: () => TimeMs;
  readonly #rooms = new Map<string, Room>();

  constructor(nowMs: () => TimeMs) {
    this.#nowMs = nowMs;
  }

  /** Before a request with an intent of so many characters is judged: whether its lines are written whatever becomes of it. */
  take(requester: string, length: number): boolean {
    const room = this.#roomOf(requester);
    if (room.bytes < 0) return false;
    room.bytes -= length + LINES_BYTES;
    return true;
  }

  /** It was not refused: its lines are nobody's to count. */
  giveBack(requester: string, length: number): void {
    const room = this.#roomOf(requester);
    room.bytes = Math.min(ROOM.bytes, room.bytes + length + LINES_BYTES);
  }

  /** It was refused, and nothing of it is written. */
  leaveOut(requester: string, digest: Uint8Array): void {
    const room = this.#roomOf(requester);
    const before = room.unwritten ?? NOTHING;
    room.unwritten = { count: before.count + 1, digest: toHex(sha256(concat(fromHex(before.digest), digest))) };
  }

  /** What was left out since this was asked last. */
  unwritten(requester: string): Unwritten | undefined {
    const room = this.#roomOf(requester);
    const { unwritten } = room;
    room.unwritten = undefined;
    return unwritten;
  }

  /** Requesters are callers who are pinned, so there are few. A clock that goes back gives nobody anything. */
  #roomOf(requester: string): Room {
    const nowMs = this.#nowMs();
    const room = this.#rooms.get(requester) ?? { bytes: ROOM.bytes, filledMs: nowMs, unwritten: undefined };
    this.#rooms.set(requester, room);
    room.bytes = Math.min(ROOM.bytes, room.bytes + (Math.max(0, nowMs - room.filledMs) / 1_000) * ROOM.bytesPerS);
    room.filledMs = nowMs;
    return room;
  }
}
