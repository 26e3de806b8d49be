import { sign, verify, type KeyObject } from 'node:crypto';
import { concat, isHex, toHex, uintBytes, utf8, fromHex, type Hex, type TimeMs } from '#base';
import type { Head } from './hashChain.ts';

/** The two append-only logs of a node. */
export interface Heads {
  readonly store: Head;
  readonly audit: Head;
}

/** "These are my heads", signed by a node's identity key (ed25519). Peers keep the newest and give it back when the node starts. */
export interface HeadStatement {
  readonly node: string;
  /** Made with the folder, so that a node which was set up afresh is not taken for one that fell behind. 16 bytes. */
  readonly storeId: Hex;
  readonly heads: Heads;
  readonly atMs: TimeMs;
  /** 64 bytes. */
  readonly signature: Hex;
}

const TAG = utf8('cairn/node-heads/v1');

/** len32(tag) || tag || len32(node) || node || storeId 16 || store seq u64 || hash 32 || audit seq u64 || hash 32 || atMs u64. */
function message({ node, storeId, heads, atMs }: Omit<HeadStatement, 'signature'>): Uint8Array {
  const name = utf8(node);
  const logs = [heads.store, heads.audit].flatMap((head) => [uintBytes(head.seq, 8), fromHex(head.hash)]);
  return concat(uintBytes(TAG.length, 4), TAG, uintBytes(name.length, 4), name, fromHex(storeId), ...logs, uintBytes(atMs, 8));
}

/** Whether it came from the wire whole: shapes only. */
function isWellFormed({ node, storeId, heads, atMs, signature }: HeadStatement): boolean {
  const numbers = [heads?.store?.seq, heads?.audit?.seq, atMs];
  if (typeof node !== 'string' || !numbers.every((value) => Number.isSafeInteger(value) && value >= 0)) return false;
  return [heads.store.hash, heads.audit.hash].every((hash) => typeof hash === 'string' && isHex(hash, 32)) && isHex(storeId, 16) && isHex(signature, 64);
}

/** `identity` is the node's ed25519 private key. */
export function signHeads(statement: Omit<HeadStatement, 'signature'>, identity: KeyObject): HeadStatement {
  return { ...statement, signature: toHex(sign(null, message(statement), identity)) };
}

/** Whether this statement, which may come from anybody, is by the holder of this ed25519 public key. */
export function verifyHeads(statement: HeadStatement, identity: KeyObject): boolean {
  return isWellFormed(statement) && verify(null, message(statement), identity, fromHex(statement.signature));
}
