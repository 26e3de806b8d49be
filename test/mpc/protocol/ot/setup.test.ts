import assert from 'node:assert/strict';
import { beginSetup, decodePair, encodePair, encodeSetupOpening, exchangeSetup, finishSetup, openSetup, Pair } from '#mpc/protocol';
import { choose, offer, receiverKeys, senderKeys } from '../../../../mpc/protocol/ot/baseOt.ts';
import { hashToCurve } from '../../../../mpc/protocol/ot/hashToCurve.ts';
import { zeroShare } from '../../../../mpc/protocol/ot/zeroShares.ts';
import { Once } from '../../../../mpc/protocol/primitives/abort.ts';
import { H, H512, u16 } from '../../../../mpc/protocol/primitives/hash.ts';
import { id32, type SessionId, type SetupSessionId } from '../../../../mpc/protocol/primitives/ids.ts';
import { compressedBytes, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { bigEndian, mod, q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { dealParties, random } from '../support/dealer.ts';
import { ctx, must, mustBlame, P1, P2, P3, run, type Change } from '../support/setup.ts';

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}

function bitOf(bits: Uint8Array, i: number): number {
  return (bits[i >> 3]! >> (i & 7)) & 1;
}

const slice = (keys: Uint8Array, i: number): string => Buffer.from(keys.slice(32 * i, 32 * i + 32)).toString('hex');

describe('the set-up of a pair', function () {
  this.timeout(0);
  const whole = run();
  const [mine, theirs] = [whole.mine as Pair, whole.theirs()];

  it('gives both the same seed and name, and to each the one key of the other that its Delta names', () => {
    assert.deepEqual(mine.secrets.zeroSeed, theirs.secrets.zeroSeed);
    assert.deepEqual(mine.secrets.setupId, theirs.secrets.setupId);
    for (const [alice, bob] of [
      [mine.secrets, theirs.secrets],
      [theirs.secrets, mine.secrets],
    ] as const)
      for (let i = 0; i < 128; i++) {
        const b = bitOf(alice.delta, i);
        assert.equal(slice(alice.kDelta, i), slice(b ? bob.k1 : bob.k0, i));
        assert.notEqual(slice(alice.kDelta, i), slice(b ? bob.k0 : bob.k1, i));
      }
  });

  it('T-01 all 512 keys of a pair are distinct', () => {
    const keys = [mine, theirs].flatMap(({ secrets }) => [...Array(128).keys()].flatMap((i) => [slice(secrets.k0, i), slice(secrets.k1, i)]));
    assert.equal(new Set(keys).size, 512);
  });

  it('T-02 choice bits differ for every peer and run', () => {
    assert.notDeepEqual(mine.secrets.delta, theirs.secrets.delta);
    const direction = { sid: id32<SetupSessionId>(random(32)), alice: P1, bob: P2 };
    const deltas = [P2, P3].map((bob) => Buffer.from(choose({ ...direction, bob }, random).delta).toString('hex'));
    assert.notEqual(deltas[0], deltas[1]);
  });

  it('is stored and read back, and anything else is refused', () => {
    assert.deepEqual(decodePair(encodePair(mine)).secrets, mine.secrets);
    assert.throws(() => decodePair(encodePair(mine).slice(1)), { code: 'mpc/pair-not-usable' });
    const other = encodePair(mine);
    other[1]! ^= 1;
    assert.throws(() => decodePair(other), { code: 'mpc/pair-not-usable' });
  });

  it('T-04 every field of every message, changed, ends without a pair and with the sender to blame', () => {
    const begun = [beginSetup({ ctx, own: P1, peer: P2, generation: 0 }, random), beginSetup({ ctx, own: P2, peer: P1, generation: 0 }, random)];
    for (const nonce of [random(31), random(33), new Uint8Array()]) {
      const fresh = beginSetup({ ctx, own: P1, peer: P2, generation: 0 }, random);
      mustBlame(exchangeSetup(fresh.next, nonce, random), 'mpc/malformed-message', 'nonce');
    }
    const mineExchange = must(exchangeSetup(begun[0]!.next, begun[1]!.bytes, random));
    const theirExchange = must(exchangeSetup(begun[1]!.next, begun[0]!.bytes, random));
    // One honest state of party 1, taken again for each case: an abort leaves none.
    const chosen = mineExchange.next.take();
    const copy = (): typeof mineExchange.next =>
      new Once(
        { ...chosen, offer: { ...chosen.offer, a: chosen.offer.a.slice() }, choice: { ...chosen.choice, betas: chosen.choice.betas.slice() } },
        'a copy',
      );
    const exchange = theirExchange.bytes;
    for (const [name, bytes] of [
      ['cut short', exchange.slice(0, -1)],
      ['drawn out', Uint8Array.of(...exchange, 0)],
      ['A that is the identity', exchange.slice().fill(0, 32, 65)],
      ['A in the long form', exchange.slice().fill(4, 32, 33)],
      ['phi that is the identity', exchange.slice().fill(0, 65, 98)],
      ['phi in another form', exchange.slice().fill(5, 65, 66)],
      ['last phi not below p', exchange.slice().fill(255, -32)],
    ] as const)
      mustBlame(openSetup(copy(), bytes), 'mpc/malformed-message', name);

    const opening = must(openSetup(theirExchange.next, mineExchange.bytes)).bytes;
    const opened = must(openSetup(copy(), exchange)).next.take();
    const end = (bytes: Uint8Array, changes: Partial<typeof opened> = {}): ReturnType<typeof finishSetup> =>
      finishSetup(new Once({ ...opened, ...changes }, 'a copy'), bytes);
    mustBlame(end(opening.slice(1)), 'mpc/malformed-message', 'opening cut short');
    mustBlame(end(Uint8Array.of(...opening, 0)), 'mpc/malformed-message', 'opening drawn out');
    for (const at of [0, 31, 32, 63]) mustBlame(end(flipped(opening, at)), 'mpc/bad-opening', `byte ${at} of the opening flipped`);
    mustBlame(end(opening, { theirCommitment: flipped(opened.theirCommitment, 0) }), 'mpc/bad-opening', 'commitment flipped');
    // A reflected opening, and one of another run.
    mustBlame(end(encodeSetupOpening(opened.opening)), 'mpc/bad-opening', 'own opening reflected');
    mustBlame(end(opening, { sid: id32(random(32)) }), 'mpc/bad-opening', 'another run');
    assert.equal(end(opening).kind, 'done');
  });

  it('T-04 a changed nonce or point that is one too gives two names, which the first round of signing compares in clear', () => {
    for (const change of [
      ((step, bytes) => (step === 'nonce' ? flipped(bytes, 0) : bytes)) satisfies Change,
      ((step, bytes) => (step === 'exchange' ? flipped(bytes, 32) : bytes)) satisfies Change,
    ]) {
      const { mine, theirs } = run(change);
      if (mine instanceof Pair) assert.notDeepEqual(mine.secrets.setupId, theirs().secrets.setupId);
      else assert.equal(mine.abort.problem.code, 'mpc/bad-opening');
    }
  });

  it('refuses a second call of every step, and itself as a peer', () => {
    const a = beginSetup({ ctx, own: P1, peer: P2, generation: 0 }, random);
    const b = beginSetup({ ctx, own: P2, peer: P1, generation: 0 }, random);
    const ea = must(exchangeSetup(a.next, b.bytes, random));
    const eb = must(exchangeSetup(b.next, a.bytes, random));
    assert.throws(() => exchangeSetup(a.next, b.bytes, random), { code: 'mpc/step-already-taken' });
    const oa = must(openSetup(ea.next, eb.bytes));
    const ob = must(openSetup(eb.next, ea.bytes));
    assert.throws(() => openSetup(ea.next, eb.bytes), { code: 'mpc/step-already-taken' });
    must(finishSetup(oa.next, ob.bytes));
    assert.throws(() => finishSetup(oa.next, ob.bytes), { code: 'mpc/step-already-taken' });
    assert.throws(() => beginSetup({ ctx, own: P1, peer: P1, generation: 0 }, random), { code: 'mpc/bad-parameters' });
  });
});

describe('base OT', function () {
  this.timeout(0);
  const direction = { sid: id32<SetupSessionId>(random(32)), alice: P1, bob: P2 };

  it('T-01 has a hash-to-curve whose logarithm is not the hash of anything it hashed', () => {
    const P = compressedBytes(timesG(5n));
    const { sid, alice, bob } = direction;
    for (const b of [0, 1] as const) {
      const point = hashToCurve(sid, alice, bob, 7, b, P);
      const parts = [sid, u16(alice), u16(bob), u16(7), u16(b), P];
      // What a construction hash * G would have used (4.4): with such a logarithm, everybody reads the choice bits.
      for (const eta of [H512('bot-h2c/v1', ...parts), mod(bigEndian(H('bot-h2c/v1', ...parts))), H512('bot-key/v1', ...parts), H512('bot-h2c/v1', P)])
        assert.ok(!timesG(eta).equals(point));
      assert.ok(!hashToCurve(sid, alice, bob, 7, 1 - b, P).equals(point), 'the bit is hashed');
      assert.ok(!hashToCurve(sid, alice, bob, 8, b, P).equals(point), 'the index is hashed');
      assert.ok(!hashToCurve(sid, bob, alice, 7, b, P).equals(point), 'the direction is hashed');
      assert.ok(!hashToCurve(id32(random(32)), alice, bob, 7, b, P).equals(point), 'the run is hashed');
    }
  });

  it('T-01 the two phi of a transfer are distributed alike', () => {
    const choice = choose(direction, random);
    const distinct = new Set([...Array(256).keys()].map((k) => Buffer.from(choice.phis.slice(33 * k, 33 * k + 33)).toString('hex')));
    assert.equal(distinct.size, 256);
    // Whether the parity of phi_0 equals the choice bit is a fair coin, 128 times: outside of 24..104 once in 10^12 runs.
    const agreements = [...Array(128).keys()].filter((i) => (choice.phis[66 * i]! & 1) === bitOf(choice.delta, i)).length;
    assert.ok(agreements >= 24 && agreements <= 104, `${agreements} of 128`);
  });

  it('T-01 equal phi of two transfers give different keys', () => {
    const made = offer(random);
    const { phis } = choose(direction, random);
    const repeated = new Uint8Array(phis.length);
    for (let i = 0; i < 128; i++) repeated.set(phis.slice(0, 66), 66 * i);
    const [k0, k1] = senderKeys(direction, made, repeated);
    assert.equal(new Set([...Array(128).keys()].flatMap((i) => [slice(k0, i), slice(k1, i)])).size, 256);
  });

  it('stops where the source of randomness gives a zero Delta', () => {
    assert.throws(() => choose(direction, (length) => (length === 16 ? new Uint8Array(16) : random(length))), /zero Delta/);
  });

  it('refuses a phi that makes the identity, with the receiver to blame', () => {
    const made = offer(random);
    const { phis } = choose(direction, random);
    const other = phis.slice(33, 66);
    phis.set(compressedBytes(hashToCurve(direction.sid, P1, P2, 0, 0, other).negate()), 0);
    assert.throws(() => senderKeys(direction, made, phis), { code: 'mpc/malformed-message', facts: { culprit: P1, effect: 'count' } });
  });

  it('wipes the exponents once the keys are made', () => {
    const [made, choice] = [offer(random), choose(direction, random)];
    receiverKeys(direction, choice, made.A);
    senderKeys(direction, made, choice.phis);
    assert.ok(choice.betas.every((byte) => byte === 0) && made.a.every((byte) => byte === 0));
  });
});

describe('zero shares', () => {
  it('add up to zero over every set of signers, and to nothing over a part of it', () => {
    const { parties } = dealParties(3, 5);
    const sid = id32<SessionId>(random(32));
    const signers = [parties[0]!, parties[2]!, parties[4]!];
    const shares = signers.map(({ key, pairs }) =>
      zeroShare(
        key.id,
        new Map(signers.filter((other) => other.key.id !== key.id).map((other) => [other.key.id, pairs.get(other.key.id)!.secrets.zeroSeed])),
        sid,
      ),
    );
    assert.equal(mod(shares.reduce((total, share) => total + share, 0n)), 0n);
    assert.notEqual(mod(shares[0]! + shares[1]!), 0n);
    assert.ok(shares.every((share) => share > 0n && share < q));
  });
});
