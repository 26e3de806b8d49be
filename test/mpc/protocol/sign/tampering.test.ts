import assert from 'node:assert/strict';
import { pointBytes, pointOf, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { mod, q, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import type { AbortCode, Effect } from '#mpc/protocol';
import { dealParties, digestOf, type Party } from '../support/dealer.ts';
import { recordSession, runSession, type Ending, type Recorded, type Tamper } from '../support/session.ts';
import { concat } from '#base';

type Round = 1 | 2 | 3;

interface Field {
  readonly name: string;
  readonly round: Round;
  readonly at: number;
  readonly bytes: number;
  readonly kind: 'bytes' | 'scalar' | 'scalars' | 'point';
  /** What another well-formed value of this field leads to. */
  readonly code: AbortCode;
}

/** Every field of every message (T-04), where it stands, and the check that a wrong value of it runs into. */
const FIELDS: readonly Field[] = [
  { name: 'sid', round: 1, at: 0, bytes: 32, kind: 'bytes', code: 'mpc/session-differs' },
  { name: 'setupId', round: 1, at: 32, bytes: 32, kind: 'bytes', code: 'mpc/session-differs' },
  { name: 'com', round: 1, at: 64, bytes: 32, kind: 'bytes', code: 'mpc/echo-differs' },
  { name: 'u', round: 1, at: 96, bytes: 8_704, kind: 'bytes', code: 'mpc/ot-check-failed' },
  { name: 'xh', round: 1, at: 8_800, bytes: 16, kind: 'bytes', code: 'mpc/ot-check-failed' },
  { name: 'T', round: 1, at: 8_816, bytes: 32, kind: 'bytes', code: 'mpc/ot-check-failed' },
  { name: 'R', round: 2, at: 0, bytes: 65, kind: 'point', code: 'mpc/bad-opening' },
  { name: 'salt', round: 2, at: 65, bytes: 32, kind: 'bytes', code: 'mpc/bad-opening' },
  { name: 'pk', round: 2, at: 97, bytes: 65, kind: 'point', code: 'mpc/product-check-failed' },
  { name: 'Gu', round: 2, at: 162, bytes: 65, kind: 'point', code: 'mpc/product-check-failed' },
  { name: 'Gv', round: 2, at: 227, bytes: 65, kind: 'point', code: 'mpc/product-check-failed' },
  { name: 'psi', round: 2, at: 292, bytes: 32, kind: 'scalar', code: 'mpc/invalid-signature' },
  { name: 'at', round: 2, at: 324, bytes: 53_248, kind: 'scalars', code: 'mpc/rvole-check-failed' },
  { name: 'eta', round: 2, at: 53_572, bytes: 64, kind: 'scalars', code: 'mpc/rvole-check-failed' },
  { name: 'M', round: 2, at: 53_636, bytes: 32, kind: 'bytes', code: 'mpc/rvole-check-failed' },
  { name: 'echo', round: 2, at: 53_668, bytes: 32, kind: 'bytes', code: 'mpc/echo-differs' },
  { name: 'u of the end', round: 3, at: 0, bytes: 32, kind: 'scalar', code: 'mpc/invalid-signature' },
  { name: 'w', round: 3, at: 32, bytes: 32, kind: 'scalar', code: 'mpc/invalid-signature' },
];

const ROUND_BYTES: Readonly<Record<Round, number>> = { 1: 8_848, 2: 53_700, 3: 64 };

/** The table of section 12, once more. */
const EFFECTS: Partial<Record<AbortCode, Effect>> = {
  'mpc/malformed-message': 'count',
  'mpc/session-differs': 'alarm',
  'mpc/echo-differs': 'keep-evidence',
  'mpc/bad-opening': 'keep-evidence',
  'mpc/ot-check-failed': 'poison-pair',
  'mpc/rvole-check-failed': 'poison-pair',
  'mpc/product-check-failed': 'poison-pair',
  'mpc/key-sum-differs': 'self-test',
  'mpc/invalid-signature': 'count-failure',
};

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
function check(field: Field, what: string, change: (value: Uint8Array) => Uint8Array, code: AbortCode = field.code): void {
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
      const fields = FIELDS.filter((field) => field.round === round);
      const ends = fields.map(({ at, bytes }) => at + bytes);
      assert.deepEqual(
        fields.map(({ at }) => at),
        [0, ...ends.slice(0, -1)],
      );
      assert.equal(ends.at(-1), ROUND_BYTES[round]);
    }
  });

  for (const field of FIELDS) {
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
    for (const field of FIELDS.filter(({ name }) => name !== 'setupId')) {
      const { parties } = dealParties(2, 2);
      const other = recordSession({ signers: parties, digest: digestOf('another') });
      const outcome = ending(parties, field.round, (bytes) => {
        bytes.set(message(other, field.round, 2, 1).slice(field.at, field.at + field.bytes), field.at);
        return bytes;
      });
      mustAbort(outcome, field.code, field.code === 'mpc/session-differs' ? null : 2, field.name);
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
