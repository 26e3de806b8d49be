import assert from 'node:assert/strict';
import {
  anchorOf,
  allParties,
  confirm,
  decodeRecord,
  doneDigest,
  drop,
  encodeRecord,
  erased,
  gathered,
  lastNumber,
  NO_EPOCHS,
  nextNumber,
  prepared,
  publicPart,
  received,
  resume,
  tested,
  watched,
  type Duty,
  type Epoch,
  type Epochs,
  type PartyId,
  type Turn,
  type Verify,
} from '#mpc/protocol';
import { concat } from '#base';
import { confirmationMessage, encodeBundle } from '../../../../../mpc/protocol/keys/switch/confirmation.ts';
import { recordsOf, runDkg, runRefresh, runReshare } from '../../support/ceremony.ts';
import { random } from '../../support/dealer.ts';
import { BODIES } from '../../support/fields.ts';
import { changesOf, HEADER, LENGTHS } from '../../support/tampering.ts';
import { signatureOf, verify } from './world.ts';

const P = (id: number): PartyId => id as PartyId;

const old = recordsOf(runDkg(2, 3));
const e = publicPart(old[0]!);
const refreshed = (next: number): Epoch => publicPart(recordsOf(runRefresh(old, { next }))[0]!);
const [A, B] = [refreshed(2), refreshed(3)];
const reshared = (identities: readonly Uint8Array[], epoch: number): Epoch =>
  publicPart(recordsOf(runReshare(old, { anchor: anchorOf(old[0]!), dealers: [P(1), P(2)], next: { t: 2, n: 3, identities }, epoch }))[0]!);

function active(epoch: Epoch, own: number): Epochs {
  return { ...NO_EPOCHS, active: { epoch, own: P(own), signatures: allSigned(epoch) } };
}

function allSigned(epoch: Epoch): Map<PartyId, Uint8Array> {
  return new Map(allParties(epoch.n).map((id) => [id, signatureOf(epoch.identities[id - 1]!, epoch)]));
}

function signature(epoch: Epoch, id: number): Uint8Array {
  return signatureOf(epoch.identities[id - 1]!, epoch);
}

function confirmation(epoch: Epoch, id: number): Uint8Array {
  return confirmationMessage(epoch, P(id), signature(epoch, id));
}

function bundle(epoch: Epoch): Uint8Array {
  return encodeBundle({ epoch, signatures: allSigned(epoch) });
}

function turn(outcome: ReturnType<typeof received>): Turn {
  assert.ok(outcome.kind === 'turn', outcome.kind === 'abort' ? outcome.abort.problem.message : '');
  return outcome;
}

function bundleOf({ active: held }: Epochs): Uint8Array {
  return encodeBundle({ epoch: held!.epoch, signatures: held!.signatures! });
}

const kinds = (duties: readonly Duty[]): string[] => duties.map(({ kind }) => kind);
const waitingFor = (epoch: Epoch, own = 1, sets: readonly (readonly PartyId[])[] = []): Epochs => prepared(active(e, own), epoch, P(own), sets).state;

