/** Honest signatures, each checked by libraries that had no part in the protocol. */
import assert from 'node:assert/strict';
import { Point, recoverPublicKey, verify } from '@noble/secp256k1';
import { computeAddress, recoverAddress, Signature } from 'ethers';
import { q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { dealParties, type Party } from '../support/dealer.ts';
import { runSession } from '../support/session.ts';
import { derive, type Signed } from '#mpc/protocol';
import { concat, toHex, uintBytes, type Hex } from '#base';
import type { Rpc } from '../../../../src/chain/local/rpc.ts';

/** Every set of `size` of the items. */
export function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => subsets(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]));
}

/** A session of honest signers: all of them end with the same signature, which is low, recoverable and by the derived key for everybody. */
export function signHonestly(signers: readonly Party[], digest: Uint8Array, path: readonly number[] = []): Signed {
  const endings = [...runSession({ signers, digest, path }).values()];
  const first = endings[0];
  assert.equal(first?.kind, 'signed');
  for (const ending of endings) assert.deepEqual(ending, first);
  const { compact, recovery, publicKey } = first;
  const { publicKey: expected } = derive(signers[0]!.key, path);
  assert.deepEqual(publicKey, expected);
  const s = BigInt(toHex(compact.slice(32)));
  assert.ok(s > 0n && s <= q >> 1n, 's is low');
  assert.ok(verify(compact, digest, publicKey, { prehash: false }));
  const recovered = recoverPublicKey(concat(Uint8Array.of(recovery), compact), digest, { prehash: false });
  assert.deepEqual(Point.fromBytes(recovered).toBytes(false), publicKey);
  const signature = Signature.from({ r: toHex(compact.slice(0, 32)), s: toHex(compact.slice(32)), v: 27 + recovery });
  assert.equal(recoverAddress(digest, signature), computeAddress(toHex(publicKey)));
  return first;
}

/** A signature that was checked, and what it signs. */
export interface Made {
  readonly digest: Uint8Array;
  readonly signed: Signed;
}

/** `count` signatures: four fifths over all pairs of one 2-of-3 key, the rest over all triples of one 3-of-5 key. */
export function signMany(count: number, digestOf: (index: number) => Uint8Array): Made[] {
  const made: Made[] = [];
  for (const [t, n, runs] of [
    [2, 3, Math.ceil((count * 4) / 5)],
    [3, 5, Math.ceil(count / 5)],
  ] as const) {
    const quorums = subsets(dealParties(t, n).parties, t);
    for (let index = 0; index < runs; index++) {
      const digest = digestOf(made.length);
      made.push({ digest, signed: signHonestly(quorums[index % quorums.length]!, digest, index % 3 === 0 ? [index, 7] : []) });
    }
  }
  return made;
}

/** The precompiled contract at address 1 of a real EVM, which is what every contract recovers with, gives the address of the key. */
export async function recoversOnChain(rpc: Rpc, { digest, signed: { compact, recovery, publicKey } }: Made): Promise<void> {
  const data = toHex(concat(digest, uintBytes(27 + recovery, 32), compact));
  const answer = await rpc<Hex>('eth_call', { to: `0x${'1'.padStart(40, '0')}`, data }, 'latest');
  assert.equal(answer, `0x${computeAddress(toHex(publicKey)).slice(2).toLowerCase().padStart(64, '0')}`);
}
