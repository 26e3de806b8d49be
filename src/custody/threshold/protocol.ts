import { isHex, Problem, type Hex } from '#base';
import { ROLES, type Role, type Signature } from '#custody/intents';

/** What a coordinator may ask of a node. */
export const ASK = 'sign/ask';
export const KEYS = 'keys/list';
/** The record of the book that a node wants next, and a page from there on. */
export const NEXT = 'book/next';
export const ABSORB = 'book/absorb';

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
