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

/** Reads a whole log and checks every line, then every head that somebody remembers. Pure. */
export function verifyAudit(
  tag: string,
  lines: readonly Buffer[],
  remembered: readonly Head[],
): { readonly chain: HashChain; readonly entries: readonly AuditLine[] } | AuditFinding {
  const chain = new HashChain(tag);
  const entries: AuditLine[] = [];
  for (const bytes of lines) {
    const expected = chain.head.seq + 1;
    const line = read(bytes);
    if (!line) return { line: expected, why: 'unreadable', reason: `Line ${expected} is not a line of an audit log.` };
    if (line.seq !== expected) return displaced(lines, expected, line.seq);
    if (line.previous !== chain.head.hash) return { line: expected, why: 'changed', reason: `Line ${expected} does not follow the line before it.` };
    if (line.hash !== chain.push(bodyOf(line, line.seq)).hash)
      return { line: expected, why: 'changed', reason: `Line ${expected} does not hash to what it says.` };
    entries.push(line);
  }
  for (const { seq, hash } of remembered) {
    const found = chain.hashAt(seq);
    if (found === undefined) return { line: chain.head.seq + 1, why: 'short', reason: `The log had ${seq} lines and has ${chain.head.seq}.` };
    if (found !== hash) return { line: seq, why: 'forked', reason: `Line ${seq} is not the one that is remembered.` };
  }
  return { chain, entries };
}

function displaced(lines: readonly Buffer[], expected: number, found: number): AuditFinding {
  const isElsewhere = found < expected || lines.some((line) => read(line)?.seq === expected);
  const why = isElsewhere ? 'reordered' : 'dropped';
  return { line: expected, why, reason: `Line ${found} stands where line ${expected} belongs.` };
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
