import assert from 'node:assert/strict';
import fc from 'fast-check';
import { allParties, anchorOf, dealerBegin, derive, publicPart, receiverBegin, type KeyRecord, type PartyId, type ReshareFacts } from '#mpc/protocol';
import { concat, uintBytes } from '#base';
import type { Kind } from '../../../../../mpc/protocol/keys/rounds.ts';
import { mod, q, scalarOf } from '../../../../../mpc/protocol/primitives/scalars.ts';
import { pointBytes, timesG } from '../../../../../mpc/protocol/primitives/points.ts';
import { drawing, interpolated, isAbort, recordsOf, runDkg, runReshare, subsets, type Hand, type Passing } from '../../support/ceremony.ts';
import { random } from '../../support/dealer.ts';
import { BODIES } from '../../support/fields.ts';
import { assertVerdict, changesOf, changing, HEADER, LENGTHS, recording, type Field, type Verdict } from '../../support/tampering.ts';

const P = (id: number): PartyId => id as PartyId;
const BY = (id: number, ...codes: string[]): Verdict => ({ codes, culprit: P(id) });
const NOBODY = (...codes: string[]): Verdict => ({ codes, culprit: null });

function facts(record: KeyRecord, dealers: readonly number[], t: number, n: number): ReshareFacts {
  return { anchor: anchorOf(record), dealers: dealers.map(P), next: { t, n, identities: allParties(n).map(() => random(32)) }, epoch: record.epoch + 1 };
}

