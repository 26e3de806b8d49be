import { assert, fromHex, toHex, type BookId, type Hex } from '#base';
import { appendLeaf, bookRecordHash, commitment, EMPTY_LOG, logRoot, merkleTree, NO_HEAD, type Hash, type LogHead } from '#anchor/core';
import { refuse, type Refusal } from './rules.ts';

const HASH_BYTES = 32;

/** The leaves of a book from record 1 on, in one growing block of memory: 32 bytes a record, kept for ever, so that a forked feed is always found. */
export class LeafList {
  #bytes = new Uint8Array(HASH_BYTES * 1_024);
  #count = 0;

  get count(): bigint {
    return BigInt(this.#count);
  }

  push(leaf: Hash): void {
    if ((this.#count + 1) * HASH_BYTES > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(leaf, this.#count++ * HASH_BYTES);
  }

  /** Of records firstSeq..lastSeq, one behind the other; a view. */
  range(firstSeq: bigint, lastSeq: bigint): Uint8Array {
    assert(firstSeq >= 1n && firstSeq <= lastSeq && lastSeq <= this.count, `no leaves ${firstSeq} to ${lastSeq} among ${this.#count}`);
    return this.#bytes.subarray(Number(firstSeq - 1n) * HASH_BYTES, Number(lastSeq) * HASH_BYTES);
  }

  at(seq: bigint): Hash {
    return this.range(seq, seq);
  }
}

/** A leaf of the log in a final block. */
export interface AnchoredFact {
  readonly index: bigint;
  readonly leaf: Hex;
  readonly previous: Hex;
  readonly commitment: Hex;
  /** Of its block, seconds. */
  readonly timestampS: bigint;
}

/** "After this commitment I signed this leaf": said once a commitment, for ever. */
export interface Vote {
  readonly previous: Hex;
  readonly leaf: Hex;
  readonly index: bigint;
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
}

/** A log that the node may extend: the final one, or that with what it signed itself on top. */
interface Head {
  readonly log: LogHead;
  readonly commitment: Hex;
  /** Where the book stands in it: its last record, and the hash of its last book record. */
  readonly lastSeq: bigint;
  readonly bookHead: Hash;
}

interface Final {
  readonly lastSeq: bigint;
  readonly timestampS: bigint;
}

/** The anchored log as the node knows it: what is final on the chain and follows from its own records, and what it signed itself. */
export class LogBook {
  readonly #book: BookId;
  readonly #leaves: LeafList;
  readonly #votes = new Map<Hex, Vote>();
  /** Where the feed says that batches end, in order: tried, never believed. */
  #ends: readonly bigint[] = [];
  /** Leaves of the chain that no replayed records make yet, oldest first. */
  readonly #unknown: AnchoredFact[] = [];
  readonly #finals: Final[] = [];
  #head: Head = { log: EMPTY_LOG, commitment: toHex(commitment(EMPTY_LOG)), lastSeq: 0n, bookHead: NO_HEAD };

  constructor(book: BookId, leaves: LeafList) {
    this.#book = book;
    this.#leaves = leaves;
  }

  get finalSeq(): bigint {
    return this.#head.lastSeq;
  }

  hint(ends: readonly bigint[]): void {
    const fresh = ends.filter((end) => end > this.finalSeq);
    const isInOrder = fresh.every((end, i) => end > (fresh[i - 1] ?? this.#ends.at(-1) ?? 0n));
    this.#ends = isInOrder ? [...this.#ends, ...fresh] : [...new Set([...this.#ends, ...fresh])].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Takes a vote that was made durable. */
  take(vote: Vote): void {
    this.#votes.set(vote.previous, vote);
  }

  voted(previous: Hex): Vote | undefined {
    return this.#votes.get(previous);
  }

  /** Null where these leaves extend the log that was seen so far to exactly what the contract stores: nothing else is ever taken. */
  refusal(events: readonly AnchoredFact[], stored: Hex): Refusal | null {
    let log = this.#unknown.reduce(grow, this.#head.log);
    for (const event of events) {
      const next = grow(log, event);
      if (event.index !== log.count || event.previous !== toHex(commitment(log)) || event.commitment !== toHex(commitment(next)))
        return refuse('log-known', `The event of leaf ${event.index} does not extend the log of ${log.count} leaves that was final before`);
      log = next;
    }
    const reached = toHex(commitment(log));
    return stored === reached ? null : refuse('log-known', `The contract stores the commitment ${stored}; its events come to ${reached}`);
  }

  /** Takes what the chain says, in order; then goes as far as the replayed records lead. */
  follow(events: readonly AnchoredFact[]): void {
    this.#unknown.push(...events);
    for (let next = this.#unknown[0]; next && this.#finish(next); next = this.#unknown[0]) this.#unknown.shift();
  }

  /** Null where every leaf of the log that was seen is made of the replayed records. */
  unknown(): Refusal | null {
    const [first] = this.#unknown;
    if (!first) return null;
    return refuse('log-known', `Leaf ${first.index} of the log on the chain is no batch of the records 1 to ${this.#leaves.count} that were replayed`);
  }

  /** When the record came onto the chain for good, seconds; null while it is in no final anchor. */
  anchoredS(seq: bigint): bigint | null {
    if (seq > this.finalSeq) return null;
    let [low, high] = [0, this.#finals.length - 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#finals[middle]!.lastSeq >= seq) high = middle;
      else low = middle + 1;
    }
    return this.#finals[low]!.timestampS;
  }

  /** The vote that saying yes to this leaf would be; the one of before where it was said. Refusals in the order of RULES. */
  judge(previous: Hex, leaf: Hex): Vote | Refusal {
    const before = this.#votes.get(previous);
    if (before?.leaf === leaf) return before;
    if (before) return refuse('one-batch-a-position', `After the commitment ${previous} this node signed the leaf ${before.leaf}, and signs no other, ever`);
    const head = this.#heads().find((candidate) => candidate.commitment === previous);
    if (!head) {
      const { count } = this.#head.log;
      return refuse('log-extended', `The commitment ${previous} is neither that of the final log of ${count} leaves nor of what this node signed on top of it`);
    }
    const lastSeq = this.#endOf(head, leaf);
    if (lastSeq !== null) return { previous, leaf, index: head.log.count, firstSeq: head.lastSeq + 1n, lastSeq };
    return refuse(
      'batch-derived',
      `The leaf ${leaf} is no batch of the replayed records ${head.lastSeq + 1n} to ${this.#leaves.count}, alone and without another book`,
    );
  }

  #heads(): Head[] {
    const heads: Head[] = [];
    for (let head: Head | undefined = this.#head; head;) {
      heads.push(head);
      const vote = this.#votes.get(head.commitment);
      head = vote && extend(head, fromHex(vote.leaf), vote.lastSeq);
    }
    return heads;
  }

  #finish(event: AnchoredFact): boolean {
    const lastSeq = this.#endOf(this.#head, event.leaf);
    if (lastSeq === null) return false;
    this.#head = extend(this.#head, fromHex(event.leaf), lastSeq);
    this.#finals.push({ lastSeq, timestampS: event.timestampS });
    const open = this.#ends.findIndex((end) => end > lastSeq);
    this.#ends = open < 0 ? [] : this.#ends.slice(open);
    return true;
  }

  /**
   * Which of the hinted ends makes this leaf of the records behind the head: a leaf of a book alone is its book record (docs/formats.md, "The log"). A tree of several is never taken, whatever is in it: this
   * node has judged one book, and cannot say of another that it was not rewritten. The first end is the right one wherever the feed is honest.
   * The others are tried in one walk over the records, because whoever invents a hundred thousand of them would have this node hash the square of that.
   */
  #endOf({ lastSeq: before, bookHead: previousHead }: Head, leaf: Hex): bigint | null {
    const firstSeq = before + 1n;
    const isIt = (lastSeq: bigint, batchRoot: Hash): boolean =>
      toHex(bookRecordHash({ book: this.#book, firstSeq, lastSeq, previousHead, batchRoot })) === leaf;
    const [first, ...others] = this.#ends.filter((end) => end >= firstSeq && end <= this.#leaves.count);
    if (first === undefined || isIt(first, merkleTree(this.#leaves.range(firstSeq, first)).root)) return first ?? null;
    let [walked, seq] = [EMPTY_LOG, before];
    for (const end of others) {
      // The root over a batch and that of a log with the same leaves are one thing (RFC 9162, section 2.1.1).
      for (; seq < end; seq++) walked = appendLeaf(walked, this.#leaves.at(seq + 1n));
      if (isIt(end, logRoot(walked))) return end;
    }
    return null;
  }
}

function extend({ log }: Head, leaf: Hash, lastSeq: bigint): Head {
  const next = appendLeaf(log, leaf);
  return { log: next, commitment: toHex(commitment(next)), lastSeq, bookHead: leaf };
}

function grow(log: LogHead, { leaf }: AnchoredFact): LogHead {
  return appendLeaf(log, fromHex(leaf));
}