describe('the switch of epochs', () => {
  it('writes before it sends, and sends before it erases', () => {
    const waits = waitingFor(A);
    const confirmed = confirm(waits, A.epochId, signature(A, 1), verify);
    assert.deepEqual(kinds(confirmed.duties), ['write', 'send-confirmation']);
    const two = turn(received(confirmed.state, P(2), confirmation(A, 2), verify));
    assert.deepEqual(kinds(two.duties), ['write']);
    const three = turn(received(two.state, P(3), confirmation(A, 3), verify));
    assert.deepEqual(kinds(three.duties), ['write', 'send-bundle', 'erase']);
    assert.equal(three.state.active!.epoch, A);
    assert.deepEqual(three.state.erasing, [e.epochId]);
    assert.deepEqual(erased(three.state, e.epochId).state.erasing, []);
  });

  it('T-12 keeps the old epoch and the new one where one confirmation is lost, forged or withheld, whichever it is', () => {
    for (const missing of [2, 3]) {
      let state = confirm(waitingFor(A), A.epochId, signature(A, 1), verify).state;
      for (const from of [2, 3].filter((id) => id !== missing)) state = turn(received(state, P(from), confirmation(A, from), verify)).state;
      const forged = [
        confirmationMessage(A, P(missing), signature(A, missing === 2 ? 3 : 2)),
        confirmationMessage(A, P(missing), random(64)),
        confirmationMessage({ ...A, publicKey: B.publicShares[0]! }, P(missing), signature(A, missing)),
      ];
      for (const bytes of forged) {
        const outcome = received(state, P(missing), bytes, verify);
        assert.ok(outcome.kind === 'abort');
        assert.equal(outcome.abort.problem.code, 'mpc/confirmation-differs');
        assert.equal(outcome.abort.culprit, missing);
      }
      assert.equal(state.active!.epoch, e);
      assert.equal(state.waiting[0]!.epoch, A);
      assert.deepEqual(state.erasing, []);
      assert.throws(() => drop(state, A.epochId), /mpc\/epoch-confirmed/);
      // The bundle that somebody else could make is enough.
      assert.equal(turn(gathered(state, bundle(A), verify)).state.active!.epoch, A);
    }
  });

  it('T-12 refuses every change of every field of a confirmation and of a bundle', () => {
    const state = confirm(waitingFor(A), A.epochId, signature(A, 1), verify).state;
    for (const field of [...HEADER, ...BODIES.confirmation])
      for (const change of changesOf(field)) {
        const outcome = received(state, P(2), change.apply(confirmation(A, 2)), verify);
        // A confirmation of another attempt is for nobody here, and changes nothing.
        if (field.name === 'sid') assert.deepEqual(outcome, { kind: 'turn', state, duties: [] });
        else {
          assert.ok(outcome.kind === 'abort', change.name);
          assert.equal(outcome.abort.culprit, 2, change.name);
        }
      }
    for (const change of LENGTHS.slice(0, 3)) assert.equal(received(state, P(2), change.apply(confirmation(A, 2)), verify).kind, 'abort', change.name);
    const whole = bundle(A);
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice();
      bytes[at]! ^= 1 << (at % 8);
      const outcome = gathered(state, bytes, verify);
      assert.ok(outcome.kind === 'abort', `byte ${at}`);
      assert.equal(outcome.abort.culprit, null);
    }
    for (const bytes of [whole.slice(0, -1), concat(whole, Uint8Array.of(0)), new Uint8Array(), whole.slice(0, 5)])
      assert.equal(gathered(state, bytes, verify).kind, 'abort');
  }).timeout(60_000);

  it('confirms only what has signed: every signer set of the policy with this party in it', () => {
    const sets = [
      [P(1), P(2)],
      [P(1), P(3)],
      [P(2), P(3)],
    ];
    const state = waitingFor(A, 1, sets);
    assert.throws(() => confirm(state, A.epochId, signature(A, 1), verify), /mpc\/epoch-not-tested.*1\+2, 1\+3/);
    const one = tested(state, A.epochId, [P(2), P(1)]).state;
    assert.throws(() => confirm(one, A.epochId, signature(A, 1), verify), /mpc\/epoch-not-tested.*: 1\+3/);
    assert.equal(confirm(tested(one, A.epochId, [P(1), P(3)]).state, A.epochId, signature(A, 1), verify).state.waiting[0]!.confirmed, true);
  });

  it('promotes nothing that it has not confirmed itself, though all others have', () => {
    let state = waitingFor(A);
    for (const from of [2, 3]) state = turn(received(state, P(from), confirmation(A, from), verify)).state;
    assert.equal(state.active!.epoch, e);
    const confirmed = confirm(state, A.epochId, signature(A, 1), verify);
    assert.deepEqual(kinds(confirmed.duties), ['write', 'send-confirmation', 'send-bundle', 'erase']);
    assert.equal(confirmed.state.active!.epoch, A);
  });

  it('drops what it has not confirmed, and erases what it had stored of it', () => {
    const dropped = drop(waitingFor(A), A.epochId);
    assert.deepEqual(kinds(dropped.duties), ['write', 'erase']);
    assert.equal(dropped.state.active!.epoch, e);
    assert.deepEqual(dropped.state.erasing, [A.epochId]);
    assert.throws(() => drop(dropped.state, A.epochId), /mpc\/epoch-unknown/);
  });

  it('takes only an epoch of the same key, with a number above all it has confirmed', () => {
    const state = confirm(waitingFor(A), A.epochId, signature(A, 1), verify).state;
    assert.equal(nextNumber(state), 3);
    const another = publicPart(recordsOf(runDkg(2, 3))[0]!);
    for (const epoch of [refreshed(2), e, another, { ...B, chainCode: random(32) }, { ...B, publicKey: another.publicKey }, A])
      assert.throws(() => prepared(state, epoch, P(1), []), /mpc\/epoch-not-next/);
    assert.throws(() => prepared(NO_EPOCHS, A, P(1), []), /mpc\/epoch-not-next/);
    assert.throws(() => prepared(state, B, P(4), []), /mpc\/bad-parameters/);
    assert.equal(prepared(NO_EPOCHS, e, P(1), []).state.waiting.length, 1);
  });

  it('lets nobody use up the numbers: near 2^32 none is left for a refresh, nor for the reshare that would put out who named it', () => {
    for (const far of [lastNumber(active(e, 1)) + 1, 2 ** 32 - 1]) {
      assert.throws(() => prepared(active(e, 1), refreshed(far), P(1), []), /mpc\/epoch-not-next/);
      assert.throws(() => watched(active(e, 1), { ...A, epoch: far }), /mpc\/epoch-not-next/);
    }
    // The highest number that is taken, which one honest party confirms and another drops, stands in nobody's way: the first asks for one more, and the second knows why.
    const last = refreshed(lastNumber(active(e, 1)));
    const one = confirm(waitingFor(last, 1), last.epochId, signature(last, 1), verify).state;
    const two = drop(waitingFor(last, 2), last.epochId).state;
    assert.equal(nextNumber(one), last.epoch + 1);
    const next = refreshed(last.epoch + 1);
    for (const [state, own] of [
      [one, 1],
      [two, 2],
    ] as const)
      assert.equal(prepared(state, next, P(own), []).state.waiting.at(-1)!.epoch, next);
    // Who came back from a backup has seen nothing of it, and has agreed on the number with the others.
    const restored: Epochs = { ...active(e, 2), active: { epoch: e, own: P(2), signatures: null } };
    assert.equal(prepared(restored, next, P(2), []).state.waiting.at(-1)!.epoch, next);
    // Who joins knows of no number but the operators'.
    assert.equal(prepared(NO_EPOCHS, { ...A, origin: 'reshare', epoch: 10 ** 6 }, P(1), []).state.waiting.length, 1);
  });

  it('confirms one key under one key id: a second key generation that ran beside the first never takes its place', () => {
    // Both generations have the number 1, so whichever of them came later would erase the other, funded as it may be by then.
    const [one, two] = [1, 2].map(() => publicPart(recordsOf(runDkg(2, 3))[0]!)).map((epoch) => ({ ...epoch, keyId: e.keyId })) as [Epoch, Epoch];
    for (const [first, second] of [
      [one, two],
      [two, one],
    ] as const) {
      const both = prepared(prepared(NO_EPOCHS, first, P(1), []).state, second, P(1), []).state;
      let state = confirm(both, first.epochId, signature(first, 1), verify).state;
      assert.throws(() => confirm(state, second.epochId, signature(second, 1), verify), /mpc\/epoch-not-next/);
      for (const from of [2, 3]) state = turn(received(state, P(from), confirmation(first, from), verify)).state;
      assert.equal(state.active!.epoch, first);
      if (state.waiting.length > 0) assert.throws(() => confirm(state, second.epochId, signature(second, 1), verify), /mpc\/epoch-not-next/);
    }
    const confirmed = confirm(prepared(NO_EPOCHS, one, P(1), []).state, one.epochId, signature(one, 1), verify).state;
    assert.throws(() => prepared(confirmed, { ...two, epoch: 2 }, P(1), []), /mpc\/epoch-not-next/);
  });

  it('asks who signed a bundle before any arithmetic on its points: one of 128 of 255 parties that nobody signed would stop this party for half a minute', () => {
    const asked: PartyId[] = [];
    const nobody: Verify = (party) => {
      asked.push(party);
      return false;
    };
    // Its public shares are not those of its public key, which takes the arithmetic to find out.
    const forged = encodeBundle({ epoch: { ...A, epoch: 9, publicShares: A.publicShares.toReversed() }, signatures: allSigned(A) });
    const outcome = gathered(active(e, 1), forged, nobody);
    assert.ok(outcome.kind === 'abort');
    assert.equal(outcome.abort.problem.code, 'mpc/malformed-message');
    assert.deepEqual(asked, [1]);
  });

  it('keeps what it read, also from a Node Buffer that is written over afterwards', () => {
    const state = confirm(waitingFor(A), A.epochId, signature(A, 1), verify).state;
    const passed = Buffer.from(bundle(A));
    const promoted = turn(gathered(state, passed, verify)).state;
    const stored = Buffer.from(encodeRecord(old[0]!));
    const record = decodeRecord(stored)!;
    for (const bytes of [passed, stored]) bytes.fill(0);
    assert.equal(turn(gathered(confirm(waitingFor(A), A.epochId, signature(A, 1), verify).state, bundleOf(promoted), verify)).state.active!.epoch, A);
    assert.deepEqual(record.share, old[0]!.share);
    assert.deepEqual(record.chainCode, old[0]!.chainCode);
    assert.deepEqual(record.identities, old[0]!.identities);
  });

  it('sends again what was sent, and finishes erasing, after a start at any time', () => {
    const confirmed = confirm(waitingFor(A), A.epochId, signature(A, 1), verify).state;
    assert.deepEqual(kinds(resume(confirmed).duties), ['send-bundle', 'send-confirmation']);
    const promoted = turn(gathered(confirmed, bundle(A), verify)).state;
    assert.deepEqual(kinds(resume(promoted).duties), ['send-bundle', 'erase']);
    // The same confirmation again is the same answer, and one for what is active already is answered by the bundle.
    assert.deepEqual(kinds(confirm(confirmed, A.epochId, signature(A, 1), verify).duties), ['send-confirmation']);
    const late = turn(received(promoted, P(3), confirmation(A, 3), verify));
    assert.deepEqual(
      late.duties.map((duty) => (duty.kind === 'send-bundle' ? duty.to : duty.kind)),
      [3],
    );
  });

  it('stops where it has confirmed an epoch that it knows nothing of: its state was rolled back', () => {
    assert.throws(() => gathered(active(e, 1), bundle(A), verify), /mpc\/state-behind/);
    assert.throws(() => gathered(waitingFor(A), bundle(A), verify), /mpc\/state-behind/);
    // Its own confirmation comes back to it, though it has not made it.
    assert.throws(() => received(waitingFor(A), P(1), confirmation(A, 1), verify), /mpc\/state-behind/);
    // An older bundle, or one of another key, is no news.
    const onB = active(B, 1);
    assert.deepEqual(turn(gathered(onB, bundle(A), verify)).duties, []);
    assert.deepEqual(turn(gathered(onB, bundle(publicPart(recordsOf(runDkg(2, 3))[0]!)), verify)).duties, []);
  });

  it('leaves with a reshare: the old share is erased when all new parties have confirmed, and not before', () => {
    const next = reshared(
      allParties(3).map(() => random(32)),
      2,
    );
    let state = watched(active(e, 1), next).state;
    for (const from of [1, 2]) state = turn(received(state, P(from), confirmation(next, from), verify)).state;
    assert.equal(state.active!.epoch, e);
    assert.throws(() => confirm(state, next.epochId, signature(next, 1), verify), /mpc\/epoch-unknown/);
    const gone = turn(received(state, P(3), confirmation(next, 3), verify));
    assert.deepEqual(kinds(gone.duties), ['write', 'send-bundle', 'erase']);
    assert.equal(gone.state.active, null);
    assert.deepEqual(gone.state.erasing, [e.epochId]);
    assert.equal(gone.state.left!.epoch, next);
  });

  it('signs what section 10.1 says: X, X_1..X_n and cc under the sid of the attempt', () => {
    for (const change of [
      { publicKey: A.publicShares[0]! },
      { publicShares: A.publicShares.toReversed() },
      { chainCode: random(32) },
      { attempt: random(32) },
      { origin: 'dkg' as const },
      { t: 3 },
      { keyId: random(32) as Epoch['keyId'] },
      { epochId: random(32) as Epoch['epochId'] },
    ])
      assert.notDeepEqual(doneDigest({ ...A, ...change }), doneDigest(A));
  });
});
