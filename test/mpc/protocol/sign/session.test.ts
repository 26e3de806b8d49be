import assert from 'node:assert/strict';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import * as door from '#mpc/protocol';
import { acceptSigning, combine, signRound1, signRound2, signRound3, verifyIndependently, type PartyId, type Slot } from '#mpc/protocol';
import { Once } from '../../../../mpc/protocol/primitives/abort.ts';
import { recoversTo, verifiesNatively } from '../../../../mpc/protocol/sign/verify.ts';
import { usableR } from '../../../../mpc/protocol/sign/rounds.ts';
import { compressedPointOf, G, O, times, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { q, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import { dealPair, dealParties, digestOf, random, type Party } from '../support/dealer.ts';
import { acceptAll, runSession } from '../support/session.ts';
import { signHonestly } from './honest.ts';
import { concat, uintBytes } from '#base';

type Request = Parameters<typeof acceptSigning>[0];

const { parties } = dealParties(2, 3);
const [first, second, third] = parties as [Party, Party, Party];
const BASE: Omit<Request, 'key'> = { signers: [1, 2], path: [], digest: digestOf('session'), requestId: random(32) };

function accept(party: Party, changes: Partial<Request> = {}): ReturnType<typeof acceptSigning> {
  return acceptSigning({ ...BASE, key: party.key, ...changes }, new Uint8Array(32), random);
}

function slotsOf(...entries: readonly (readonly [Party, Slot])[]): ReadonlyMap<PartyId, Slot> {
  return new Map(entries.map(([{ key }, slot]) => [key.id, slot]));
}

/** What party 1 and party 2 say in the second round to each other's first, each started as given. */
function secondRounds(a: ReturnType<typeof start>, b: ReturnType<typeof start>): readonly ReturnType<typeof signRound2>[] {
  return [
    signRound2(a.next, new Map([[second.key.id, b.messages[0]!.bytes]]), random),
    signRound2(b.next, new Map([[first.key.id, a.messages[0]!.bytes]]), random),
  ];
}

function start(
  party: Party,
  { acceptance }: ReturnType<typeof acceptSigning>,
  slots: ReadonlyMap<PartyId, Slot>,
  pairs = party.pairs,
): ReturnType<typeof signRound1> {
  return signRound1(acceptance, slots, pairs, random);
}

function mustDiffer(outcomes: readonly ReturnType<typeof signRound2>[], what: string): void {
  for (const outcome of outcomes) {
    assert.equal(outcome.kind, 'abort', what);
    const { abort } = outcome;
    assert.deepEqual([abort.problem.code, abort.culprit, abort.effect], ['mpc/session-differs', null, 'alarm'], what);
  }
  for (const { pairs } of parties) for (const pair of pairs.values()) assert.ok(!pair.isPoisoned, what);
}

describe('which session a signer is in', function () {
  this.timeout(0);

  it('T-08 the same request accepted twice makes other nonces, another sid and other first messages', () => {
    const runs = [0, 1].map(() => {
      const [a, b] = [accept(first), accept(second)];
      return { slot: a.slot, step: start(first, a, slotsOf([first, a.slot], [second, b.slot])) };
    });
    assert.notDeepEqual(runs[0]!.slot.nonce, runs[1]!.slot.nonce);
    assert.notDeepEqual(runs[0]!.step.sid, runs[1]!.step.sid);
    assert.notDeepEqual(runs[0]!.step.messages[0]!.bytes.slice(96), runs[1]!.step.messages[0]!.bytes.slice(96));
  });

  it('T-08 a peer that replays its nonce gets another session all the same', () => {
    const replayed = accept(second).slot;
    const steps = [0, 1].map(() => {
      const a = accept(first);
      return start(first, a, slotsOf([first, a.slot], [second, replayed]));
    });
    assert.notDeepEqual(steps[0]!.sid, steps[1]!.sid);
  });

  it('T-08 one acceptance starts one session, and none after a start that was refused', () => {
    const [a, b] = [accept(first), accept(second)];
    const slots = slotsOf([first, a.slot], [second, b.slot]);
    start(first, a, slots);
    assert.throws(() => start(first, a, slots), { code: 'mpc/step-already-taken' });
    assert.throws(() => start(second, b, slotsOf([second, b.slot])), { code: 'mpc/not-the-accepted-session' });
    assert.throws(() => start(second, b, slots), { code: 'mpc/step-already-taken' });
  });

  it('T-08 an acceptance and a state cannot be copied, written down or sent to another thread', () => {
    const { acceptance } = accept(first);
    assert.equal(JSON.stringify(acceptance).includes('nonce'), false);
    const clone = structuredClone(acceptance) as unknown as { take?: unknown };
    assert.equal(clone.take, undefined);
  });

  it('starts only with its own slot as it drew it, one for each signer and no other', () => {
    const wrong: readonly ((a: Slot, b: Slot) => ReadonlyMap<PartyId, Slot>)[] = [
      (a) => slotsOf([first, a]),
      (a, b) => slotsOf([first, a], [third, b]),
      (a, b) => slotsOf([first, a], [second, b], [third, b]),
      (a, b) => slotsOf([first, { ...a, nonce: random(32) }], [second, b]),
      (a, b) => slotsOf([first, { ...a, policyHash: random(32) }], [second, b]),
      (a, b) => slotsOf([first, b], [second, a]),
      (a, b) => slotsOf([first, a], [second, { ...b, nonce: random(31) }]),
      (a, b) => slotsOf([first, a], [second, { ...b, policyHash: random(33) }]),
    ];
    for (const [index, make] of wrong.entries()) {
      const [a, b] = [accept(first), accept(second)];
      assert.throws(
        () => start(first, a, make(a.slot, b.slot)),
        { code: 'mpc/not-the-accepted-session', facts: { culprit: null, effect: 'alarm' } },
        `case ${index}`,
      );
    }
  });

  it('refuses what is no request', () => {
    for (const changes of [
      { signers: [1] },
      { signers: [1, 2, 3] },
      { signers: [2, 3] },
      { signers: [1, 1] },
      { signers: [0, 1] },
      { signers: [1, 4] },
      { digest: random(31) },
      { requestId: random(33) },
    ])
      assert.throws(() => accept(first, changes), { code: 'mpc/bad-parameters' }, JSON.stringify(changes));
    assert.throws(() => accept(first, { path: [2 ** 31] }), { code: 'mpc/hardened-path' });
  });

  it('T-09 signers shown another m, tau, request, S, nonce or policy hash abort plainly, before anything that depends on Delta', () => {
    const others: readonly (readonly [string, Partial<Request>])[] = [
      ['m', { digest: digestOf('another') }],
      ['tau', { path: [1] }],
      ['requestId', { requestId: random(32) }],
    ];
    for (const [what, changes] of others) {
      const [a, b] = [accept(first), accept(second, changes)];
      const slots = slotsOf([first, a.slot], [second, b.slot]);
      mustDiffer(secondRounds(start(first, a, slots), start(second, b, slots)), what);
    }
    for (const what of ['nonce', 'policyHash'] as const) {
      const [a, b] = [accept(first), accept(second)];
      const lie = { ...b.slot, [what]: random(32) };
      mustDiffer(secondRounds(start(first, a, slotsOf([first, a.slot], [second, lie])), start(second, b, slotsOf([first, a.slot], [second, b.slot]))), what);
    }
  });

  it('T-09 signers shown another S abort plainly', () => {
    const [one, two, three, four] = dealParties(3, 4).parties as [Party, Party, Party, Party];
    const [a, b] = [accept(one, { signers: [1, 2, 3] }), accept(two, { signers: [1, 2, 4] })];
    const [c, d] = [accept(three, { signers: [1, 2, 3] }), accept(four, { signers: [1, 2, 4] })];
    const started = start(one, a, slotsOf([one, a.slot], [two, b.slot], [three, c.slot]));
    const elsewhere = start(two, b, slotsOf([one, a.slot], [two, b.slot], [four, d.slot]));
    const honest = start(three, c, slotsOf([one, a.slot], [two, b.slot], [three, c.slot]));
    const to1 = (step: typeof started): Uint8Array => step.messages.find(({ to }) => to === one.key.id)!.bytes;
    const outcome = signRound2(
      started.next,
      new Map([
        [two.key.id, to1(elsewhere)],
        [three.key.id, to1(honest)],
      ]),
      random,
    );
    mustDiffer([outcome], 'S');
    for (const pair of one.pairs.values()) assert.ok(!pair.isPoisoned);
  });

  it('T-09 signers with another set-up generation of their pair abort plainly', () => {
    const [newer, newerToo] = dealPair(first.key, second.key, 1);
    const [a, b] = [accept(first), accept(second)];
    const slots = slotsOf([first, a.slot], [second, b.slot]);
    mustDiffer(secondRounds(start(first, a, slots, new Map([[second.key.id, newer]])), start(second, b, slots)), 'generation');
    assert.ok(!newer.isPoisoned && !newerToo.isPoisoned);
  });

  it('uses no set-up of another pair, epoch or key', () => {
    const strangers = dealParties(2, 3).parties;
    for (const pairs of [
      new Map<PartyId, NonNullable<ReturnType<typeof first.pairs.get>>>(),
      new Map([[second.key.id, first.pairs.get(third.key.id)!]]),
      new Map([[second.key.id, second.pairs.get(first.key.id)!]]),
      strangers[0]!.pairs,
    ]) {
      const [a, b] = [accept(first), accept(second)];
      assert.throws(() => start(first, a, slotsOf([first, a.slot], [second, b.slot]), pairs), { code: 'mpc/pair-not-usable' });
    }
  });
});

describe('the rounds of a session', function () {
  this.timeout(0);

  it('are each taken once, and an incomplete inbox takes nothing', () => {
    const { acceptances, slots } = acceptAll({ signers: [first, second], digest: digestOf('once') });
    const one = [first, second].map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
    const inbox = (bytes: Uint8Array): ReadonlyMap<PartyId, Uint8Array> => new Map([[second.key.id, bytes]]);
    const back = (bytes: Uint8Array): ReadonlyMap<PartyId, Uint8Array> => new Map([[first.key.id, bytes]]);
    for (const wrong of [new Map<PartyId, Uint8Array>(), back(one[1]!.messages[0]!.bytes), new Map([...inbox(new Uint8Array(1)), ...back(new Uint8Array(1))])])
      assert.throws(() => signRound2(one[0]!.next, wrong, random), { code: 'mpc/bad-parameters' });
    const two = [signRound2(one[0]!.next, inbox(one[1]!.messages[0]!.bytes), random), signRound2(one[1]!.next, back(one[0]!.messages[0]!.bytes), random)];
    assert.throws(() => signRound2(one[0]!.next, inbox(one[1]!.messages[0]!.bytes), random), { code: 'mpc/step-already-taken' });
    const [mine, theirs] = two.map((step) => (assert.equal(step.kind, 'send'), step));
    const end = [signRound3(mine!.next, inbox(theirs!.messages[0]!.bytes), random), signRound3(theirs!.next, back(mine!.messages[0]!.bytes), random)];
    assert.throws(() => signRound3(mine!.next, inbox(theirs!.messages[0]!.bytes), random), { code: 'mpc/step-already-taken' });
    const [release, other] = end.map((step) => (assert.equal(step.kind, 'release'), step));
    assert.deepEqual(release!.digest, digestOf('once'));
    assert.equal(combine(release!.next, inbox(other!.bytes)).kind, 'signed');
    assert.throws(() => combine(release!.next, inbox(other!.bytes)), { code: 'mpc/step-already-taken' });
  });

  it('T-15 have no way in from the middle: no presigning, and the digest is fixed before any nonce', () => {
    assert.deepEqual(
      Object.keys(door).filter((name) => /presig|offline|online|precompute/i.test(name)),
      [],
    );
    // The digest enters with the acceptance alone, and the later rounds take nothing but states and messages.
    assert.deepEqual([signRound1.length, signRound2.length, signRound3.length, combine.length], [4, 3, 3, 2]);
  });
});

describe('the finished signature', function () {
  this.timeout(0);

  it('T-17 is not returned where a last message is wrong, and counts against the peer of two or nobody of three', () => {
    for (const [t, n, culprit] of [
      [2, 2, 2],
      [3, 3, null],
    ] as const) {
      const signers = dealParties(t, n).parties;
      const endings = runSession({ signers, digest: digestOf('wrong w') }, (round, from, to, bytes) => {
        if (round === 3 && from === 2 && to === 1) bytes[63]! ^= 1;
        return bytes;
      });
      const mine = endings.get(signers[0]!.key.id)!;
      assert.equal(mine?.kind, 'abort');
      const { abort } = mine;
      assert.deepEqual([abort.problem.code, abort.culprit, abort.effect], ['mpc/invalid-signature', culprit, 'count-failure']);
      assert.ok(!('compact' in mine));
    }
  });

  it('T-17 is not made of a sum of u that is zero, or of an s that is zero', () => {
    for (const change of [
      (own: Uint8Array, bytes: Uint8Array) => concat(scalarBytes(q - BigInt(`0x${Buffer.from(own.slice(0, 32)).toString('hex')}`)), bytes.slice(32)),
      (own: Uint8Array, bytes: Uint8Array) => concat(bytes.slice(0, 32), scalarBytes(q - BigInt(`0x${Buffer.from(own.slice(32)).toString('hex')}`))),
    ]) {
      const signers = dealParties(2, 2).parties;
      let own: Uint8Array | undefined;
      const endings = runSession({ signers: [signers[1]!, signers[0]!], digest: digestOf('zero') }, (round, from, to, bytes) => {
        if (round === 3 && from === 1) own = bytes.slice();
        return round === 3 && from === 2 && to === 1 ? change(own!, bytes) : bytes;
      });
      const mine = endings.get(signers[0]!.key.id)!;
      assert.equal(mine?.kind, 'abort');
      assert.equal(mine.abort.problem.code, 'mpc/invalid-signature');
    }
  });

  it('T-17 is taken by the two other libraries only as it is: not high, not by another key, not over another digest, not with the other recovery id', () => {
    const digest = digestOf('verified');
    const { compact, recovery, publicKey } = signHonestly([first, second], digest);
    assert.ok(verifyIndependently({ compact, recovery, digest, publicKey }));
    const s = BigInt(`0x${Buffer.from(compact.slice(32)).toString('hex')}`);
    const high = concat(compact.slice(0, 32), scalarBytes(q - s));
    const other = recovery === 0 ? 1 : 0;
    for (const candidate of [
      { compact: high, recovery: other, digest, publicKey },
      { compact, recovery: other, digest, publicKey },
      { compact, recovery, digest: digestOf('another'), publicKey },
      { compact, recovery, digest, publicKey: timesG(5n).toBytes(false) },
      { compact: concat(new Uint8Array(32), compact.slice(32)), recovery, digest, publicKey },
      { compact: concat(compact.slice(0, 32), new Uint8Array(32)), recovery, digest, publicKey },
      { compact: concat(uintBytes(q, 32), compact.slice(32)), recovery, digest, publicKey },
    ] as const)
      assert.ok(!verifyIndependently(candidate));
  });

  it('T-17 is judged alike by each of the two libraries alone', () => {
    for (let k = 0; k < 8; k++) {
      const key = secp256k1.keygen();
      const publicKey = secp256k1.getPublicKey(key.secretKey, false);
      const digest = k === 0 ? new Uint8Array(32) : k === 1 ? new Uint8Array(32).fill(255) : random(32);
      const recovered = secp256k1.sign(digest, key.secretKey, { prehash: false, format: 'recovered', lowS: k % 2 === 0 });
      const good = { compact: recovered.slice(1), recovery: recovered[0] as 0 | 1, digest, publicKey };
      const bad = [
        { ...good, digest: random(32) },
        { ...good, publicKey: timesG(5n).toBytes(false) },
        { ...good, compact: concat(good.compact.slice(0, 32), scalarBytes(7n)) },
        { ...good, compact: concat(scalarBytes(7n), good.compact.slice(32)) },
      ];
      for (const judge of [verifiesNatively, recoversTo]) {
        assert.ok(judge(good), judge.name);
        for (const candidate of bad) assert.ok(!judge(candidate), judge.name);
      }
    }
  });

  it('T-17 is refused where x(R) wrapped around the order, where R is the identity, and only there', () => {
    // The least x above q on the curve: a nonce point that nobody meets by chance, whose recovery id would be 2 or 3.
    let x = q;
    let R = null;
    for (; R === null; x++) R = compressedPointOf(concat(Uint8Array.of(2), uintBytes(x, 32)));
    for (const point of [R, R.negate(), O])
      assert.throws(() => usableR(point), { code: 'mpc/overflowing-signature', facts: { culprit: null, effect: 'none' } });
    // No point of the curve has x = 0; whatever comes to be taken for one makes no r of 0.
    for (const y of [1n, 2n])
      assert.throws(() => usableR(secp256k1.Point.fromAffine({ x: 0n, y })), { code: 'mpc/overflowing-signature', facts: { culprit: null, effect: 'none' } });
    const point = times(G, 7n);
    assert.deepEqual(usableR(point), { r: point.toAffine().x, parity: Number(point.toAffine().y & 1n) });
    assert.equal(usableR(point.negate()).parity, 1 - usableR(point).parity);
  });
});

describe('a value that is taken once', function () {
  this.timeout(0);

  it('stays where a guard refuses, and is gone after that', () => {
    const once = new Once(7, 'The value');
    assert.throws(() =>
      once.take(() => {
        assert.fail('too early');
      }),
    );
    assert.equal(once.take(), 7);
    assert.throws(() => once.take(), { code: 'mpc/step-already-taken', detail: 'The value was taken before.' });
  });
});
