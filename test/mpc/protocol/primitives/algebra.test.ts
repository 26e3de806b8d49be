import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Reader } from '../../../../mpc/protocol/primitives/wire.ts';
import { allParties, checkThreshold, lagrange, partyId, signerSet, sortedParties } from '../../../../mpc/protocol/primitives/parties.ts';
import {
  compressedBytes,
  compressedPointOf,
  G,
  O,
  pointBytes,
  pointOf,
  pointsBytes,
  sum,
  times,
  timesG,
  timesPublic,
} from '../../../../mpc/protocol/primitives/points.ts';
import { commitments, evaluate, evaluateInExponent, interpolateInExponent, randomPolynomial } from '../../../../mpc/protocol/primitives/polynomials.ts';
import { areScalars, invert, mod, q, randomNonZeroScalar, randomScalar, scalarBytes, scalarOf } from '../../../../mpc/protocol/primitives/scalars.ts';
import { concat, Problem, uintBytes } from '#base';

const scalar = fc.bigInt({ min: 0n, max: q - 1n });
const P1 = partyId(1, 3);

function malformed(read: (reader: Reader) => unknown, bytes: Uint8Array, length = bytes.length): void {
  assert.throws(
    () => read(new Reader(bytes, length, P1, 'The message')),
    (error) => error instanceof Problem && error.code === 'mpc/malformed-message' && error.facts['culprit'] === 1 && error.facts['effect'] === 'count',
  );
}

describe('scalars', () => {
  it('are written in 32 bytes and read back, and no value of q or more is read', () => {
    fc.assert(fc.property(scalar, (value) => assert.equal(scalarOf(scalarBytes(value)), value)));
    fc.assert(fc.property(fc.bigInt({ min: q, max: 2n ** 256n - 1n }), (value) => assert.equal(scalarOf(uintBytes(value, 32)), null)));
    assert.equal(scalarOf(new Uint8Array(31)), null);
    assert.equal(scalarOf(new Uint8Array(33)), null);
    assert.throws(() => scalarBytes(q), /in \[0, q\)/);
    assert.throws(() => scalarBytes(-1n), /in \[0, q\)/);
  });

  it('are told from other strings of 32 bytes wherever in a long vector one stands', () => {
    const whole = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
    const near = fc.bigInt({ min: q - 2n, max: q + 2n });
    fc.assert(
      fc.property(fc.array(fc.oneof(scalar, near, whole), { maxLength: 6 }), (values) =>
        assert.equal(
          areScalars(concat(...values.map((value) => uintBytes(value, 32)))),
          values.every((value) => value < q),
        ),
      ),
    );
    assert.equal(areScalars(new Uint8Array(63)), false);
  });

  it('have inverses', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: q - 1n }), (value) => assert.equal(mod(value * invert(value)), 1n)),
      { numRuns: 20 },
    );
    assert.equal(invert(-1n), q - 1n);
    assert.throws(() => invert(q), /no inverse/);
  });

  it('are drawn from the given source, which may not give nothing but zeros', () => {
    assert.equal(
      randomScalar((length) => new Uint8Array(length).fill(1)),
      mod(BigInt(`0x${'01'.repeat(64)}`)),
    );
    assert.throws(() => randomNonZeroScalar((length) => new Uint8Array(length)), /nothing but zeros/);
  });
});

describe('points', () => {
  it('are written in 65 bytes, compressed in 33, and each form is read by its own function only', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: q - 1n }), (k) => {
        const P = timesG(k);
        assert.ok(pointOf(pointBytes(P))?.equals(P));
        assert.ok(compressedPointOf(compressedBytes(P))?.equals(P));
        assert.equal(pointOf(compressedBytes(P)), null);
        assert.equal(compressedPointOf(pointBytes(P)), null);
      }),
      { numRuns: 20 },
    );
    const [P, Q] = [timesG(5n), timesG(6n)];
    assert.deepEqual(pointsBytes([P, Q.add(P)]), [pointBytes(timesG(5n)), pointBytes(timesG(11n))]);
  });

  it('that are the identity, off the curve, hybrid or not canonical are refused', () => {
    assert.throws(() => pointBytes(O), /identity/);
    const bytes = pointBytes(timesG(7n));
    const p = 2n ** 256n - 2n ** 32n - 977n;
    const wrong = [
      new Uint8Array(0),
      Uint8Array.of(0),
      new Uint8Array(65),
      concat(Uint8Array.of(6 + (bytes[64]! & 1)), bytes.slice(1)),
      concat(bytes.slice(0, 64), Uint8Array.of(bytes[64]! ^ 1)),
      concat(Uint8Array.of(4), uintBytes(p, 32), uintBytes(0, 32)),
      concat(bytes, Uint8Array.of(0)),
    ];
    for (const candidate of wrong) assert.equal(pointOf(candidate), null);
    // x = p is x = 0 spelled a second time, and no point has x = 5.
    assert.equal(compressedPointOf(concat(Uint8Array.of(2), uintBytes(p, 32))), null);
    assert.equal(compressedPointOf(concat(Uint8Array.of(2), uintBytes(5, 32))), null);
  });

  it('are multiplied by every scalar, zero too', () => {
    assert.ok(times(timesG(3n), 0n).is0() && timesG(0n).is0() && timesPublic(G, 0n).is0());
    assert.ok(times(timesG(3n), q - 1n).equals(timesG(q - 3n)) && timesPublic(timesG(3n), 2n).equals(timesG(6n)));
    assert.ok(sum([G, timesG(q - 1n)]).is0());
    assert.throws(() => timesG(q), /in \[0, q\)/);
  });
});

