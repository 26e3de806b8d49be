import type { KeyObject } from 'node:crypto';
import type { Hex } from '#base';
import type { HashChain, Head } from './hashChain.ts';
import { verifyHeads, type HeadStatement } from './statement.ts';

/** What this node's disk says of itself. */
export interface LocalHeads {
  readonly node: string;
  readonly storeId: Hex;
  readonly store: HashChain;
  readonly audit: HashChain;
}

/** The first thing remembered that the disk does not confirm. `behind`: it once had more lines. `forked`: it had other lines. `replaced`: another folder stood here. */
export interface Lag {
  readonly log: 'store' | 'audit';
  readonly why: 'behind' | 'forked' | 'replaced';
  readonly remembered: Head;
  readonly local: Head;
}

/**
 * Compares this node's logs with the statements that its peers remember (section 14: a POISON flag, a policy counter and the erasure of an epoch are what a rollback can undo). Only statements that this node
 * itself signed count, so that a lying peer cannot stop it. undefined: nothing remembered contradicts the disk.
 */
export async function isBehind(local: LocalHeads, remembered: readonly HeadStatement[], identity: KeyObject): Promise<Lag | undefined> {
  const mine = remembered.filter((statement) => verifyHeads(statement, identity) && statement.node === local.node);
  for (const { storeId, heads } of mine) {
    for (const log of ['store', 'audit'] as const) {
      const found = { log, remembered: heads[log], local: local[log].head };
      if (storeId !== local.storeId) return { ...found, why: 'replaced' };
      const hash = await local[log].hashAt(heads[log].seq);
      if (hash === undefined) return { ...found, why: 'behind' };
      if (hash !== heads[log].hash) return { ...found, why: 'forked' };
    }
  }
  return undefined;
}
