import assert from 'node:assert/strict';
import { checkExtension } from '../../../../mpc/protocol/ot/extension.ts';
import { alice2, bob1, bob3, readAliceMessage, RVOLE_BYTES, type BobState, type Two } from '../../../../mpc/protocol/ot/rvole.ts';
import { id32, type PairId } from '../../../../mpc/protocol/primitives/ids.ts';
import { mod, q, randomScalar } from '../../../../mpc/protocol/primitives/scalars.ts';
import { dealKey, dealPair, random } from '../support/dealer.ts';
import * as reference from '../support/reference.ts';
import { uintBytes } from '#base';

const { keys } = dealKey(2, 2);

function run(): {
  readonly s: PairId;
  readonly otMessage: Uint8Array;
  readonly state: BobState;
  readonly a: Two;
  readonly alice: { delta: Uint8Array; kDelta: Uint8Array };
} {
  const [bob, alice] = dealPair(keys[0]!, keys[1]!);
  const s = id32<PairId>(random(32));
  const { message: otMessage, state } = bob1(s, bob.secrets, random);
  return { s, otMessage, state, a: { u: randomScalar(random), v: randomScalar(random) }, alice: alice.secrets };
}

function honest({ s, otMessage, alice }: ReturnType<typeof run>, a: Two): ReturnType<typeof alice2> {
  return alice2(s, alice.delta, checkExtension(s, alice, otMessage)!, otMessage, a, random);
}

function verdict({ s, state }: ReturnType<typeof run>, message: Uint8Array): Two | null {
  return bob3(s, state, readAliceMessage(message)!);
}

const bit = (bits: Uint8Array, j: number): number => (bits[j >> 3]! >> (j & 7)) & 1;

describe('RVOLE', function () {
  this.timeout(0);

  it('ends with c + d = a b in both columns, for every kind of input', () => {
    for (const [u, v] of [
      [randomScalar(random), randomScalar(random)],
      [0n, 1n],
      [q - 1n, 0n],
    ] as const) {
      const session = run();
      const { message, c } = honest(session, { u, v });
      const d = verdict(session, message);
      assert.ok(d);
      assert.equal(mod(c.u + d.u), mod(u * session.state.b));
      assert.equal(mod(c.v + d.v), mod(v * session.state.b));
    }
  });

  it('sends what the digest says, byte by byte', () => {
    const session = run();
    const { s, otMessage, a, alice } = session;
    const drawn = random(128);
    let at = 0;
    const ahat = [0, 64].map((from) => mod(BigInt(`0x${Buffer.from(drawn.slice(from, from + 64)).toString('hex')}`)));
    const sent = alice2(s, alice.delta, checkExtension(s, alice, otMessage)!, otMessage, a, (length) => drawn.slice(at, (at += length)));
    const expected = reference.multiplication({
      s,
      otMessage,
      delta: reference.littleEndian(alice.delta),
      kDelta: alice.kDelta,
      a: [a.u, a.v],
      ahat: [ahat[0]!, ahat[1]!],
    });
    assert.deepEqual(sent.message, expected.message);
    assert.deepEqual([sent.c.u, sent.c.v], expected.c);
    assert.equal(sent.message.length, RVOLE_BYTES);
  });

  it('T-06 an Alice who is inconsistent in one place, all else made to fit, passes exactly if beta is 0 there', () => {
    const session = run();
    const { s, otMessage, a, alice, state } = session;
    const input = { s, otMessage, delta: reference.littleEndian(alice.delta), kDelta: alice.kDelta, a: [a.u, a.v], ahat: [3n, 4n] } as const;
    for (let k = 0; k < 12; k++) {
      const [where, column] = [(k * 131) % 416, k % 4];
      const { message } = reference.multiplication(input, (j, i) => (j === where && i === column ? 1n : 0n));
      assert.equal(verdict(session, message) !== null, bit(state.beta, where) === 0, `at_{${where},${column}}`);
    }
  });

  it('T-06 an Alice who adds the same error everywhere has the other input in her outputs only if eta fits too', () => {
    const session = run();
    const { s, otMessage, a, alice } = session;
    const input = { s, otMessage, delta: reference.littleEndian(alice.delta), kDelta: alice.kDelta, a: [a.u, a.v], ahat: [3n, 4n] } as const;
    const { message } = reference.multiplication(input, (_, i) => (i === 0 ? 1n : 0n));
    assert.equal(verdict(session, message), null);
    // An error that the check columns take back is nothing but another a: checks 3 and 4 of signing are there for it.
    const other = reference.multiplication({ ...input, a: [a.u + 1n, a.v] });
    const d = verdict(session, other.message);
    assert.ok(d);
    assert.equal(mod(other.c[0] + d.u), mod((a.u + 1n) * session.state.b));
  });

  it('refuses a changed element, eta or M, another session, and numbers that are not below q', () => {
    const session = run();
    const { message } = honest(session, session.a);
    for (const at of [31, 53_247, 53_248 + 31, 53_248 + 63, 53_312, 53_343]) {
      const changed = message.slice();
      changed[at]! ^= 1;
      assert.equal(verdict(session, changed), null, `byte ${at}`);
    }
    assert.equal(bob3(id32(random(32)), session.state, readAliceMessage(message)!), null);
    for (const at of [0, 32, 53_216, 53_248, 53_280]) {
      const changed = message.slice();
      changed.set(uintBytes(q, 32), at);
      assert.equal(readAliceMessage(changed), null, `byte ${at}`);
    }
  });
});
