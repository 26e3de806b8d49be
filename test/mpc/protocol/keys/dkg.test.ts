import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  allParties,
  dkgBegin,
  dkgCommit,
  dkgFinish,
  dkgOpen,
  dkgProve,
  type DkgFacts,
  type KeyId,
  type KeyRecord,
  type PartyId,
  type Sent,
} from '#mpc/protocol';
import { concat, uintBytes, type RandomBytes } from '#base';
import { commitmentMessage, commitmentTo, openingMessage, openingOf, shareMessage, type Dealing } from '../../../../mpc/protocol/keys/dealing.ts';
import { frame, type Kind } from '../../../../mpc/protocol/keys/rounds.ts';
import { mod, q, scalarBytes, scalarOf } from '../../../../mpc/protocol/primitives/scalars.ts';
import { partyId } from '../../../../mpc/protocol/primitives/parties.ts';
import { pointBytes, pointOf, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { H, list } from '../../../../mpc/protocol/primitives/hash.ts';
import {
  honest,
  isAbort,
  recordsOf,
  runDkg,
  runRefresh,
  drawing,
  interpolated,
  sent,
  subsets,
  type Endings,
  type Hand,
  type Passing,
} from '../support/ceremony.ts';
import { random } from '../support/dealer.ts';
import { BODIES } from '../support/fields.ts';
import { assertVerdict, changesOf, changing, HEADER, LENGTHS, recording, type Field, type Verdict } from '../support/tampering.ts';

const P = (id: number): PartyId => id as PartyId;
const BY_3 = (...codes: string[]): Verdict => ({ codes, culprit: P(3) });
const NOBODY = (...codes: string[]): Verdict => ({ codes, culprit: null });

describe('distributed key generation', () => {
  it('gives every t of n parties, up to 3 of 5, the same key, which no fewer hold and which is the sum of what all of them drew', () => {
    const threshold = fc.integer({ min: 2, max: 5 }).chain((n) => fc.record({ n: fc.constant(n), t: fc.integer({ min: 2, max: Math.min(3, n) }) }));
    fc.assert(
      fc.property(threshold, fc.array(fc.bigInt({ min: 1n, max: q - 1n }), { minLength: 5, maxLength: 5 }), ({ t, n }, constants) => {
        const records = recordsOf(runDkg(t, n, { randomOf: (id) => drawing(constants[id - 1]!) }));
        const [first] = records;
        for (const record of records) {
          const { id: _id, share: _share, ...shared } = record;
          const { id: _first, share: _firstShare, ...same } = first!;
          assert.deepEqual(shared, same);
          assert.deepEqual(pointBytes(timesG(scalarOf(record.share)!)), record.publicShares[record.id - 1]);
        }
        for (const S of subsets(allParties(n), t)) assert.deepEqual(interpolated(records, S), first!.publicKey);
        for (const S of subsets(allParties(n), t - 1)) assert.notDeepEqual(interpolated(records, S), first!.publicKey);
        assert.deepEqual(pointBytes(timesG(mod(constants.slice(0, n).reduce((total, a) => total + a, 0n)))), first!.publicKey);
      }),
      { numRuns: 12 },
    );
  }).timeout(30_000);

  it('gives another key, chain code and epoch every time, from the same facts', () => {
    const facts = { keyId: random(32) as KeyId, identities: allParties(3).map(() => random(32)) };
    const [a, b] = [recordsOf(runDkg(2, 3, { facts: () => facts }))[0]!, recordsOf(runDkg(2, 3, { facts: () => facts }))[0]!];
    for (const field of ['publicKey', 'chainCode', 'epochId', 'attempt'] as const) assert.notDeepEqual(a[field], b[field]);
  });

  const FIELDS: Readonly<Record<Extract<Kind, `dkg/${string}`>, readonly (Field & { readonly verdict: Verdict })[]>> = {
    'dkg/nonce': BODIES['dkg/nonce'].map((field) => ({ ...field, verdict: NOBODY('mpc/session-differs') })),
    'dkg/commitment': BODIES['dkg/commitment'].map((field) => ({ ...field, verdict: BY_3('mpc/bad-opening') })),
    'dkg/opening': BODIES['dkg/opening'].map((field) => ({
      ...field,
      verdict: BY_3('mpc/bad-opening', 'mpc/malformed-message'),
    })),
    'dkg/share': BODIES['dkg/share'].map((field) => ({ ...field, verdict: BY_3('mpc/bad-share', 'mpc/malformed-message') })),
    'dkg/proof': BODIES['dkg/proof'].map((field) => ({
      ...field,
      verdict: field.name === 'z' ? BY_3('mpc/bad-proof', 'mpc/malformed-message') : NOBODY('mpc/echo-differs'),
    })),
  };

  for (const [kind, fields] of Object.entries(FIELDS) as [Kind, readonly (Field & { verdict: Verdict })[]][]) {
    it(`T-11 aborts with the right blame on every change of every field of ${kind}`, () => {
      const header = HEADER.map((field) => ({ ...field, verdict: field.name === 'sid' ? NOBODY('mpc/session-differs') : BY_3('mpc/malformed-message') }));
      for (const field of [...header, ...fields])
        for (const change of changesOf(field)) {
          const endings = runDkg(2, 3, { hand: changing(kind, '3', '1', change) });
          assertVerdict(endings, '1', field.verdict, change.name);
          assertAgreement(endings);
        }
      for (const change of LENGTHS) assertVerdict(runDkg(2, 3, { hand: changing(kind, '3', '1', change) }), '1', BY_3('mpc/malformed-message'), change.name);
    }).timeout(30_000);
  }

  it('T-11 takes no message of another session, sender, round or receiver in the place of one', () => {
    const facts = { keyId: random(32) as KeyId, identities: allParties(3).map(() => random(32)) };
    const [other, own]: [Passing[], Passing[]] = [[], []];
    runDkg(2, 3, { hand: recording(other), facts: () => facts });
    const kinds = Object.keys(FIELDS) as Kind[];
    for (const [round, kind] of kinds.entries()) {
      const show = (pick: (passing: Passing) => Uint8Array): Hand => {
        own.length = 0;
        return (passing) => (recording(own)(passing), passing.kind === kind && passing.from === '3' && passing.to === '2' ? pick(passing) : passing.bytes);
      };
      const shown = (passings: readonly Passing[], is: (passing: Passing) => boolean): Uint8Array => passings.find(is)!.bytes;
      const runWith = (pick: (passing: Passing) => Uint8Array): Endings<KeyRecord> => runDkg(2, 3, { hand: show(pick), facts: () => facts });

      const session = runWith(() => shown(other, (p) => p.kind === kind && p.from === '3' && p.to === '2'));
      assertVerdict(session, '2', NOBODY('mpc/session-differs'), `${kind} of another session`);
      const sender = runWith(() => shown(own, (p) => p.kind === kind && p.from === '1' && p.to === '2'));
      assertVerdict(sender, '2', BY_3('mpc/malformed-message'), `${kind} of another sender`);
      if (kind === 'dkg/share') {
        const receiver = runWith(() => shown(own, (p) => p.kind === kind && p.from === '3' && p.to === '1'));
        assertVerdict(receiver, '2', BY_3('mpc/malformed-message'), `${kind} to another receiver`);
      }
      // A nonce stands before the session, so the round before the first one has another sid.
      if (round < 2) continue;
      const earlier = runWith(() => shown(own, (p) => p.kind === kinds[round - 1] && p.from === '3' && p.to === '2'));
      assertVerdict(earlier, '2', BY_3('mpc/malformed-message'), `${kind} of another round`);
    }
  }).timeout(30_000);

  it('T-11 refuses a rogue key: an opening that is not what was committed to before the others opened', () => {
    const opened = new Map<string, Uint8Array>();
    const hand: Hand = (passing) => {
      if (passing.kind !== 'dkg/opening') return passing.bytes;
      opened.set(passing.from, passing.bytes);
      if (passing.from !== '3') return passing.bytes;
      // A_{3,0} = Y - A_{1,0} - A_{2,0} with a Y of which party 3 knows the logarithm.
      const at = (from: string): Uint8Array => (opened.get(from) ?? passing.bytes).subarray(37, 102);
      const rogue = timesG(7n).subtract(pointOf(at('1'))!);
      return concat(passing.bytes.subarray(0, 37), pointBytes(rogue), passing.bytes.subarray(102));
    };
    const endings = runDkg(2, 3, { hand });
    for (const party of ['1', '2']) assertVerdict(endings, party, BY_3('mpc/bad-opening'), 'rogue key');
  });

  it('T-11 refuses a part of the key whose logarithm its dealer does not know, though it was committed to and its share fits', () => {
    const facts = { t: 2, n: 2, keyId: random(32) as KeyId, identities: [random(32), random(32)] };
    const begun = dkgBegin({ ...facts, own: P(1) }, random);
    const proposal = begun.broadcast.slice(1, 33);
    const nonce = random(32);
    const committed = sent(dkgCommit(begun.next, new Map([[P(2), frame({ kind: 'dkg/nonce', sid: proposal, from: P(2) }, nonce)]]), random));
    const deal: Dealing = { name: 'dkg', sid: committed.broadcast.slice(1, 33), dealers: [P(1), P(2)], coefficients: 2, rest: [65, 32, 32, 32] };
    // Only one share is checked by an honest party of 2-of-2: A_1 = s G - A_0 makes any s fit.
    const unknown = timesG(mod(BigInt(`0x${Buffer.from(random(32)).toString('hex')}`)));
    const s = 5n;
    const opening = openingOf([unknown, timesG(s).subtract(unknown)], [pointBytes(timesG(9n)), random(32), random(32), random(32)]);
    const C = commitmentTo(deal, P(2), opening);
    const opened = sent(dkgOpen(committed.next, new Map([[P(2), commitmentMessage(deal, P(2), C)]])));
    const proved = sent(dkgProve(opened.next, new Map([[P(2), openingMessage(deal, P(2), opening)]]), new Map([[P(2), shareMessage(deal, P(2), P(1), s)]])));
    const echo = proved.broadcast.slice(-32);
    const forged = frame({ kind: 'dkg/proof', sid: deal.sid, from: P(2) }, scalarBytes(3n), echo);
    const ending = dkgFinish(proved.next, new Map([[P(2), forged]]));
    assert.ok(ending.kind === 'abort');
    assert.equal(ending.abort.problem.code, 'mpc/bad-proof');
    assert.equal(ending.abort.culprit, 2);
    assert.equal(ending.abort.effect, 'drop-attempt');
  });

  it('T-11 refuses the proof of another party, even of one that drew the very same numbers', () => {
    // Equal f and k, so that A and K are equal too, and only i tells the two proofs apart.
    const twins = new Map([P(2), P(3)].map((id) => [id, drawing(11n, 12n, 13n)]));
    let copied: Uint8Array | undefined;
    const hand: Hand = ({ kind, from, bytes }) => {
      if (kind !== 'dkg/proof') return bytes;
      if (from === '2') copied = bytes.slice(37, 69);
      return from === '3' && copied ? concat(bytes.subarray(0, 37), copied, bytes.subarray(69)) : bytes;
    };
    const endings = runDkg(2, 3, { hand, randomOf: (id) => twins.get(id) ?? random });
    assertVerdict(endings, '1', BY_3('mpc/bad-proof'), 'copied proof');
  });

  it('T-11 refuses an opening of t + 1 or t - 1 coefficients, and a party that was told another threshold', () => {
    const longer: Hand = ({ kind, from, bytes }) => (kind === 'dkg/opening' && from === '3' ? concat(bytes.subarray(0, 102), bytes.subarray(37)) : bytes);
    const shorter: Hand = ({ kind, from, bytes }) => (kind === 'dkg/opening' && from === '3' ? concat(bytes.subarray(0, 37), bytes.subarray(102)) : bytes);
    for (const hand of [longer, shorter])
      for (const party of ['1', '2']) assertVerdict(runDkg(2, 3, { hand }), party, BY_3('mpc/malformed-message'), 'coefficients');
    const told = { keyId: random(32) as KeyId, identities: allParties(4).map(() => random(32)) };
    const endings = runDkg(2, 4, { facts: (id): Partial<DkgFacts> => ({ ...told, t: id === 4 ? 3 : 2 }) });
    for (const party of ['1', '2', '3', '4']) assertVerdict(endings, party, NOBODY('mpc/session-differs'), 'threshold');
  });

  it('T-11 knows no party 0, none above n, none twice, and none that is congruent to another', () => {
    const facts = { t: 2, n: 3, keyId: random(32) as KeyId, identities: allParties(3).map(() => random(32)) };
    for (const own of [0, 4, 1.5, -1, Number(q + 1n), Number.NaN])
      assert.throws(() => dkgBegin({ ...facts, own: own as PartyId }, random), /mpc\/bad-parameters/);
    for (const id of [0, 4, Number(q), Number(q + 1n)]) assert.throws(() => partyId(id, 3), /mpc\/bad-parameters/);
    const twice = [facts.identities[0]!, facts.identities[1]!, facts.identities[0]!];
    assert.throws(() => dkgBegin({ ...facts, own: P(1), identities: twice }, random), /mpc\/bad-parameters/);
    for (const [t, n] of [
      [1, 3],
      [4, 3],
      [0, 0],
      [2, 256],
    ] as const)
      assert.throws(() => dkgBegin({ ...facts, own: P(1), t, n }, random), /mpc\/bad-parameters/);
    const step = dkgBegin({ ...facts, own: P(1) }, random);
    const nonceOf3 = frame({ kind: 'dkg/nonce', sid: step.broadcast.slice(1, 33), from: P(3) }, random(32));
    for (const inbox of [
      new Map(),
      new Map([[P(3), nonceOf3]]),
      new Map([
        [P(1), nonceOf3],
        [P(3), nonceOf3],
      ]),
      new Map([
        [P(2), nonceOf3],
        [P(3), nonceOf3],
        [P(4), nonceOf3],
      ]),
    ])
      assert.throws(() => dkgCommit(step.next, inbox, random), /mpc\/bad-parameters/);
  });

  it('T-11 refuses a share s + q, which is s spelled a second time and passes every check of values', () => {
    // f_3(X) = 7 + (q - 2) X: f_3(1) = 5, and 5 + q fits 32 bytes.
    const hand: Hand = ({ kind, from, to, bytes }) => {
      if (kind !== 'dkg/share' || from !== '3' || to !== '1') return bytes;
      assert.equal(scalarOf(bytes.subarray(37)), 5n);
      return concat(bytes.subarray(0, 37), uintBytes(5n + q, 32));
    };
    const randomOf = (hand3: RandomBytes) => (id: PartyId) => (id === 3 ? hand3 : random);
    assertVerdict(runDkg(2, 3, { hand, randomOf: randomOf(drawing(7n, q - 2n)) }), '1', BY_3('mpc/malformed-message'), 'share + q');
    recordsOf(runDkg(2, 3, { hand: honest, randomOf: randomOf(drawing(7n, q - 2n)) }));
  });

  it('T-11 finds a party that deals two polynomials, each to one peer with all that belongs to it, and blames nobody without evidence', () => {
    const facts = { t: 2, n: 3, keyId: random(32) as KeyId, identities: allParties(3).map(() => random(32)) };
    const nonce = random(32);
    const begun = [1, 2].map((own) => dkgBegin({ ...facts, own: P(own) }, random));
    const faces = [1, 2].map(() => dkgBegin({ ...facts, own: P(3) }, () => nonce));
    const of = (steps: readonly Sent<unknown>[], third: Sent<unknown>, own: number): Map<PartyId, Uint8Array> =>
      new Map(
        [
          [P(1), steps[0]!.broadcast],
          [P(2), steps[1]!.broadcast],
          [P(3), third.broadcast],
        ].filter(([id]) => id !== own) as [PartyId, Uint8Array][],
      );
    const committed = [0, 1].map((i) => sent(dkgCommit(begun[i]!.next, of(begun, faces[i]!, i + 1), random)));
    const facesCommitted = faces.map((face) => sent(dkgCommit(face.next, of(begun, face, 3), random)));
    const opened = [0, 1].map((i) => sent(dkgOpen(committed[i]!.next, of(committed, facesCommitted[i]!, i + 1))));
    const facesOpened = facesCommitted.map((face) => sent(dkgOpen(face.next, of(committed, face, 3))));
    const shares = (i: number): Map<PartyId, Uint8Array> =>
      new Map([
        [P(2 - i), opened[1 - i]!.direct!.get(P(i + 1))!],
        [P(3), facesOpened[i]!.direct!.get(P(i + 1))!],
      ]);
    const proved = [0, 1].map((i) => sent(dkgProve(opened[i]!.next, of(opened, facesOpened[i]!, i + 1), shares(i))));
    for (const i of [0, 1]) {
      // Its own proof is made to fit what this peer has seen.
      const theirs = frame({ kind: 'dkg/proof', sid: committed[i]!.broadcast.slice(1, 33), from: P(3) }, scalarBytes(1n), proved[i]!.broadcast.slice(-32));
      const ending = dkgFinish(
        proved[i]!.next,
        new Map([
          [P(2 - i), proved[1 - i]!.broadcast],
          [P(3), theirs],
        ]),
      );
      assert.ok(ending.kind === 'abort');
      assert.equal(ending.abort.problem.code, 'mpc/echo-differs');
      assert.equal(ending.abort.culprit, null);
      assert.equal(ending.abort.effect, 'keep-evidence');
    }
  });

  it('runs on a source of randomness that hands out one and the same buffer again: what was drawn before is not drawn over', () => {
    const reused = new Map<string, Uint8Array>();
    const source =
      (id: PartyId): RandomBytes =>
      (length) => {
        const buffer = reused.get(`${id} ${length}`) ?? new Uint8Array(length);
        reused.set(`${id} ${length}`, buffer);
        buffer.set(random(length));
        return buffer;
      };
    const opened: Uint8Array[] = [];
    const hand: Hand = ({ kind, from, bytes }) => {
      if (kind === 'dkg/opening' && from === '1') opened.push(bytes.slice(-96));
      return bytes;
    };
    const records = recordsOf(runDkg(2, 3, { hand, randomOf: source }));
    const [rho, cc, salt] = [0, 32, 64].map((at) => Buffer.from(opened[0]!.slice(at, at + 32)).toString('hex'));
    assert.equal(new Set([rho, cc, salt]).size, 3);
    assert.deepEqual(interpolated(recordsOf(runRefresh(records, { randomOf: source })), [P(1), P(2)]), records[0]!.publicKey);
  });

  it('makes neither a key nor a share of zero', () => {
    for (const drawn of [
      [3n, 1n, 4n, 1n, q - 7n, 1n],
      [3n, 1n, 4n, 1n, 5n, q - 14n],
    ]) {
      // The constant, the slope; then the sum of the constants is 0, or that and the sum of the slopes is.
      const endings = runDkg(2, 3, { randomOf: (id) => drawing(...drawn.slice(2 * id - 2, 2 * id)) });
      for (const party of ['1', '2', '3']) assertVerdict(endings, party, NOBODY('mpc/key-differs'), 'zero');
    }
  });

  it('makes one proof a run: a state is taken once, by a step that was asked too early not at all', () => {
    const facts = { t: 2, n: 2, keyId: random(32) as KeyId, identities: [random(32), random(32)] };
    const begun = [1, 2].map((own) => dkgBegin({ ...facts, own: P(own) }, random));
    const inbox = (steps: readonly Sent<unknown>[], own: number): Map<PartyId, Uint8Array> => new Map([[P(3 - own), steps[2 - own]!.broadcast]]);
    const committed = [1, 2].map((own) => sent(dkgCommit(begun[own - 1]!.next, inbox(begun, own), random)));
    const opened = [1, 2].map((own) => sent(dkgOpen(committed[own - 1]!.next, inbox(committed, own))));
    const shares = new Map([[P(2), opened[1]!.direct!.get(P(1))!]]);
    assert.throws(() => dkgProve(opened[0]!.next, new Map(), shares), /mpc\/bad-parameters/);
    sent(dkgProve(opened[0]!.next, inbox(opened, 1), shares));
    assert.throws(() => dkgProve(opened[0]!.next, inbox(opened, 1), shares), /mpc\/step-already-taken/);
  });

  it('hashes what section 3 says, in its order', () => {
    const passed: Passing[] = [];
    const [record] = recordsOf(runDkg(2, 2, { hand: recording(passed) }));
    const opening = (from: string): Uint8Array => passed.find((p) => p.kind === 'dkg/opening' && p.from === from)!.bytes.subarray(37);
    const ccs = ['1', '2'].map((from) => opening(from).slice(3 * 65 + 32, 3 * 65 + 64));
    assert.deepEqual(record!.chainCode, H('dkg-cc/v1', record!.attempt, list(ccs, 32)));
    const [A, rest] = [opening('1').slice(0, 130), opening('1').subarray(130)];
    const C = H(
      'dkg-com/v1',
      record!.attempt,
      Uint8Array.of(0, 1),
      concat(uintBytes(2, 4), A),
      rest.slice(0, 65),
      rest.slice(65, 97),
      rest.slice(97, 129),
      rest.slice(129),
    );
    assert.deepEqual(passed.find((p) => p.kind === 'dkg/commitment' && p.from === '1')!.bytes.slice(37), C);
    const Cs = ['1', '2'].map((from) => passed.find((p) => p.kind === 'dkg/commitment' && p.from === from)!.bytes.slice(37));
    const E = H(
      'dkg-echo/v1',
      record!.attempt,
      list(Cs, 32),
      list(
        ['1', '2'].map((from) => opening(from).slice()),
        3 * 65 + 96,
      ),
    );
    assert.deepEqual(passed.find((p) => p.kind === 'dkg/proof' && p.from === '1')!.bytes.slice(-32), E);
  });
});

/** Whoever ends with a record has the same one as everybody else who does. */
function assertAgreement(endings: Endings<KeyRecord>): void {
  const epochs = [...endings.values()].flatMap((ending) => (ending !== null && !isAbort(ending) ? [Buffer.from(ending.epochId).toString('hex')] : []));
  assert.ok(new Set(epochs).size <= 1);
}
