import { toHex, utf8 } from '#base';
import type { Role } from '#custody/intents';
import type { KeyId } from '#mpc/protocol';
import { sha256 } from '../heads/heads.ts';

/** A key is named by what it is to us and by who holds it, so that all nodes name it alike without anybody having to tell them. A refresh changes none of it, so every epoch of a key says whose role it plays. */
export function keyIdOf({ role, t, identities }: { readonly role: Role; readonly t: number; readonly identities: readonly Uint8Array[] }): KeyId {
  const named = { role, threshold: t, identities: identities.map((identity) => toHex(identity)) };
  return sha256(utf8(`cairn/key-id/v1\n${JSON.stringify(named)}`)) as KeyId;
}
