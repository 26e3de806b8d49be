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

/** Rows of so many lines are in memory, 64 bytes each, and the head at every so many lines. */
const BLOCK = 4_096;
const RECENT = 2 * BLOCK;

/** The log behind a chain: its lines after the first so many, at most so many, and the hash of what one of them says. */
export interface Past {
  lines(after: number, most: number): AsyncIterable<Buffer>;
  bodyOf(line: Buffer): Hex;
}

/**
 * Every head that a log had, so that any which somebody remembers can be looked up. In memory are the newest lines and one head a block; what is older is taken from the log itself, and believed only
 * where it leads from one head in memory to the next.
 */
export class HashChain {
  readonly tag: string;
  readonly #past: Past | undefined;
  #head: Head;
  /** A ring: hash and body of line seq. */
  readonly #recent: Buffer = Buffer.alloc(64 * RECENT);
  /** The hashes of the heads 0, BLOCK, 2 BLOCK, ... */
  readonly #blocks: Hex[];

  /** Without a past it knows the newest lines only. */
  constructor(tag: string, past?: Past) {
    this.tag = tag;
    this.#past = past;
    this.#head = { seq: 0, hash: beginning(tag) };
    this.#blocks = [this.#head.hash];
  }

  get head(): Head {
    return this.#head;
  }

  /** Takes the hash of the next line's content. */
  push(body: Hex): Head {
    assert(isHex(body, 32), 'a body hash has 32 bytes');
    const next = linked(this.tag, this.#head, body);
    this.#recent.set(concat(fromHex(next.hash), fromHex(body)), rowOf(next.seq));
    if (next.seq % BLOCK === 0) this.#blocks.push(next.hash);
    this.#head = next;
    return next;
  }

  /** The hash when the log had so many lines; undefined where it never had as many, or where its file does not lead there any more. */
  async hashAt(seq: number): Promise<Hex | undefined> {
    if (!Number.isSafeInteger(seq) || seq < 0 || seq > this.#head.seq) return undefined;
    const block = Math.floor(seq / BLOCK);
    if (seq % BLOCK === 0) return this.#blocks[block];
    if (this.#isRecent(seq)) return toHex(this.#recent.subarray(rowOf(seq), rowOf(seq) + 32));
    let head: Head = { seq: block * BLOCK, hash: this.#blocks[block]! };
    let found: Hex | undefined;
    for (const body of await this.#bodies(head.seq, BLOCK)) {
      head = linked(this.tag, head, body);
      if (head.seq === seq) found = head.hash;
    }
    return head.hash === this.#blocks[block + 1] ? found : undefined;
  }

  /** Body hashes of the lines after `seq`, at most so many: what a peer needs to check that today's head extends the one it remembers. */
  async bodiesAfter(seq: number, most: number): Promise<Hex[]> {
    const last = Math.min(this.#head.seq, seq + most);
    if (seq < last && !this.#isRecent(seq + 1)) return this.#bodies(seq, last - seq);
    return Array.from({ length: Math.max(0, last - seq) }, (_, i) => toHex(this.#recent.subarray(rowOf(seq + i + 1) + 32, rowOf(seq + i + 1) + 64)));
  }

  async #bodies(seq: number, most: number): Promise<Hex[]> {
    assert(this.#past, 'old lines of this chain are asked for');
    const bodies: Hex[] = [];
    for await (const line of this.#past.lines(seq, most)) bodies.push(this.#past.bodyOf(line));
    return bodies;
  }

  #isRecent(seq: number): boolean {
    return seq > this.#head.seq - RECENT;
  }
}

/** Where the row of a line is in the ring. */
function rowOf(seq: number): number {
  return 64 * ((seq - 1) % RECENT);
}
