import { isHex, Problem, type Hex } from '#base';
import { ROLES, type Role, type Signature } from '#custody/intents';

/** What a coordinator may ask of a node. */
export const ASK = 'sign/ask';
export const KEYS = 'keys/list';
/** The record of the book that a node wants next, and a page from there on. */
export const NEXT = 'book/next';
export const ABSORB = 'book/absorb';
/** What the node has against what waits in the timelock. */
export const WATCH = 'watch/status';

/** A key as a node tells of it. */
export interface KeyFacts {
  readonly role: Role;
  readonly address: Hex;
  readonly t: number;
}

/** The answer to `sign/ask`: UTF-8 JSON {"signature": "0x..."}. Whether it is one is checked by whoever uses it. */
export function signatureFromJson(bytes: Uint8Array): Signature {
  const { signature } = parse(bytes) as { readonly signature?: unknown };
  if (typeof signature !== 'string' || !isHex(signature, 65)) throw new Problem('wire/bad-frame', 'A node answers with something that is no signature.');
  return signature;
}

/** The answer to `keys/list`: the keys that are in use. */
export function keysFromJson(bytes: Uint8Array): KeyFacts[] {
  const list = parse(bytes);
  if (!Array.isArray(list)) throw new Problem('wire/bad-frame', 'A node answers with something that is no list of keys.');
  return list.map((item: unknown) => {
    const { role, address, t } = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    if (!ROLES.includes(role as Role) || typeof address !== 'string' || !isHex(address, 20) || !Number.isInteger(t))
      throw new Problem('wire/bad-frame', 'A node answers with something that is no key.');
    return { role: role as Role, address, t: t as number };
  });
}

/** What a node says of the timelock: it is one node's word, for a person to look at, and decides nothing. */
export interface WatchFacts {
  /** Why it did not see the timelock at its last look; null where it did. */
  readonly blind: string | null;
  /** By operation: what it has against it, null where nothing. */
  readonly pending: ReadonlyMap<Hex, string | null>;
  readonly alarms: readonly string[];
}

/** The answer to `watch/status`: {"blind", "pending": [{"operation", "objection", ...}], "alarms": [{"detail", ...}], ...}. What is not in this form is left out. */
export function watchFromJson(bytes: Uint8Array): WatchFacts {
  const { blind, pending, alarms } = (parse(bytes) ?? {}) as Readonly<Record<string, unknown>>;
  const listed = (value: unknown): Readonly<Record<string, unknown>>[] =>
    Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
  const operations = listed(pending).flatMap(({ operation, objection }): [Hex, string | null][] =>
    typeof operation === 'string' && isHex(operation, 32) ? [[operation, typeof objection === 'string' ? shown(objection) : null]] : [],
  );
  const details = listed(alarms).flatMap(({ detail }) => (typeof detail === 'string' ? [shown(detail)] : []));
  return { blind: typeof blind === 'string' ? shown(blind) : null, pending: new Map(operations), alarms: details };
}

/** A captured node writes to somebody's terminal: no control characters, and not for ever. */
function shown(text: string): string {
  return text.replaceAll(/\p{C}/gu, '\ufffd').slice(0, 300);
}

/** The answer to `book/next`: {"nextSeq": "17"}. */
export function nextFromJson(bytes: Uint8Array): bigint {
  return seqOf((parse(bytes) as { readonly nextSeq?: unknown } | null)?.nextSeq);
}

/** The answer to `book/absorb`: {"seq": "16"}, the last record replayed, or {"rule", "reason"}. */
export function absorbedFromJson(bytes: Uint8Array): { readonly seq: bigint } | { readonly rule: string; readonly reason: string } {
  const { seq, rule, reason } = (parse(bytes) ?? {}) as Readonly<Record<string, unknown>>;
  return typeof rule === 'string' && typeof reason === 'string' ? { rule, reason } : { seq: seqOf(seq) };
}

function seqOf(value: unknown): bigint {
  if (typeof value !== 'string' || !/^(?:0|[1-9]\d{0,18})$/.test(value))
    throw new Problem('wire/bad-frame', 'A node answers with something that is no place in the book.');
  return BigInt(value);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new Problem('wire/bad-frame', 'A node answers with something that is no JSON.');
  }
}
