import assert from 'node:assert/strict';
import { pointBytes, pointOf, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { mod, q, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import type { AbortCode } from '#mpc/protocol';
import { dealParties, digestOf, type Party } from '../support/dealer.ts';
import { EFFECTS, ROUND_BYTES, SIGNING_FIELDS, type Round, type SigningField } from '../support/fields.ts';
import { recordSession, runSession, type Ending, type Recorded, type Tamper } from '../support/session.ts';
import { concat } from '#base';

/** What party 1 ends with when the bytes from party 2 to it are changed in one round. */
function ending(parties: readonly Party[], round: Round, change: (bytes: Uint8Array) => Uint8Array, digest = digestOf('tampered')): Ending | null {
  const tamper: Tamper = (at, from, to, bytes) => (at === round && from === parties[1]!.key.id && to === parties[0]!.key.id ? change(bytes) : bytes);
  return runSession({ signers: parties, digest }, tamper).get(parties[0]!.key.id)!;
}

function mustAbort(outcome: Ending | null, code: AbortCode, culprit: number | null, what: string): void {
  assert.equal(outcome?.kind, 'abort', `${what}: ${outcome?.kind}`);
  const { abort } = outcome;
  assert.deepEqual([abort.problem.code, abort.culprit, abort.effect], [code, culprit, EFFECTS[code]], `${what}: ${abort.problem.message}`);
}

/** The change of one field of party 2's message, in a fresh 2-of-2 key: the abort, and that the pair is poisoned exactly where the abort says so. */
function check(field: SigningField, what: string, change: (value: Uint8Array) => Uint8Array, code: AbortCode = field.code): void {
  const { parties } = dealParties(2, 2);
  const outcome = ending(parties, field.round, (bytes) => {
    const end = field.at + field.bytes;
    return concat(bytes.slice(0, field.at), change(bytes.slice(field.at, end)), bytes.slice(end));
  });
  mustAbort(outcome, code, code === 'mpc/session-differs' ? null : 2, `${field.name} ${what}`);
  assert.equal(parties[0]!.pairs.get(parties[1]!.key.id)!.isPoisoned, EFFECTS[code] === 'poison-pair', `${field.name} ${what}`);
}

function flipped(value: Uint8Array): Uint8Array {
  const changed = value.slice();
  changed[value.length - 1]! ^= 1;
  return changed;
}

const read = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** The last 32 bytes as a number and one more, mod q. */
function plusOne(value: Uint8Array): Uint8Array {
  return concat(value.slice(0, -32), scalarBytes(mod(read(value.slice(-32)) + 1n)));
}

/** 5 + q in the place of the last scalar, which is 5 for whoever reduces it. */
function notCanonical(value: Uint8Array): Uint8Array {
  return concat(value.slice(0, -32), new Uint8Array(Buffer.from((q + 5n).toString(16), 'hex')));
}

function otherPoint(value: Uint8Array): Uint8Array {
  return pointBytes(pointOf(value)!.add(timesG(1n)));
}

describe('a changed field', function () {
  this.timeout(0);

  it('T-04 the fields make up the whole of every message', () => {
    for (const round of [1, 2, 3] as const) {
      const fields = SIGNING_FIELDS.filter((field) => field.round === round);
      const ends = fields.map(({ at, bytes }) => at + bytes);
      assert.deepEqual(
        fields.map(({ at }) => at),
        [0, ...ends.slice(0, -1)],
      );
      assert.equal(ends.at(-1), ROUND_BYTES[round]);
    }
  });

  for (const field of SIGNING_FIELDS) {
    it(`T-04 ${field.name} of round ${field.round}: flipped, one more, not canonical, cut short, drawn out`, () => {
      if (field.kind === 'bytes') {
        check(field, 'flipped at its end', flipped);
        check(field, 'flipped at its beginning', (value) => Uint8Array.of(value[0]! ^ 0x80, ...value.slice(1)));
      }
      if (field.kind === 'scalar' || field.kind === 'scalars') {
        check(field, 'flipped', flipped);
        check(field, 'one more', plusOne);
        check(field, 'plus q', notCanonical, 'mpc/malformed-message');
      }
      if (field.kind === 'point') {
        check(field, 'another point', otherPoint);
        check(field, 'its negative', (value) => pointBytes(pointOf(value)!.negate()));
        check(field, 'flipped', flipped, 'mpc/malformed-message');
        check(field, 'the identity', (value) => new Uint8Array(value.length), 'mpc/malformed-message');
        check(field, 'hybrid', (value) => Uint8Array.of(6 + (value[64]! & 1), ...value.slice(1)), 'mpc/malformed-message');
      }
      check(field, 'cut short', (value) => value.slice(1), 'mpc/malformed-message');
      check(field, 'drawn out', (value) => Uint8Array.of(...value, 0), 'mpc/malformed-message');
    });
  }

  it('T-04 every field of another session of the same two signers runs into its own check', () => {
    // Of all fields only setupId is the same in every session of a set-up.
    for (const field of SIGNING_FIELDS.filter(({ name }) => name !== 'setupId')) {
      const { parties } = dealParties(2, 2);
      const other = recordSession({ signers: parties, digest: digestOf('another') });
      const outcome = ending(parties, field.round, (bytes) => {
        bytes.set(message(other, field.round, 2, 1).slice(field.at, field.at + field.bytes), field.at);
        return bytes;
      });
      mustAbort(outcome, field.code, field.code === 'mpc/session-differs' ? null : 2, field.name);
    }
  });

  it('T-04 every field of the other direction of the same session, and every field of another signer, runs into its own check', () => {
    // What both directions, or all signers, share is no change: the session is signed. Between two signers setupId is the same both ways, of three it is not.
    const shared = (name: string, size: number): boolean => name === 'sid' || name === 'echo' || (name === 'setupId' && size === 2);
    for (const size of [2, 3])
      for (const field of SIGNING_FIELDS) {
        const [one, two, three] = dealParties(size, size).parties;
        // The session asks for messages in the order of the signers, so that what is shown in party 2's place has passed before.
        const signers = size === 2 ? [two!, one!] : [three!, one!, two!];
        let shown: Uint8Array | undefined;
        const endings = runSession({ signers, digest: digestOf('place') }, (round, from, to, bytes) => {
          if (round !== field.round) return bytes;
          if (size === 2 ? from === 1 : from === 3 && to === 1) shown = bytes.slice();
          if (from === 2 && to === 1) bytes.set(shown!.slice(field.at, field.at + field.bytes), field.at);
          return bytes;
        });
        const outcome = endings.get(one!.key.id)!;
        const what = `${field.name} of ${size === 2 ? 'the other direction' : 'another signer'}`;
        if (shared(field.name, size)) {
          assert.equal(outcome?.kind, 'signed', what);
          continue;
        }
        const culprit = field.code === 'mpc/session-differs' || (size === 3 && ['mpc/echo-differs', 'mpc/invalid-signature'].includes(field.code)) ? null : 2;
        mustAbort(outcome, field.code, culprit, what);
        assert.equal(one!.pairs.get(two!.key.id)!.isPoisoned, EFFECTS[field.code] === 'poison-pair', what);
        if (three) assert.ok(!one!.pairs.get(three.key.id)!.isPoisoned, what);
      }
  });

  it('T-04 a whole message of another session is a plain abort in round 1, an echo that differs in round 2, no signature in round 3: never a poisoning', () => {
    for (const [round, code] of [
      [1, 'mpc/session-differs'],
      [2, 'mpc/echo-differs'],
      [3, 'mpc/invalid-signature'],
    ] as const) {
      const { parties } = dealParties(2, 2);
      const other = recordSession({ signers: parties, digest: digestOf('another') });
      mustAbort(
        ending(parties, round, () => message(other, round, 2, 1)),
        code,
        round === 1 ? null : 2,
        `round ${round}`,
      );
      assert.ok(!parties[0]!.pairs.get(parties[1]!.key.id)!.isPoisoned);
    }
  });

  it('T-04 a message of another round is no message', () => {
    for (const round of [1, 2, 3] as const)
      for (const wrong of ([1, 2, 3] as const).filter((each) => each !== round)) {
        const { parties } = dealParties(2, 2);
        const other = recordSession({ signers: parties, digest: digestOf('another') });
        mustAbort(
          ending(parties, round, () => message(other, wrong, 2, 1)),
          'mpc/malformed-message',
          2,
          `${wrong} in round ${round}`,
        );
      }
  });

  it("T-04 another signer's message of the same session is not taken for a signer's own", () => {
    for (const [round, code, culprit] of [
      [1, 'mpc/session-differs', null],
      [2, 'mpc/bad-opening', 2],
      [3, 'mpc/invalid-signature', null],
    ] as const) {
      const signers = dealParties(3, 4).parties.slice(0, 3);
      let third: Uint8Array | undefined;
      // Party 3's messages pass here before party 1 reads its inbox: the session asks for them in the order of the signers.
      const swapped = runSession({ signers: [signers[2]!, signers[0]!, signers[1]!], digest: digestOf('swap') }, (at, from, to, bytes) => {
        if (at !== round || to !== 1) return bytes;
        if (from === 3) third = bytes;
        return from === 2 ? third!.slice() : bytes;
      });
      mustAbort(swapped.get(signers[0]!.key.id)!, code, culprit, `round ${round}`);
    }
  });

  it('T-10 reflected messages are not taken for the peer’s', () => {
    for (const [round, code, culprit] of [
      [1, 'mpc/ot-check-failed', 2],
      [2, 'mpc/bad-opening', 2],
      [3, 'mpc/invalid-signature', 2],
    ] as const) {
      const { parties } = dealParties(2, 2);
      let own: Uint8Array | undefined;
      const outcome = runSession({ signers: [parties[0]!, parties[1]!].reverse(), digest: digestOf('reflected') }, (at, from, to, bytes) => {
        if (at !== round) return bytes;
        if (from === 1) own = bytes;
        return from === 2 && to === 1 ? own!.slice() : bytes;
      });
      mustAbort(outcome.get(parties[0]!.key.id)!, code, culprit, `round ${round}`);
    }
  });

  it('T-10 a commitment copied from another party cannot be opened by the copyist', () => {
    const { parties } = dealParties(2, 2);
    const own = new Map<number, Uint8Array>();
    const outcome = runSession({ signers: [parties[1]!, parties[0]!], digest: digestOf('copied') }, (round, from, to, bytes) => {
      if (from === 1) own.set(round, bytes.slice());
      if (from !== 2 || to !== 1) return bytes;
      if (round === 1) bytes.set(own.get(1)!.slice(64, 96), 64);
      if (round === 2) {
        // R, salt and the echo of the party that is copied.
        bytes.set(own.get(2)!.slice(0, 97), 0);
        bytes.set(own.get(2)!.slice(53_668), 53_668);
      }
      return bytes;
    });
    mustAbort(outcome.get(parties[0]!.key.id)!, 'mpc/bad-opening', 2, 'a copied commitment');
  });
});

function message(session: Recorded, round: Round, from: number, to: number): Uint8Array {
  return session.messages.get(`${round} ${from} ${to}`)!.slice();
}
