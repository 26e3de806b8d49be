import { createHash } from 'node:crypto';
import { assert, concat, fromHex, isHex, toHex, uintBytes, utf8, type Hex } from '#base';

/** Where an append-only log stands: `seq` lines (0 for none) that hash to this. 32 bytes. */
export interface Head {
  readonly seq: number;
  readonly hash: Hex;
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** hash_0 = SHA-256(len32(tag) || tag): every log of a kind begins here. */
export function beginning(tag: string): Hex {
  return toHex(sha256(uintBytes(tag.length, 4), utf8(tag)));
}

/** hash_n = SHA-256(len32(tag) || tag || hash_(n-1) || n u64 || body_n), where body_n = SHA-256 of the line: so a log is shown to extend another by 32 bytes a line, without showing the lines. */
export function linked(tag: string, previous: Head, body: Hex): Head {
  const seq = previous.seq + 1;
  return { seq, hash: toHex(sha256(uintBytes(tag.length, 4), utf8(tag), fromHex(previous.hash), uintBytes(seq, 8), fromHex(body))) };
}

/** Every head that a log had, 64 bytes a line in memory, so that any head which somebody remembers can be looked up. */
export class HashChain {
  readonly tag: string;
  #head: Head;
  #rows: Buffer = Buffer.alloc(64 * 256);

  constructor(tag: string) {
    this.tag = tag;
    this.#head = { seq: 0, hash: beginning(tag) };
  }

  get head(): Head {
    return this.#head;
  }

  /** Takes the hash of the next line's content. */
  push(body: Hex): Head {
    assert(isHex(body, 32), 'a body hash has 32 bytes');
    const next = linked(this.tag, this.#head, body);
    if (next.seq * 64 > this.#rows.length) this.#rows = Buffer.concat([this.#rows, Buffer.alloc(this.#rows.length)]);
    this.#rows.set(concat(fromHex(next.hash), fromHex(body)), (next.seq - 1) * 64);
    this.#head = next;
    return next;
  }

  /** The hash when the log had so many lines; undefined where it never had as many. */
  hashAt(seq: number): Hex | undefined {
    if (!Number.isSafeInteger(seq) || seq < 0 || seq > this.#head.seq) return undefined;
    return seq === 0 ? beginning(this.tag) : toHex(this.#rows.subarray((seq - 1) * 64, (seq - 1) * 64 + 32));
  }

  /** Body hashes of the lines after `seq`, at most so many: what a peer needs to check that today's head extends the one it remembers. */
  bodiesAfter(seq: number, most: number): Hex[] {
    const last = Math.min(this.#head.seq, seq + most);
    return Array.from({ length: Math.max(0, last - seq) }, (_, i) => toHex(this.#rows.subarray((seq + i) * 64 + 32, (seq + i) * 64 + 64)));
  }
}
