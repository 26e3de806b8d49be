import assert from 'node:assert/strict';
import { alice2, bob1 } from '../../../../mpc/protocol/ot/rvole.ts';
import { checkExtension } from '../../../../mpc/protocol/ot/extension.ts';
import { Once } from '../../../../mpc/protocol/primitives/abort.ts';
import { pairId } from '../../../../mpc/protocol/primitives/ids.ts';
import { invert, mod, q, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import { lagrange } from '../../../../mpc/protocol/primitives/parties.ts';
import { pointBytes, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { signRound1, signRound2, signRound3, type AbortCode, type Aborted, type AfterRound1, type AfterRound2, type SigningStep } from '#mpc/protocol';
import { dealParties, digestOf, random, type Party } from '../support/dealer.ts';
import * as reference from '../support/reference.ts';
import { acceptAll } from '../support/session.ts';

const R2 = { R: 0, pk: 97, Gu: 162, Gv: 227, rvole: 324 } as const;

interface Halfway {
  readonly parties: readonly Party[];
  /** The honest party's state and its R1. */
  readonly victim: SigningStep<AfterRound1>;
  readonly cheat: SigningStep<AfterRound1>;
}

function halfway(): Halfway {
  const { parties } = dealParties(2, 2);
  const { acceptances, slots } = acceptAll({ signers: parties, digest: digestOf('cheated') });
  const [victim, cheat] = parties.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
  return { parties, victim: victim!, cheat: cheat! };
}

function must<T extends { readonly kind: string }>(outcome: T | Aborted): T {
  assert.notEqual(outcome.kind, 'abort', outcome.kind === 'abort' ? (outcome as Aborted).abort.problem.message : '');
  return outcome as T;
}

/** What the victim says to a second message that the cheat makes by running the protocol with other inputs than it committed to. */
function outcomeOf(
  { parties, victim, cheat }: Halfway,
  lie: (state: AfterRound1, honest: AfterRound2) => { readonly u: bigint; readonly v: bigint; readonly pk?: bigint },
): Aborted | null {
  const [first, second] = [parties[0]!, parties[1]!];
  const state = cheat.next.take();
  const R1 = victim.messages[0]!.bytes;
  const step = must(signRound2(new Once(state, 'a copy'), new Map([[first.key.id, R1]]), random));
  const honest = step.next.take();
  const { u, v, pk } = lie(state, honest);
  const { secrets } = second.pairs.get(first.key.id)!;
  const s = pairId(state.session.sid, second.key.id, first.key.id, secrets.setupId);
  const otMessage = R1.slice(96);
  const { message, c } = alice2(s, secrets.delta, checkExtension(s, secrets, otMessage)!, otMessage, { u, v }, random);
  const bytes = step.messages[0]!.bytes.slice();
  bytes.set(message, R2.rvole);
  bytes.set(pointBytes(timesG(c.u)), R2.Gu);
  bytes.set(pointBytes(timesG(c.v)), R2.Gv);
  if (pk !== undefined) bytes.set(pointBytes(timesG(pk)), R2.pk);
  const waiting = must(signRound2(victim.next, new Map([[second.key.id, cheat.messages[0]!.bytes]]), random));
  const outcome = signRound3(waiting.next, new Map([[second.key.id, bytes]]), random);
  return outcome.kind === 'abort' ? outcome : null;
}

function mustBe(outcome: Aborted | null, code: AbortCode, parties: readonly Party[], what: string): void {
  assert.ok(outcome, `${what} passed`);
  assert.deepEqual([outcome.abort.problem.code, outcome.abort.culprit], [code, 2], what);
  const isPoisoned = parties[0]!.pairs.get(parties[1]!.key.id)!.isPoisoned;
  assert.equal(isPoisoned, outcome.abort.effect === 'poison-pair', what);
}

describe('a signer that multiplies by something else', function () {
  this.timeout(0);

  it('is honest when it lies about nothing: this test can tell', () => {
    assert.equal(
      outcomeOf(halfway(), (_, { r, sk }) => ({ u: r, v: sk })),
      null,
    );
  });

  it('T-07 is found out with r + 1, -r and 0 in the place of its nonce', () => {
    for (const [what, change] of [
      ['r + 1', (r: bigint) => mod(r + 1n)],
      ['-r', (r: bigint) => q - r],
      ['0', () => 0n],
    ] as const) {
      const session = halfway();
      mustBe(
        outcomeOf(session, (_, { r, sk }) => ({ u: change(r), v: sk })),
        'mpc/product-check-failed',
        session.parties,
        what,
      );
    }
  });

  it('T-07 is found out with sk + 1, -sk and 0 in the place of its share', () => {
    for (const [what, change] of [
      ['sk + 1', (sk: bigint) => mod(sk + 1n)],
      ['-sk', (sk: bigint) => q - sk],
      ['0', () => 0n],
    ] as const) {
      const session = halfway();
      mustBe(
        outcomeOf(session, (_, { r, sk }) => ({ u: r, v: change(sk) })),
        'mpc/product-check-failed',
        session.parties,
        what,
      );
    }
  });

  it('T-07 is found out with -r and -sk at once, which the x of both products does not show', () => {
    const session = halfway();
    mustBe(
      outcomeOf(session, (_, { r, sk }) => ({ u: q - r, v: q - sk })),
      'mpc/product-check-failed',
      session.parties,
      '-r and -sk',
    );
  });

  it('T-07 is found out by the sum of the shares when it announces the share that it multiplies by', () => {
    for (const [what, change] of [
      ['sk + 1', (sk: bigint) => mod(sk + 1n)],
      ['-sk', (sk: bigint) => q - sk],
    ] as const) {
      const session = halfway();
      mustBe(
        outcomeOf(session, (_, { r, sk }) => ({ u: r, v: change(sk), pk: change(sk) })),
        'mpc/key-sum-differs',
        session.parties,
        what,
      );
    }
  });

  it('a damaged share of an honest signer is told by the sum too, and poisons nothing', () => {
    const { parties } = dealParties(2, 2);
    const [first, second] = [parties[0]!, parties[1]!];
    const share = scalarBytes(
      mod(BigInt(`0x${Buffer.from(second.key.share).toString('hex')}`) + invert(lagrange(second.key.id, [first.key.id, second.key.id]))),
    );
    const signers = [first, { ...second, key: { ...second.key, share } }];
    const { acceptances, slots } = acceptAll({ signers, digest: digestOf('damaged') });
    const one = signers.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
    const inbox = (steps: readonly SigningStep<unknown>[], from: 0 | 1): ReadonlyMap<typeof first.key.id, Uint8Array> =>
      new Map([[signers[from]!.key.id, steps[from]!.messages[0]!.bytes]]);
    const two = [0, 1].map((i) => must(signRound2(one[i]!.next, inbox(one, i === 0 ? 1 : 0), random)));
    const end = signRound3(two[0]!.next, inbox(two, 1), random);
    assert.equal(end.kind, 'abort');
    const { abort } = end;
    assert.deepEqual([abort.problem.code, abort.effect], ['mpc/key-sum-differs', 'self-test']);
    assert.ok(!first.pairs.get(second.key.id)!.isPoisoned);
  });
});

describe('a poisoned pair', () => {
  /** Party 2's first message with one column forged, everything else made to fit: it passes exactly if that bit of party 1's Delta is 0. */
  function forged({ parties, cheat }: Halfway, column: number): Uint8Array {
    const [first, second] = [parties[0]!, parties[1]!];
    const { secrets } = second.pairs.get(first.key.id)!;
    const s = pairId(cheat.sid, first.key.id, second.key.id, secrets.setupId);
    const bytes = cheat.messages[0]!.bytes.slice();
    bytes.set(reference.extension(s, secrets.k0, secrets.k1, 77n, new Map([[column, 1n]])), 96);
    return bytes;
  }

  it('T-05 a forged column aborts with POISON exactly if Delta has its bit, and no other session of the pair is answered after that', () => {
    const session = halfway();
    const [first, second] = [session.parties[0]!, session.parties[1]!];
    const pair = first.pairs.get(second.key.id)!;
    const column = [...Array(128).keys()].find((i) => (pair.secrets.delta[i >> 3]! >> (i & 7)) & 1)!;

    // Two more sessions of the same pair in flight: one before its second round, one before its third.
    const flights = [0, 1].map(() => {
      const { acceptances, slots } = acceptAll({ signers: session.parties, digest: digestOf('in flight') });
      return session.parties.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
    });
    const [beforeTwo, beforeThree] = [flights[0]!, flights[1]!];
    const from2 = (steps: readonly SigningStep<unknown>[]): ReadonlyMap<typeof second.key.id, Uint8Array> =>
      new Map([[second.key.id, steps[1]!.messages[0]!.bytes]]);
    const from1 = (steps: readonly SigningStep<unknown>[]): ReadonlyMap<typeof first.key.id, Uint8Array> =>
      new Map([[first.key.id, steps[0]!.messages[0]!.bytes]]);
    const third = [must(signRound2(beforeThree[0]!.next, from2(beforeThree), random)), must(signRound2(beforeThree[1]!.next, from1(beforeThree), random))];

    const outcome = signRound2(session.victim.next, new Map([[second.key.id, forged(session, column)]]), random);
    assert.equal(outcome.kind, 'abort');
    const { abort } = outcome;
    assert.deepEqual([abort.problem.code, abort.culprit, abort.effect], ['mpc/ot-check-failed', second.key.id, 'poison-pair']);
    assert.ok(pair.isPoisoned);

    for (const late of [signRound2(beforeTwo[0]!.next, from2(beforeTwo), random), signRound3(third[0]!.next, from2(third), random)]) {
      assert.equal(late.kind, 'abort');
      assert.deepEqual([late.abort.problem.code, late.abort.effect], ['mpc/pair-not-usable', 'none']);
    }
    const { acceptances, slots } = acceptAll({ signers: session.parties, digest: digestOf('afterwards') });
    assert.throws(() => signRound1(acceptances[0]!.acceptance, slots, first.pairs, random), { code: 'mpc/pair-not-usable' });
  });

  it('T-05 a column whose bit of Delta is 0 passes, which the peer learns as well', () => {
    const session = halfway();
    const [first, second] = [session.parties[0]!, session.parties[1]!];
    const pair = first.pairs.get(second.key.id)!;
    const column = [...Array(128).keys()].find((i) => !((pair.secrets.delta[i >> 3]! >> (i & 7)) & 1))!;
    must(signRound2(session.victim.next, new Map([[second.key.id, forged(session, column)]]), random));
    assert.ok(!pair.isPoisoned);
  });

  it('T-05 where one of two peers cheats, nothing is made for the other', () => {
    const { parties } = dealParties(3, 3);
    const { acceptances, slots } = acceptAll({ signers: parties, digest: digestOf('three') });
    const one = parties.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
    const to1 = (index: number): Uint8Array => one[index]!.messages.find(({ to }) => to === parties[0]!.key.id)!.bytes.slice();
    const bad = to1(2);
    bad[100]! ^= 1;
    const outcome = signRound2(
      one[0]!.next,
      new Map([
        [parties[1]!.key.id, to1(1)],
        [parties[2]!.key.id, bad],
      ]),
      random,
    );
    assert.equal(outcome.kind, 'abort');
    assert.ok(!('messages' in outcome));
    assert.deepEqual(
      [...parties[0]!.pairs.values()].map((pair) => pair.isPoisoned),
      [false, true],
    );
  });
});

describe('what a signer hides behind', () => {
  it('T-20 is uniform: chi, psi and u', () => {
    const { parties } = dealParties(2, 2);
    const [first, second] = [parties[0]!, parties[1]!];
    const { secrets } = first.pairs.get(second.key.id)!;
    const samples = { chi: new Array<bigint>(), psi: new Array<bigint>(), u: new Array<bigint>() };
    for (let k = 0; k < 40; k++) {
      const { acceptances, slots } = acceptAll({ signers: parties, digest: digestOf('uniform') });
      const one = parties.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
      const two = [0, 1].map((i) => must(signRound2(one[i]!.next, new Map([[parties[1 - i]!.key.id, one[1 - i]!.messages[0]!.bytes]]), random)));
      const end = must(signRound3(two[0]!.next, new Map([[second.key.id, two[1]!.messages[0]!.bytes]]), random));
      samples.chi.push(bob1(pairId(one[0]!.sid, second.key.id, first.key.id, secrets.setupId), secrets, random).state.b);
      samples.psi.push(BigInt(`0x${Buffer.from(two[0]!.messages[0]!.bytes.slice(292, 324)).toString('hex')}`));
      samples.u.push(BigInt(`0x${Buffer.from(end.bytes.slice(0, 32)).toString('hex')}`));
    }
    for (const [name, values] of Object.entries(samples)) {
      assert.equal(new Set(values).size, 40, name);
      const counts = Array.from({ length: 16 }, () => 0);
      for (const value of values) for (let nibble = 0n; nibble < 63n; nibble++) counts[Number((value >> (4n * nibble)) & 15n)]! += 1;
      const expected = (40 * 63) / 16;
      // Chi-square of 15 degrees of freedom is above 90 once in 10^12 runs.
      const chiSquare = counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
      assert.ok(chiSquare < 90, `${name}: ${chiSquare}`);
    }
  }).timeout(0);
});
