import { toHex, utf8 } from '#base';
import type { Role } from '#custody/intents';
import type { KeyId } from '#mpc/protocol';
import { sha256 } from '../heads/heads.ts';
import type { Founders } from '../session/session.ts';

/**
 * A key is named by what it is to us and by who generated it, so that all nodes name it alike without anybody having to tell them. It keeps its name when it is refreshed or goes to other parties; those who
 * join are told its founders, and its name proves both them and the role that it plays.
 */
export function keyIdOf({ role, t, identities }: Founders & { readonly role: Role }): KeyId {
  const named = { role, threshold: t, identities: identities.map((identity) => toHex(identity)) };
  return sha256(utf8(`cairn/key-id/v1\n${JSON.stringify(named)}`)) as KeyId;
}
