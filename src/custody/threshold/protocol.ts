import { isHex, Problem, type Hex } from '#base';
import { ROLES, type Role, type Signature } from '#custody/intents';

/** What a coordinator may ask of a node. */
export const ASK = 'sign/ask';
export const KEYS = 'keys/list';

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

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new Problem('wire/bad-frame', 'A node answers with something that is no JSON.');
  }
}
