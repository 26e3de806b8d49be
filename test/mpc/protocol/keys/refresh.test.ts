import assert from 'node:assert/strict';
import fc from 'fast-check';
import { allParties, derive, refreshBegin, type KeyRecord, type PartyId } from '#mpc/protocol';
import { concat, uintBytes } from '#base';
import type { Kind } from '../../../../mpc/protocol/keys/rounds.ts';
import { q, scalarOf } from '../../../../mpc/protocol/primitives/scalars.ts';
import { pointBytes, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { drawing, interpolated, recordsOf, runDkg, runRefresh, subsets, type Hand, type Passing } from '../support/ceremony.ts';
import { random } from '../support/dealer.ts';
import { BODIES } from '../support/fields.ts';
import { assertVerdict, changesOf, changing, HEADER, LENGTHS, recording, type Field, type Verdict } from '../support/tampering.ts';

const P = (id: number): PartyId => id as PartyId;
const BY_3 = (...codes: string[]): Verdict => ({ codes, culprit: P(3) });
const NOBODY = (...codes: string[]): Verdict => ({ codes, culprit: null });

describe('refresh', () => {
  it('gives new shares of the same key, for any threshold up to 3 of 5, and mixing epochs gives another key', () => {
    const threshold = fc.integer({ min: 2, max: 5 }).chain((n) => fc.record({ n: fc.constant(n), t: fc.integer({ min: 2, max: Math.min(3, n) }) }));
    fc.assert(
      fc.property(threshold, ({ t, n }) => {
        const before = recordsOf(runDkg(t, n));
        const after = recordsOf(runRefresh(before));
        for (const [index, record] of after.entries()) {
          assert.deepEqual(record.publicKey, before[index]!.publicKey);
          assert.deepEqual(record.chainCode, before[index]!.chainCode);
          assert.equal(record.epoch, before[index]!.epoch + 1);
          assert.notDeepEqual(record.share, before[index]!.share);
          assert.notDeepEqual(record.epochId, before[index]!.epochId);
          assert.deepEqual(pointBytes(timesG(scalarOf(record.share)!)), record.publicShares[index]);
        }
        for (const S of subsets(allParties(n), t)) {
          assert.deepEqual(interpolated(after, S), after[0]!.publicKey);
          const mixed = after.map((record, index) => (index === S[0]! - 1 ? before[index]! : record));
          assert.notDeepEqual(interpolated(mixed, S), after[0]!.publicKey);
        }
      }),
      { numRuns: 8 },
    );
  }).timeout(30_000);

  it('T-12 changes neither the chain code nor any derived address, over many epochs', () => {
    let records = recordsOf(runDkg(2, 3));
    const paths = [[], [0], [44, 60, 0], [2 ** 31 - 1, 7]];
    const addresses = (record: KeyRecord): Uint8Array[] => paths.map((path) => derive(record, path).publicKey);
    const first = addresses(records[0]!);
    for (let epoch = 2; epoch <= 5; epoch++) {
      records = recordsOf(runRefresh(records));
      for (const record of records) assert.deepEqual(addresses(record), first);
    }
  });

  const records = recordsOf(runDkg(3, 3));
  const FIELDS: Readonly<Record<Extract<Kind, `refresh/${string}`>, readonly (Field & { readonly verdict: Verdict })[]>> = {
    'refresh/nonce': BODIES['refresh/nonce'].map((field) => ({ ...field, verdict: NOBODY('mpc/session-differs') })),
    'refresh/commitment': BODIES['refresh/commitment'].map((field) => ({ ...field, verdict: BY_3('mpc/bad-opening') })),
    'refresh/opening': BODIES['refresh/opening'].map((field) => ({ ...field, verdict: BY_3('mpc/bad-opening', 'mpc/malformed-message') })),
    'refresh/share': BODIES['refresh/share'].map((field) => ({ ...field, verdict: BY_3('mpc/bad-share', 'mpc/malformed-message') })),
    'refresh/echo': BODIES['refresh/echo'].map((field) => ({ ...field, verdict: NOBODY('mpc/echo-differs') })),
  };

  for (const [kind, fields] of Object.entries(FIELDS) as [Kind, readonly (Field & { verdict: Verdict })[]][]) {
    it(`T-12 aborts with the right blame on every change of every field of ${kind}`, () => {
      const header = HEADER.map((field) => ({ ...field, verdict: field.name === 'sid' ? NOBODY('mpc/session-differs') : BY_3('mpc/malformed-message') }));
      for (const field of [...header, ...fields])
        for (const change of changesOf(field)) assertVerdict(runRefresh(records, { hand: changing(kind, '3', '1', change) }), '1', field.verdict, change.name);
      for (const change of LENGTHS)
        assertVerdict(runRefresh(records, { hand: changing(kind, '3', '1', change) }), '1', BY_3('mpc/malformed-message'), change.name);
    }).timeout(30_000);
  }

  it('takes no message of another attempt, of another epoch, of key generation or of another sender', () => {
    const [attempt, generation]: [Passing[], Passing[]] = [[], []];
    runRefresh(records, { hand: recording(attempt) });
    runDkg(3, 3, { hand: recording(generation) });
    for (const kind of ['refresh/nonce', 'refresh/commitment', 'refresh/opening', 'refresh/share', 'refresh/echo'] as const) {
      const seen: Passing[] = [];
      const show =
        (bytes: () => Uint8Array): Hand =>
        (passing) => (seen.push(passing), passing.kind === kind && passing.from === '3' && passing.to === '2' ? bytes() : passing.bytes);
      const pick = (from: readonly Passing[], is: (passing: Passing) => boolean): Uint8Array => from.find(is)!.bytes;
      if (kind !== 'refresh/nonce') {
        seen.length = 0;
        const older = runRefresh(records, { hand: show(() => pick(attempt, (p) => p.kind === kind && p.from === '3' && p.to === '2')) });
        assertVerdict(older, '2', NOBODY('mpc/session-differs'), `${kind} of another attempt`);
      }
      seen.length = 0;
      const sender = runRefresh(records, { hand: show(() => pick(seen, (p) => p.kind === kind && p.from === '1' && p.to === '2')) });
      assertVerdict(sender, '2', BY_3('mpc/malformed-message'), `${kind} of another sender`);
      const round = kind.replace('refresh', 'dkg').replace('echo', 'proof');
      const ceremony = runRefresh(records, { hand: show(() => pick(generation, (p) => p.kind === round && p.from === '3' && p.to === '2')) });
      assertVerdict(ceremony, '2', NOBODY('mpc/session-differs'), `${kind} of key generation`);
    }
    const next = recordsOf(runRefresh(records));
    const mixed = runRefresh([records[0]!, next[1]!, next[2]!], { next: 3 });
    for (const party of ['1', '2', '3']) assertVerdict(mixed, party, NOBODY('mpc/session-differs'), 'another epoch');
  });

  it('T-11 refuses t or t - 2 coefficients, and a polynomial whose constant is not 0, which would move the key', () => {
    const longer: Hand = ({ kind, from, bytes }) => (kind === 'refresh/opening' && from === '3' ? concat(bytes.subarray(0, 102), bytes.subarray(37)) : bytes);
    const shorter: Hand = ({ kind, from, bytes }) => (kind === 'refresh/opening' && from === '3' ? concat(bytes.subarray(0, 37), bytes.subarray(102)) : bytes);
    for (const hand of [longer, shorter])
      for (const party of ['1', '2']) assertVerdict(runRefresh(records, { hand }), party, BY_3('mpc/malformed-message'), 'coefficients');
    // Every share of party 3 moved by one: f_3(0) = 1, and no vector without a constant term fits.
    const moved: Hand = ({ kind, from, bytes }) =>
      kind === 'refresh/share' && from === '3' ? concat(bytes.subarray(0, 37), uintBytes((scalarOf(bytes.subarray(37))! + 1n) % q, 32)) : bytes;
    for (const party of ['1', '2']) assertVerdict(runRefresh(records, { hand: moved }), party, BY_3('mpc/bad-share'), 'constant');
  });

  it('gives nobody a share of zero, which would be no secret', () => {
    const two = recordsOf(runDkg(2, 3));
    // f_1(1) + f_2(1) + f_3(1) = -x_1: the slopes sum to it.
    const slopes = [5n, 7n, q - ((scalarOf(two[0]!.share)! + 12n) % q)];
    const endings = runRefresh(two, { randomOf: (id) => drawing(slopes[id - 1]!) });
    for (const party of ['1', '2', '3']) assertVerdict(endings, party, NOBODY('mpc/key-differs'), 'x_1 = 0');
  });

  it('refuses a share s + q', () => {
    const two = recordsOf(runDkg(2, 3));
    // f_3(X) = 5 X, so f_3(1) = 5.
    const hand: Hand = ({ kind, from, to, bytes }) => {
      if (kind !== 'refresh/share' || from !== '3' || to !== '1') return bytes;
      assert.equal(scalarOf(bytes.subarray(37)), 5n);
      return concat(bytes.subarray(0, 37), uintBytes(5n + q, 32));
    };
    assertVerdict(runRefresh(two, { hand, randomOf: (id) => (id === 3 ? drawing(5n) : random) }), '1', BY_3('mpc/malformed-message'), 'share + q');
  });

  it('notices that the own share is damaged, and refuses an epoch that does not come next', () => {
    const damaged = { ...records[0]!, share: uintBytes(scalarOf(records[0]!.share)! + 1n, 32) };
    assertVerdict(runRefresh([damaged, records[1]!, records[2]!]), '1', NOBODY('mpc/key-differs'), 'damaged share');
    // What it has stored of another party is damaged: its own share would fit, and the new public shares not be those of X.
    const [first, second, third] = records[0]!.publicShares;
    const misled = { ...records[0]!, publicShares: [first!, third!, second!] };
    assertVerdict(runRefresh([misled, records[1]!, records[2]!]), '1', NOBODY('mpc/key-differs'), 'damaged public share');
    for (const next of [0, 1, 1.5, 2 ** 32]) assert.throws(() => refreshBegin(records[0]!, next, random), /mpc\/bad-parameters/);
  });
});
