import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { acceptSigning, decodePair, encodePair, signRound1, signRound2, signRound3, type PartyId, type SigningStep } from '#mpc/protocol';
import { decodeRound1, decodeRound2 } from '../../../../mpc/protocol/sign/messages.ts';
import { choose } from '../../../../mpc/protocol/ot/baseOt.ts';
import { wordsOf } from '../../../../mpc/protocol/ot/columns.ts';
import { bob1 } from '../../../../mpc/protocol/ot/rvole.ts';
import { id32, pairId, type PairId, type SetupSessionId } from '../../../../mpc/protocol/primitives/ids.ts';
import { lagrange, partyId } from '../../../../mpc/protocol/primitives/parties.ts';
import { timesGBytes } from '../../../../mpc/protocol/primitives/points.ts';
import { Reader } from '../../../../mpc/protocol/primitives/wire.ts';
import { bigEndian, drawn, mod, q, randomScalar, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import { dealPair, dealKey, dealParties, digestOf, random } from '../support/dealer.ts';
import * as reference from '../support/reference.ts';
import { acceptAll, runSession } from '../support/session.ts';
import { concat, uintBytes, utf8, type RandomBytes } from '#base';

/** The same bytes as Node hands them out: a Buffer in the middle of a pool, whose slice() is a view and whose `buffer` begins elsewhere. */
function pooled(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(random(7)), bytes, Buffer.from(random(9))]).subarray(7, 7 + bytes.length);
}

/** A source that gives what another gives, in pooled Buffers, and remembers it. */
function recorded(): { readonly draws: Uint8Array[]; readonly source: RandomBytes } {
  const draws: Uint8Array[] = [];
  return {
    draws,
    source: (length) => {
      const bytes = random(length);
      draws.push(bytes.slice());
      return pooled(bytes);
    },
  };
}

/** All of a session up to the second messages, every party with a recorded source. */
function halfway(t: number): {
  readonly parties: ReturnType<typeof dealParties>['parties'];
  readonly first: readonly ReturnType<typeof recorded>[];
  readonly second: readonly ReturnType<typeof recorded>[];
  readonly one: readonly ReturnType<typeof signRound1>[];
  readonly two: readonly Extract<ReturnType<typeof signRound2>, { kind: 'send' }>[];
} {
  const { parties } = dealParties(t, t);
  const { acceptances, slots } = acceptAll({ signers: parties, digest: digestOf('recorded') });
  const [first, second] = [parties.map(recorded), parties.map(recorded)];
  const one = parties.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, first[index]!.source));
  const two = parties.map(({ key }, index) => {
    const step = signRound2(one[index]!.next, inbox(parties, one, key.id), second[index]!.source);
    assert.ok(step.kind === 'send');
    return step;
  });
  return { parties, first, second, one, two };
}

function inbox(parties: ReturnType<typeof dealParties>['parties'], steps: readonly SigningStep<unknown>[], to: PartyId): ReadonlyMap<PartyId, Uint8Array> {
  return new Map(
    parties.flatMap(({ key }, index) => steps[index]!.messages.filter((message) => message.to === to).map((message) => [key.id, message.bytes] as const)),
  );
}

/** H of 2.1, written out. */
function hashed(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of [utf8(tag), ...parts]) hash.update(uintBytes(part.length, 4)).update(part);
  return new Uint8Array(hash.digest());
}

const scalarOfDraw = (bytes: Uint8Array): bigint => bigEndian(bytes) % q;

