import { canonicalJson, parseCanonicalJson, type JsonValue } from '#anchor/core';
import { isHex, toHex, utf8, type Hex, type TimeMs } from '#base';
import { HashChain, linked, sha256, type Head } from '../heads/heads.ts';

/** What a node tells of itself. */
export type AuditKind =
  'started' | 'asked' | 'decided' | 'signed' | 'refused' | 'poisoned' | 'policy' | 'registered' | 'ceremony' | 'peer' | 'objected' | 'cancelling' | 'stopped';

export interface AuditEntry {
  readonly kind: AuditKind;
  /** By the node's clock, as the caller read it. */
  readonly atMs: TimeMs;
  /** Never anything secret; bigints as strings. */
  readonly data: JsonValue;
}

export interface AuditLine extends AuditEntry {
  readonly seq: number;
  readonly previous: Hex;
  readonly hash: Hex;
}

/** The first line that is wrong, and how. `short` and `forked`: against a head that somebody remembers. */
export interface AuditFinding {
  readonly line: number;
  readonly why: 'unreadable' | 'changed' | 'dropped' | 'reordered' | 'short' | 'forked';
  readonly reason: string;
}

/** The tag of an audit log's chain: no line of one node's log can continue another's. */
export function auditTag(storeId: Hex): string {
  return `cairn/node-audit/v1 ${storeId}`;
}

/** body = SHA-256 of the canonical JSON of what the line says; previous and hash are the chain's (heads/hashChain.ts). */
function bodyOf({ kind, atMs, data }: AuditEntry, seq: number): Hex {
  return toHex(sha256(utf8(canonicalJson({ seq, atMs, kind, data }))));
}

/** The line after this head: its text, the hash of what it says, and the head with it. */
export function nextLine(tag: string, { seq, hash: previous }: Head, said: AuditEntry): { readonly text: string; readonly body: Hex; readonly head: Head } {
  // Reasons quote what others sent, and half of a surrogate pair in it must neither keep the line out of the log nor end the node.
  const entry: AuditEntry = {
    ...said,
    data: JSON.parse(JSON.stringify(said.data, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value))) as JsonValue,
  };
  const body = bodyOf(entry, seq + 1);
  const head = linked(tag, { seq, hash: previous }, body);
  return { text: canonicalJson({ ...entry, seq: head.seq, previous, hash: head.hash }), body, head };
}

/** A log as it is read, line by line: its chain, and the first thing that is wrong. Pure: the same lines, the same finding. */
export class AuditReading {
  readonly chain: HashChain;
  readonly #remembered: readonly Head[];
  /** Of those that are remembered: where the log has another line. */
  readonly #forked: Head[] = [];
  #finding: AuditFinding | undefined;
  /** The number of the line that stands where another belongs, while nobody knows yet whether that one comes later. */
  #displacing: number | undefined;

  /** `remembered`: heads that somebody remembers. */
  constructor(chain: HashChain, remembered: readonly Head[]) {
    this.chain = chain;
    this.#remembered = remembered;
    this.#compare();
  }

  /** The next line, if everything was right so far and it is. */
  take(bytes: Buffer): AuditLine | undefined {
    const expected = this.chain.head.seq + 1;
    const line = read(bytes);
    if (this.#displacing !== undefined && line?.seq === expected) this.#displaced('reordered', this.#displacing);
    if (this.#finding !== undefined) return undefined;
    if (!line) return this.#found({ line: expected, why: 'unreadable', reason: `Line ${expected} is not a line of an audit log.` });
    if (line.seq !== expected) {
      // A line that is missing here may stand further on; until it is seen it was dropped.
      this.#displaced(line.seq < expected ? 'reordered' : 'dropped', line.seq);
      this.#displacing = line.seq < expected ? undefined : line.seq;
      return undefined;
    }
    if (line.previous !== this.chain.head.hash)
      return this.#found({ line: expected, why: 'changed', reason: `Line ${expected} does not follow the line before it.` });
    const said = bodyOf(line, line.seq);
    if (line.hash !== linked(this.chain.tag, this.chain.head, said).hash)
      return this.#found({ line: expected, why: 'changed', reason: `Line ${expected} does not hash to what it says.` });
    this.chain.push(said);
    this.#compare();
    return line;
  }

  /** After the last line: what is wrong; undefined where nothing is. */
  finding(): AuditFinding | undefined {
    const { seq: found } = this.chain.head;
    const fork = this.#remembered.find((head) => head.seq > found || this.#forked.includes(head));
    if (this.#finding ?? !fork) return this.#finding;
    if (fork.seq > found) return { line: found + 1, why: 'short', reason: `The log had ${fork.seq} lines and has ${found}.` };
    return { line: fork.seq, why: 'forked', reason: `Line ${fork.seq} is not the one that is remembered.` };
  }

  #compare(): void {
    const { seq, hash } = this.chain.head;
    this.#forked.push(...this.#remembered.filter((head) => head.seq === seq && head.hash !== hash));
  }

  #displaced(why: 'reordered' | 'dropped', found: number): void {
    const line = this.chain.head.seq + 1;
    this.#finding = { line, why, reason: `Line ${found} stands where line ${line} belongs.` };
  }

  #found(finding: AuditFinding): undefined {
    this.#finding = finding;
  }
}

/** The hash of what a line of a log says, as it stands in the file. 32 bytes. */
export function auditBody(bytes: Buffer): Hex {
  const line = read(bytes);
  // A line that was changed under a running node leads nowhere, and whoever looks for a head there finds none.
  return line ? bodyOf(line, line.seq) : toHex(sha256(bytes));
}

function read(bytes: Buffer): AuditLine | undefined {
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) return undefined;
  try {
    const line = parseCanonicalJson(text) as unknown as AuditLine;
    if (Object.keys(line).join() !== 'atMs,data,hash,kind,previous,seq') return undefined;
    const isWhole =
      Number.isSafeInteger(line.seq) && Number.isSafeInteger(line.atMs) && typeof line.kind === 'string' && isHex(line.previous, 32) && isHex(line.hash, 32);
    return isWhole ? line : undefined;
  } catch {
    return undefined;
  }
}
