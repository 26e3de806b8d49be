/** Honest signatures, each checked by libraries that had no part in the protocol. */
import assert from 'node:assert/strict';
import { Point, recoverPublicKey, verify } from '@noble/secp256k1';
import { computeAddress, recoverAddress, Signature } from 'ethers';
import { q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { dealParties, type Party } from '../support/dealer.ts';
import { runSession } from '../support/session.ts';
import { derive, type Signed } from '#mpc/protocol';
import { concat, toHex } from '#base';

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

/** `count` signatures over all pairs of one 2-of-3 key and `count` / 4 over all triples of one 3-of-5 key. */
export function signMany(count: number, digest: (index: number) => Uint8Array): number {
  let made = 0;
  for (const [t, n, runs] of [
    [2, 3, Math.ceil((count * 4) / 5)],
    [3, 5, Math.ceil(count / 5)],
  ] as const) {
    const quorums = subsets(dealParties(t, n).parties, t);
    for (let index = 0; index < runs; index++, made++) signHonestly(quorums[index % quorums.length]!, digest(made), index % 3 === 0 ? [index, 7] : []);
  }
  return made;
}