describe('the memory of a signer', function () {
  this.timeout(0);

  it('takes messages as Buffers of a pool: an honest pair signs, and is not poisoned', () => {
    const { parties } = dealParties(2, 2);
    const endings = runSession({ signers: parties, digest: digestOf('buffers') }, (_round, _from, _to, bytes) => pooled(bytes));
    for (const ending of endings.values()) assert.equal(ending?.kind, 'signed');
  });

  it('reads a pair from a Buffer of a pool as from anything else, Delta first of all', () => {
    const { parties } = dealParties(2, 2);
    const signers = parties.map(({ key, pairs }) => ({ key, pairs: new Map([...pairs].map(([id, pair]) => [id, decodePair(pooled(encodePair(pair)))])) }));
    for (const ending of runSession({ signers, digest: digestOf('stored') }).values()) assert.equal(ending?.kind, 'signed');
    const bytes = pooled(encodePair(parties[0]!.pairs.values().next().value!));
    const pair = decodePair(bytes);
    const { zeroSeed, delta } = parties[0]!.pairs.values().next().value!.secrets;
    bytes.fill(0);
    assert.deepEqual([pair.secrets.zeroSeed, pair.secrets.delta], [zeroSeed, delta]);
  });

  it('keeps nothing that the owner of a message can change afterwards', () => {
    const bytes = pooled(new Uint8Array(48).fill(7));
    const read = new Reader(bytes, 48, partyId(1, 2), 'The message');
    const field = read.bytes(32);
    bytes.fill(0);
    assert.deepEqual(field, new Uint8Array(32).fill(7));
  });

  it('takes its choice bits from what was drawn, whatever kind of bytes that is, and never from fewer bytes than it asked for', () => {
    const [bob] = dealPair(...(dealKey(2, 2).keys as [ReturnType<typeof dealKey>['keys'][0], ReturnType<typeof dealKey>['keys'][0]]));
    const x = random(68);
    assert.deepEqual(bob1(id32<PairId>(new Uint8Array(32)), bob.secrets, () => pooled(x)).state.beta, x.slice(0, 52));
    assert.deepEqual(wordsOf(pooled(x)), wordsOf(x));
    const short: RandomBytes = (length) => random(length - 1);
    const direction = { sid: id32<SetupSessionId>(random(32)), alice: partyId(1, 2), bob: partyId(2, 2) };
    const { parties } = dealParties(2, 2);
    const request = { key: parties[0]!.key, signers: [1, 2], path: [], digest: digestOf('short'), requestId: random(32) };
    for (const ask of [
      () => bob1(id32<PairId>(random(32)), bob.secrets, short),
      () => randomScalar(short),
      () => choose(direction, short),
      () => acceptSigning(request, random(32), short),
      () => drawn(32, short),
    ])
      assert.throws(ask, /as many bytes as it is asked for/);
    const again = random(32);
    const kept = drawn(32, () => again);
    again.fill(0);
    assert.ok(kept.some((byte) => byte !== 0));
  });

  it('keeps what it accepted apart from the slot that it gave out', () => {
    const { parties } = dealParties(2, 2);
    const [a, b] = acceptAll({ signers: parties, digest: digestOf('slot') }).acceptances;
    const slots = new Map([
      [parties[0]!.key.id, { nonce: a!.slot.nonce.slice(), policyHash: a!.slot.policyHash.slice() }],
      [parties[1]!.key.id, b!.slot],
    ]);
    a!.slot.nonce.fill(0);
    a!.slot.policyHash.fill(0);
    signRound1(a!.acceptance, slots, parties[0]!.pairs, random);
  });

  it('shows nothing secret of a pair to JSON, to a log or to another thread', () => {
    const pair = dealParties(2, 2).parties[0]!.pairs.values().next().value!;
    assert.equal(JSON.stringify(pair), '{}');
    assert.ok(!inspect(pair, { depth: 9, showHidden: true }).includes('zeroSeed'));
    assert.deepEqual(Object.keys(structuredClone(pair)), []);
  });

  it('ends the sessions of a pair that is retired, blames nobody for it, and holds nothing of the pair any more', () => {
    const { parties, two } = halfway(2);
    const [first, second] = [parties[0]!, parties[1]!];
    const { acceptances, slots } = acceptAll({ signers: parties, digest: digestOf('in flight') });
    const early = parties.map(({ pairs }, index) => signRound1(acceptances[index]!.acceptance, slots, pairs, random));
    const pair = first.pairs.get(second.key.id)!;
    const { zeroSeed, k0, k1, delta, kDelta } = pair.secrets;
    pair.retire();
    pair.retire();
    for (const secret of [zeroSeed, k0, k1, delta, kDelta]) assert.ok(secret.every((byte) => byte === 0));
    assert.throws(() => encodePair(pair), { code: 'mpc/pair-not-usable' });
    for (const end of [
      signRound2(early[0]!.next, inbox(parties, early, first.key.id), random),
      signRound3(two[0]!.next, inbox(parties, two, first.key.id), random),
    ]) {
      assert.ok(end.kind === 'abort');
      assert.deepEqual([end.abort.problem.code, end.abort.culprit, end.abort.effect], ['mpc/pair-not-usable', null, 'none']);
    }
    assert.ok(!pair.isPoisoned);
  });

  it('holds the fresh randomness of the first round where the digest wants it: r, phi, salt, a choice of its own for each peer, and what binds them', () => {
    const { parties, first, one, two } = halfway(3);
    const R = (index: number): Uint8Array => timesGBytes(scalarOfDraw(first[index]!.draws[0]!));
    for (const [index, { draws }] of first.entries()) {
      const [r, phi, salt, ...choices] = draws;
      const { key } = parties[index]!;
      assert.deepEqual([r!.length, phi!.length, salt!.length, ...choices.map((x) => x.length)], [64, 64, 32, 68, 68]);
      for (const [k, { to, bytes }] of one[index]!.messages.entries()) {
        const { secrets } = parties[index]!.pairs.get(to)!;
        const s = pairId(one[index]!.sid, to, key.id, secrets.setupId);
        assert.deepEqual(decodeRound1(bytes, key.id).ot, reference.extension(s, secrets.k0, secrets.k1, reference.littleEndian(choices[k]!)));
        const sent = decodeRound2(two[index]!.messages.find((message) => message.to === to)!.bytes, key.id);
        assert.deepEqual(sent.RBytes, R(index));
        assert.deepEqual(sent.salt, salt);
        const coms = parties.map((party, i) => hashed('sign-com/v1', one[0]!.sid, uintBytes(party.key.id, 2), R(i), first[i]!.draws[2]!));
        assert.deepEqual(decodeRound1(bytes, key.id).com, coms[index]);
        assert.deepEqual(sent.echo, hashed('sign-echo/v1', one[0]!.sid, concat(uintBytes(3, 4), ...coms)));
        const chi = reference.gadget.reduce((total, g, j) => total + (((choices[k]![j >> 3]! >> (j & 7)) & 1) === 1 ? g : 0n), 0n);
        assert.equal(sent.psi, mod(scalarOfDraw(phi!) - chi));
      }
    }
  });

  it('multiplies in the second round by r and by a share that nobody sees twice, with check values of its own for each peer', () => {
    const { parties, first, second, one, two } = halfway(3);
    const S = parties.map(({ key }) => key.id);
    const seen = new Set<string>();
    for (const [index, { draws }] of second.entries()) {
      const { key, pairs } = parties[index]!;
      assert.deepEqual(
        draws.map((bytes) => bytes.length),
        [64, 64, 64, 64],
      );
      const state = two[index]!.next.take();
      assert.deepEqual(timesGBytes(state.sk), decodeRound2(two[index]!.messages[0]!.bytes, key.id).pk.toBytes(false));
      // Without zeta_i it would be the same in every signature of these signers (4.1, 15).
      assert.notEqual(state.sk, mod(lagrange(key.id, S) * bigEndian(key.share)));
      for (const [k, { to, bytes }] of two[index]!.messages.entries()) {
        const { secrets } = pairs.get(to)!;
        const otMessage = decodeRound1(one[S.indexOf(to)]!.messages.find((message) => message.to === key.id)!.bytes, to).ot;
        const { message } = reference.multiplication({
          s: pairId(one[index]!.sid, key.id, to, secrets.setupId),
          delta: reference.littleEndian(secrets.delta),
          kDelta: secrets.kDelta,
          otMessage,
          a: [scalarOfDraw(first[index]!.draws[0]!), state.sk],
          ahat: [scalarOfDraw(draws[2 * k]!), scalarOfDraw(draws[2 * k + 1]!)],
        });
        const sent = decodeRound2(bytes, key.id).rvole;
        assert.deepEqual(concat(sent.at, ...sent.eta.map(scalarBytes), sent.M), message);
      }
      for (const draw of draws) seen.add(Buffer.from(draw).toString('hex'));
    }
    assert.equal(seen.size, 12);
  });

  it('no longer holds a choice after the check that used it, passed or failed', () => {
    for (const isChanged of [false, true]) {
      const { parties: signers, two: steps } = halfway(2);
      let choice: Uint8Array[] = [];
      const messages = new Map(inbox(signers, steps, signers[0]!.key.id));
      if (isChanged) for (const bytes of messages.values()) bytes[53_667]! ^= 1;
      const stop = new Error('not yet');
      assert.throws(
        () =>
          steps[0]!.next.take((state) => {
            const { beta, gamma } = state.bob.get(signers[1]!.key.id)!;
            choice = [beta, gamma];
            throw stop;
          }),
        stop,
      );
      assert.equal(signRound3(steps[0]!.next, messages, random).kind, isChanged ? 'abort' : 'release');
      assert.deepEqual(
        choice.map((bytes) => bytes.every((byte) => byte === 0)),
        [true, true],
      );
    }
  });
});