describe('reshare', () => {
  it('hands the same key on to new parties with a new threshold, whichever quorum deals', () => {
    const shape = fc.record({ n: fc.integer({ min: 2, max: 4 }), next: fc.integer({ min: 2, max: 5 }), more: fc.boolean() }).chain(({ n, next, more }) =>
      fc.record({
        t: fc.integer({ min: 2, max: Math.min(3, n) }),
        n: fc.constant(n),
        nextT: fc.integer({ min: 2, max: Math.min(3, next) }),
        nextN: fc.constant(next),
        more: fc.constant(more),
      }),
    );
    fc.assert(
      fc.property(shape, fc.nat(), ({ t, n, nextT, nextN, more }, pick) => {
        const before = recordsOf(runDkg(t, n));
        const quorums = subsets(allParties(n), more ? Math.min(n, t + 1) : t);
        const dealers = quorums[pick % quorums.length]!;
        const endings = runReshare(before, facts(before[0]!, dealers, nextT, nextN));
        const after = recordsOf(endings);
        assert.equal(after.length, nextN);
        for (const S of subsets(allParties(nextN), nextT)) assert.deepEqual(interpolated(after, S), before[0]!.publicKey);
        for (const record of after) {
          assert.deepEqual(record.chainCode, before[0]!.chainCode);
          assert.deepEqual(derive(record, [1, 2]).publicKey, derive(before[0]!, [1, 2]).publicKey);
          assert.deepEqual(publicPart(record), publicPart(after[0]!));
        }
        // The dealers know the epoch that will make their own shares erasable.
        for (const dealer of dealers) assert.deepEqual(endings.get(`dealer ${dealer}`), publicPart(after[0]!));
      }),
      { numRuns: 10 },
    );
  }).timeout(30_000);

  const old = recordsOf(runDkg(2, 3));
  const agreed = facts(old[0]!, [1, 3], 2, 3);

  const OPENING = BY(3, 'mpc/bad-opening', 'mpc/malformed-message');
  const FIELDS: Readonly<Record<Extract<Kind, `reshare/${string}`>, readonly (Field & { readonly verdict: Verdict })[]>> = {
    'reshare/dealer-nonce': BODIES['reshare/dealer-nonce'].map((field) => ({ ...field, verdict: NOBODY('mpc/session-differs') })),
    'reshare/receiver-nonce': BODIES['reshare/receiver-nonce'].map((field) => ({ ...field, verdict: NOBODY('mpc/session-differs') })),
    'reshare/commitment': BODIES['reshare/commitment'].map((field) => ({ ...field, verdict: BY(3, 'mpc/bad-opening') })),
    'reshare/opening': BODIES['reshare/opening'].map((field) => ({ ...field, verdict: OPENING })),
    'reshare/share': BODIES['reshare/share'].map((field) => ({
      ...field,
      verdict: field.name === 's' ? BY(3, 'mpc/bad-share', 'mpc/malformed-message') : BY(3, 'mpc/key-differs'),
    })),
    'reshare/dealer-echo': BODIES['reshare/dealer-echo'].map((field) => ({ ...field, verdict: NOBODY('mpc/echo-differs') })),
    'reshare/receiver-echo': BODIES['reshare/receiver-echo'].map((field) => ({ ...field, verdict: NOBODY('mpc/echo-differs') })),
  };

  for (const [kind, fields] of Object.entries(FIELDS) as [Kind, readonly (Field & { verdict: Verdict })[]][]) {
    it(`aborts with the right blame on every change of every field of ${kind}`, () => {
      const from = kind.includes('receiver') ? 'receiver 3' : 'dealer 3';
      const header = HEADER.map((field) => ({ ...field, verdict: field.name === 'sid' ? NOBODY('mpc/session-differs') : BY(3, 'mpc/malformed-message') }));
      for (const to of kind === 'reshare/share' ? ['receiver 1'] : ['receiver 1', 'dealer 1']) {
        for (const field of [...header, ...fields])
          for (const change of changesOf(field))
            assertVerdict(runReshare(old, agreed, { hand: changing(kind, from, to, change) }), to, field.verdict, `${change.name} to ${to}`);
        for (const change of LENGTHS)
          assertVerdict(runReshare(old, agreed, { hand: changing(kind, from, to, change) }), to, BY(3, 'mpc/malformed-message'), change.name);
      }
    }).timeout(30_000);
  }

  it('takes no message of another attempt, sender or role in the place of one', () => {
    const attempt: Passing[] = [];
    runReshare(old, agreed, { hand: recording(attempt) });
    for (const kind of Object.keys(FIELDS) as Kind[]) {
      const [from, other] = kind.includes('receiver') ? ['receiver 3', 'receiver 2'] : ['dealer 3', 'dealer 1'];
      const seen: Passing[] = [];
      const show =
        (is: (passing: Passing) => boolean, among: readonly Passing[] = seen): Hand =>
        (passing) => (
          seen.push(passing),
          passing.kind === kind && passing.from === from && passing.to === 'receiver 1' ? among.find(is)!.bytes : passing.bytes
        );
      if (!kind.includes('nonce')) {
        const older = runReshare(old, agreed, { hand: show((p) => p.kind === kind && p.from === from && p.to === 'receiver 1', attempt) });
        assertVerdict(older, 'receiver 1', NOBODY('mpc/session-differs'), `${kind} of another attempt`);
      }
      seen.length = 0;
      const sender = runReshare(old, agreed, { hand: show((p) => p.kind === kind && p.from === other) });
      assertVerdict(sender, 'receiver 1', BY(3, 'mpc/malformed-message'), `${kind} of another sender`);
    }
    const roles: Passing[] = [];
    const role: Hand = (passing) => {
      roles.push(passing);
      const isShown = passing.kind === 'reshare/receiver-echo' && passing.from === 'receiver 3' && passing.to === 'receiver 1';
      return isShown ? roles.find((p) => p.kind === 'reshare/dealer-echo' && p.from === 'dealer 3')!.bytes : passing.bytes;
    };
    assertVerdict(runReshare(old, agreed, { hand: role }), 'receiver 1', BY(3, 'mpc/malformed-message'), 'a dealer’s echo as a receiver’s');
  });

  it('T-13 names the dealer that deals another secret than its share: B_{i,0} is not lambda_i X_i', () => {
    const dealt = (record: KeyRecord): KeyRecord => (record.id === 3 ? { ...record, share: uintBytes(mod(scalarOf(record.share)! + 1n), 32) } : record);
    const endings = runReshare(old, agreed, { dealt });
    for (const party of ['dealer 1', 'receiver 1', 'receiver 2', 'receiver 3']) assertVerdict(endings, party, BY(3, 'mpc/key-differs'), 'another secret');
  });

  it('T-13 lets dealers that agree among themselves hand no other key to new parties that know X from elsewhere', () => {
    const another = recordsOf(runDkg(2, 3));
    // Both dealers run honestly with another key, and name the epoch of the key that the new parties expect.
    const dealt = (record: KeyRecord): KeyRecord => ({ ...record, share: another[record.id - 1]!.share });
    const endings = runReshare(old, agreed, { dealt });
    for (const receiver of [1, 2, 3]) {
      const ending = endings.get(`receiver ${receiver}`)!;
      assert.ok(isAbort(ending));
      assert.equal(ending.abort.problem.code, 'mpc/key-differs');
      assert.notEqual(ending.abort.culprit, null);
    }
  });

  it('T-13 lets parties with different anchors part before anything is dealt, and blames nobody', () => {
    const another = recordsOf(runDkg(2, 3));
    const anchors = [
      anchorOf(another[0]!),
      { ...agreed.anchor, chainCodeHash: random(32) },
      { ...agreed.anchor, epochId: another[0]!.epochId },
      { ...anchorOf(another[0]!), epochId: agreed.anchor.epochId, keyId: agreed.anchor.keyId },
    ];
    for (const anchor of anchors) {
      const endings = runReshare(old, agreed, { told: { ...agreed, anchor } });
      for (const party of ['dealer 1', 'dealer 3', 'receiver 1', 'receiver 2', 'receiver 3'])
        assertVerdict(endings, party, NOBODY('mpc/session-differs'), 'anchor');
    }
  });

  it('finds a dealer that opens to the old parties and to the new ones two different polynomials', () => {
    const twin: Passing[] = [];
    // The dealers' nonces and those of the receivers are fixed, so that two runs have one sid; in the second one dealer 3 draws another polynomial.
    const fixed =
      (label: string, seed: number): ((length: number) => Uint8Array) =>
      (length) =>
        new Uint8Array(length).fill(label.length * 16 + Number(label.at(-1)) + seed);
    runReshare(old, agreed, {
      hand: recording(twin),
      randomOf: (label) => (label === 'dealer 3' ? switching(fixed(label, 0), fixed(label, 100)) : fixed(label, 0)),
    });
    const second: Hand = (passing) => {
      const isMoved =
        passing.from === 'dealer 3' && passing.to.startsWith('receiver') && ['reshare/commitment', 'reshare/opening', 'reshare/share'].includes(passing.kind);
      return isMoved ? twin.find((p) => p.kind === passing.kind && p.from === passing.from && p.to === passing.to)!.bytes : passing.bytes;
    };
    const endings = runReshare(old, agreed, { hand: second, randomOf: (label) => fixed(label, 0) });
    for (const party of ['dealer 1', 'receiver 1', 'receiver 2', 'receiver 3']) assertVerdict(endings, party, NOBODY('mpc/echo-differs'), 'two polynomials');
  });

  it("refuses a share s + q, t' + 1 and t' - 1 coefficients", () => {
    const longer: Hand = ({ kind, from, bytes }) =>
      kind === 'reshare/opening' && from === 'dealer 3' ? concat(bytes.subarray(0, 102), bytes.subarray(37)) : bytes;
    const shorter: Hand = ({ kind, from, bytes }) =>
      kind === 'reshare/opening' && from === 'dealer 3' ? concat(bytes.subarray(0, 37), bytes.subarray(102)) : bytes;
    for (const hand of [longer, shorter])
      for (const party of ['dealer 1', 'receiver 1', 'receiver 2'])
        assertVerdict(runReshare(old, agreed, { hand }), party, BY(3, 'mpc/malformed-message'), 'coefficients');
    // g(0) = lambda_3 x_3 with S_old = {1, 3}: lambda_3 = 1 / (1 - 3); the slope is drawn so that g(1) = 5.
    const inverse = mod(-((q + 1n) / 2n));
    const a = mod(inverse * scalarOf(old[2]!.share)!);
    const hand: Hand = ({ kind, from, to, bytes }) => {
      if (kind !== 'reshare/share' || from !== 'dealer 3' || to !== 'receiver 1') return bytes;
      assert.equal(scalarOf(bytes.subarray(37, 69)), 5n);
      return concat(bytes.subarray(0, 37), uintBytes(5n + q, 32), bytes.subarray(69));
    };
    assertVerdict(
      runReshare(old, agreed, { hand, randomOf: (label) => (label === 'dealer 3' ? drawing(mod(5n - a)) : random) }),
      'receiver 1',
      BY(3, 'mpc/malformed-message'),
      's + q',
    );
  });

  it('refuses facts that cannot be run with, before anybody could be blamed for them', () => {
    const wrong: Partial<ReshareFacts>[] = [
      { dealers: [P(1)] },
      { dealers: [P(3), P(1)] },
      { dealers: [P(1), P(1)] },
      { dealers: [P(1), P(4)] },
      { next: { ...agreed.next, t: 1 } },
      { next: { ...agreed.next, t: 4 } },
      { next: { ...agreed.next, identities: [random(32)] } },
      { epoch: 0 },
      { anchor: { ...agreed.anchor, publicKey: pointBytes(timesG(5n)) } },
      { anchor: { ...agreed.anchor, publicShares: agreed.anchor.publicShares.toReversed() } },
      { anchor: { ...agreed.anchor, publicShares: agreed.anchor.publicShares.slice(1) } },
      { anchor: { ...agreed.anchor, t: 3 } },
    ];
    for (const change of wrong) {
      assert.throws(() => receiverBegin({ ...agreed, ...change }, P(1), random), /mpc\/bad-parameters/, JSON.stringify(Object.keys(change)));
      assert.throws(() => dealerBegin({ ...agreed, ...change }, old[0]!, random), /mpc\/bad-parameters/);
    }
    assert.throws(() => receiverBegin(agreed, P(4), random), /mpc\/bad-parameters/);
    assert.throws(() => dealerBegin(agreed, old[1]!, random), /mpc\/bad-parameters/);
    assert.throws(() => dealerBegin({ ...agreed, epoch: 1 }, old[0]!, random), /mpc\/bad-parameters/);
    const another = recordsOf(runDkg(2, 3))[0]!;
    assert.throws(() => dealerBegin(agreed, another, random), /mpc\/bad-parameters/);
    // It agrees with itself, and is not what this dealer holds: whoever deals honestly would be said to have cheated.
    const { publicKey, publicShares } = another;
    assert.throws(() => dealerBegin({ ...agreed, anchor: { ...agreed.anchor, publicKey, publicShares } }, old[0]!, random), /mpc\/bad-parameters/);
  });
});

/** The first draw from one source, the nonce; all others from another. */
function switching(first: (length: number) => Uint8Array, then: (length: number) => Uint8Array): (length: number) => Uint8Array {
  let draws = 0;
  return (length) => (draws++ === 0 ? first(length) : then(length));
}
