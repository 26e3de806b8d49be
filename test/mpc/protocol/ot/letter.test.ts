import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { secp256k1, secp256k1_hasher } from '@noble/curves/secp256k1.js';
import { beginSetup, exchangeSetup, finishSetup, openSetup, partyId, type Aborted, type PartyId } from '#mpc/protocol';
import { choose, offer, receiverKeys, senderKeys } from '../../../../mpc/protocol/ot/baseOt.ts';
import { zeroShare } from '../../../../mpc/protocol/ot/zeroShares.ts';
import { id32, type Context, type SessionId, type SetupSessionId } from '../../../../mpc/protocol/primitives/ids.ts';
import { bigEndian, mod, q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { random } from '../support/dealer.ts';
import { concat, uintBytes, utf8 } from '#base';

/** Section 4 of the digest a second time, by the letter: what the sources hash is what it says, part by part. */
function parts(tag: string, ...all: readonly Uint8Array[]): Uint8Array {
  return concat(...[utf8(tag), ...all].flatMap((part) => [uintBytes(part.length, 4), part]));
}

function sha256(tag: string, ...all: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(parts(tag, ...all))
      .digest(),
  );
}

const two = (value: number): Uint8Array => uintBytes(value, 2);
const Point = secp256k1.Point;
const [P1, P2] = [partyId(1, 2), partyId(2, 2)] as [PartyId, PartyId];

function must<T extends { readonly kind: string }>(outcome: T | Aborted): T {
  assert.notEqual(outcome.kind, 'abort');
  return outcome as T;
}

describe('the set-up of a pair, by the letter', function () {
  this.timeout(0);

  it('T-01 makes the points and keys of a base OT as 4.3 says, for both bits of Delta', () => {
    const direction = { sid: id32<SetupSessionId>(random(32)), alice: P2, bob: P1 };
    const { sid } = direction;
    const bob = offer(random);
    const choice = choose(direction, (length) => (length === 16 ? new Uint8Array(16).fill(0b1001_0110) : random(length)));
    const betas = choice.betas.slice();
    const a = bigEndian(bob.a);
    const mine = receiverKeys(direction, choice, bob.A);
    const theirs = senderKeys(direction, bob, choice.phis);
    assert.deepEqual(bob.A, Point.BASE.multiply(a).toBytes(true));
    for (const i of [0, 1, 2, 3, 4, 5, 6, 7, 64, 127]) {
      const b = (choice.delta[i >> 3]! >> (i & 7)) & 1;
      const phi = [0, 1].map((bit) => choice.phis.slice(33 * (2 * i + bit), 33 * (2 * i + bit + 1)));
      const Hc = (bit: number): InstanceType<typeof Point> =>
        secp256k1_hasher.hashToCurve(parts('bot-h2c/v1', sid, two(2), two(1), two(i), two(bit), phi[1 - bit]!), {
          DST: utf8('CAIRN-DKLS23-V01-with-secp256k1_XMD:SHA-256_SSWU_RO_'),
        });
      const beta = bigEndian(betas.slice(32 * i, 32 * i + 32));
      assert.ok(Point.fromBytes(phi[b]!).equals(Point.BASE.multiply(beta).subtract(Hc(b))), 'phi_{i,b} = Y_i - Hc_b(i, phi_{i,1-b})');
      const key = (bit: number, shared: InstanceType<typeof Point>): Uint8Array =>
        sha256('bot-key/v1', sid, two(2), two(1), two(i), two(bit), shared.toBytes(false).slice(1, 33), bob.A, phi[0]!, phi[1]!);
      assert.deepEqual(mine.slice(32 * i, 32 * i + 32), key(b, Point.fromBytes(bob.A).multiply(beta)));
      for (const bit of [0, 1]) assert.deepEqual(theirs[bit]!.slice(32 * i, 32 * i + 32), key(bit, Point.fromBytes(phi[bit]!).add(Hc(bit)).multiply(a)));
    }
  });

  it('commits to its part of the zero seed, makes the seed of both parts, and is named by every message of the run', () => {
    const ctx = id32<Context>(random(32));
    const [a, b] = [beginSetup({ ctx, own: P1, peer: P2, generation: 3 }, random), beginSetup({ ctx, own: P2, peer: P1, generation: 3 }, random)];
    const [ea, eb] = [must(exchangeSetup(a.next, b.bytes, random)), must(exchangeSetup(b.next, a.bytes, random))];
    // What was heard may be overwritten as soon as a step is done with it, also where it is a Buffer, whose slice() is no copy.
    const heard = Buffer.from(eb.bytes);
    const [oa, ob] = [must(openSetup(ea.next, heard)), must(openSetup(eb.next, ea.bytes))];
    heard.fill(0);
    const { secrets } = must(finishSetup(oa.next, ob.bytes)).pair;
    const sid = sha256('setup-sid/v1', ctx, two(1), two(2), uintBytes(3, 4), a.bytes, b.bytes);
    const [vA, vB] = [oa.bytes.slice(0, 32), ob.bytes.slice(0, 32)];
    assert.deepEqual(ea.bytes.slice(0, 32), sha256('zseed-com/v1', sid, two(1), two(2), vA, oa.bytes.slice(32)));
    assert.deepEqual(eb.bytes.slice(0, 32), sha256('zseed-com/v1', sid, two(2), two(1), vB, ob.bytes.slice(32)));
    assert.deepEqual(secrets.zeroSeed, sha256('zseed/v1', sid, two(1), two(2), vA, vB));
    assert.deepEqual(secrets.setupId, sha256('setup-id/v1', sid, ea.bytes, eb.bytes, oa.bytes, ob.bytes));
  });

  it('makes other shares of zero in every session, as 4.1 says', () => {
    const [z, sid] = [random(32), id32<SessionId>(random(32))];
    const F =
      bigEndian(
        new Uint8Array(
          createHash('sha512')
            .update(parts('zero/v1', z, sid))
            .digest(),
        ),
      ) % q;
    assert.equal(zeroShare(P1, new Map([[P2, z]]), sid), F);
    assert.equal(zeroShare(P2, new Map([[P1, z]]), sid), mod(-F));
  });
});