describe('parties', () => {
  it('are 1..n, each once, and exactly t of them sign, the own one among them', () => {
    for (const id of [0, 4, -1, 1.5, NaN]) assert.throws(() => partyId(id, 3), { code: 'mpc/bad-parameters' });
    // An id congruent to another modulo q would be its Shamir node a second time (2.2).
    assert.throws(() => partyId(Number(q + 1n), 3), { code: 'mpc/bad-parameters' });
    assert.throws(() => sortedParties([1, 2, 1], 3), { code: 'mpc/bad-parameters' });
    assert.deepEqual(signerSet([3, 1], { n: 3, t: 2 }, P1), [1, 3]);
    assert.throws(() => signerSet([3, 2], { n: 3, t: 2 }, P1), { code: 'mpc/bad-parameters' });
    assert.throws(() => signerSet([1, 2, 3], { n: 3, t: 2 }, P1), { code: 'mpc/bad-parameters' });
  });

  it('have a threshold of at least two', () => {
    for (const [n, t] of [
      [3, 1],
      [3, 4],
      [1, 1],
      [256, 2],
      [3, 1.5],
    ] as const)
      assert.throws(() => checkThreshold({ n, t }), { code: 'mpc/bad-parameters' });
    checkThreshold({ n: 2, t: 2 });
  });
});

describe('polynomials', () => {
  it('of t coefficients are interpolated by every t of n shares, in the clear and in the exponent', () => {
    const f = randomPolynomial(3, randomBytes);
    const shares = allParties(5).map((id) => evaluate(f, id));
    const A = commitments(f);
    const S = [1, 3, 4].map((id) => partyId(id, 5));
    assert.equal(mod(S.reduce((total, id) => total + lagrange(id, S) * shares[id - 1]!, 0n)), f[0]);
    for (const id of allParties(5)) assert.ok(evaluateInExponent(A, id).equals(timesG(shares[id - 1]!)));
    assert.ok(
      interpolateInExponent(
        S,
        S.map((id) => timesG(shares[id - 1]!)),
      ).equals(timesG(f[0]!)),
    );
    const two = S.slice(0, 2);
    assert.notEqual(mod(two.reduce((total, id) => total + lagrange(id, two) * shares[id - 1]!, 0n)), f[0]);
  });

  it('keep a given constant and have the degree that they say', () => {
    const f = randomPolynomial(2, randomBytes, 0n);
    assert.equal(f.length, 2);
    assert.equal(f[0], 0n);
    assert.notEqual(f[1], 0n);
    assert.ok(commitments(f)[0]!.is0());
  });
});

describe('a message', () => {
  it('is read in its exact length and order, and refused with its sender to blame otherwise', () => {
    const bytes = concat(uintBytes(5, 32), pointBytes(timesG(9n)), uintBytes(258, 2), uintBytes(70_000, 4));
    const reader = new Reader(bytes, 103, P1, 'The message');
    assert.equal(reader.scalar(), 5n);
    assert.ok(reader.point().equals(timesG(9n)));
    assert.equal(reader.u16(), 258);
    assert.equal(reader.u32(), 70_000);
    reader.end();
    malformed(() => undefined, bytes, 102);
    malformed(() => undefined, bytes.slice(1), 103);
    malformed((r) => r.end(), bytes);
    malformed((r) => r.bytes(104), bytes);
    malformed((r) => r.scalar(), uintBytes(q, 32));
    malformed((r) => r.point(), new Uint8Array(65));
    malformed((r) => r.compressedPoint(), new Uint8Array(33));
  });
});
