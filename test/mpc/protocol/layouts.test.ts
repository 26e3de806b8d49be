import assert from 'node:assert/strict';
import { anchorOf, beginSetup, exchangeSetup, finishSetup, openSetup, partyId, publicPart, type Aborted, type Context, type PartyId } from '#mpc/protocol';
import { confirmationMessage, readConfirmation } from '../../../mpc/protocol/keys/switch/confirmation.ts';
import { id32 } from '../../../mpc/protocol/primitives/ids.ts';
import { Reader } from '../../../mpc/protocol/primitives/wire.ts';
import { isAbort, recordsOf, runDkg, runRefresh, runReshare, type Passing } from './support/ceremony.ts';
import { dealParties, digestOf, random } from './support/dealer.ts';
import { BODIES, ROUND_BYTES, SETUP_FIELDS, SIGNING_FIELDS } from './support/fields.ts';
import { recordSession } from './support/session.ts';
import { HEADER, recording } from './support/tampering.ts';

interface Read {
  readonly at: number;
  readonly length: number;
  readonly as: 'bytes' | 'scalar' | 'point';
}

/** What every decoder of messages reads while `work` runs: one list of fields a Reader, by the order and the length of its reads. */
function reads(work: () => unknown): Read[][] {
  const seen = new Map<Reader, Read[]>();
  const real = Object.getOwnPropertyDescriptors(Reader.prototype);
  const called = (name: 'bytes' | 'scalar' | 'point', reader: Reader, ...args: readonly number[]): never =>
    Reflect.apply(real[name].value!, reader, args) as never;
  Reader.prototype.bytes = function (length) {
    const before = seen.get(this) ?? [];
    const last = before.at(-1);
    if (length > 0) seen.set(this, [...before, { at: last ? last.at + last.length : 0, length, as: 'bytes' }]);
    return called('bytes', this, length);
  };
  for (const as of ['scalar', 'point'] as const) {
    Reader.prototype[as] = function (this: Reader): never {
      const value = called(as, this);
      const all = seen.get(this)!;
      seen.set(
        this,
        all.map((field, i) => (i === all.length - 1 ? { ...field, as } : field)),
      );
      return value;
    };
  }
  try {
    work();
  } finally {
    Object.defineProperties(Reader.prototype, real);
  }
  return [...seen.values()];
}

function must<Step>(outcome: Step | Aborted): Step {
  if (isAbort(outcome)) throw outcome.abort.problem;
  return outcome;
}

const lengthOf = (fields: readonly Read[]): number => fields.reduce((total, { length }) => total + length, 0);

const endOf = (table: readonly { readonly length: number }[]): number => table.reduce((total, { length }) => total + length, 0);

/** Every edge between two fields that a decoder knows is one of the table, and the table ends where the decoder does. */
function assertCovers(table: readonly { readonly at: number; readonly length: number }[], fields: readonly Read[], what: string): void {
  const edges = new Set(table.map(({ at }) => at));
  assert.deepEqual(
    fields.map(({ at }) => at).filter((at) => !edges.has(at)),
    [],
    `${what}: the table misses a field`,
  );
  const last = table.at(-1)!;
  assert.equal(last.at + last.length, lengthOf(fields), what);
  for (const [i, { at }] of table.entries()) assert.equal(at, i === 0 ? 0 : table[i - 1]!.at + table[i - 1]!.length, `${what}: the table has a gap`);
}

describe('the tables of fields', function () {
  this.timeout(0);

  it('T-04 have every field that a decoder of the three rounds of signing reads, as what it reads it', () => {
    const all = reads(() => recordSession({ signers: dealParties(2, 2).parties, digest: digestOf('layout') }));
    for (const round of [1, 2, 3] as const) {
      const found = all.filter((fields) => lengthOf(fields) === ROUND_BYTES[round]);
      assert.equal(found.length, 2, `round ${round} is read by both`);
      const table = SIGNING_FIELDS.filter((field) => field.round === round).map(({ bytes, ...field }) => ({ ...field, length: bytes }));
      for (const fields of found) {
        assertCovers(table, fields, `round ${round}`);
        for (const { at, as } of fields.filter((field) => field.as !== 'bytes')) assert.equal(table.find((field) => field.at === at)!.kind, as);
      }
    }
    assert.equal(all.length, 6, 'there is no fourth message');
  });

  it('T-04 have every field that a decoder of key generation, refresh, reshare or a confirmation reads', () => {
    const passed: Passing[] = [];
    const hand = recording(passed);
    const all = reads(() => {
      const records = recordsOf(runDkg(2, 3, { hand }));
      const three = recordsOf(runDkg(3, 3));
      recordsOf(runRefresh(three, { hand }));
      const next = { t: 2, n: 3, identities: [1, 2, 3].map(() => random(32)) };
      runReshare(records, { anchor: anchorOf(records[0]!), dealers: [1, 3] as PartyId[], next, epoch: 2 }, { hand });
      const epoch = publicPart(records[0]!);
      const message = confirmationMessage(epoch, 2 as PartyId, random(64));
      passed.push({ kind: 'confirmation', from: '2', to: '1', bytes: message });
      readConfirmation(epoch, 2 as PartyId, message, () => true);
    });
    const kinds = new Set(passed.map(({ kind }) => kind));
    assert.deepEqual([...kinds].sort(), Object.keys(BODIES).sort(), 'every kind of message has passed');
    for (const kind of kinds) {
      const table = [...HEADER, ...BODIES[kind]];
      for (const { bytes } of passed.filter((each) => each.kind === kind)) assert.equal(bytes.length, endOf(table), kind);
    }
    // Which message a Reader read is not seen; the edges of each have to be those of a table of that length, and each table has to be met.
    const tables = [...kinds].map((kind) => [...HEADER, ...BODIES[kind]]);
    for (const fields of all) {
      const alike = tables.filter((table) => endOf(table) === lengthOf(fields));
      // The commitments of a generation of 3-of-3 have one coefficient more than the table.
      if (lengthOf(fields) === 37 + 4 * 65 + 3 * 32) continue;
      assert.ok(
        alike.some((table) => fields.every(({ at }) => table.some((field) => field.at === at))),
        JSON.stringify(fields),
      );
    }
  });

  it('T-04 have every field that a decoder of a set-up reads', () => {
    const [own, peer] = [partyId(1, 2), partyId(2, 2)];
    const ctx = id32<Context>(random(32));
    const step = reads(() => {
      const a = beginSetup({ ctx, own, peer, generation: 0 }, random);
      const b = beginSetup({ ctx, own: peer, peer: own, generation: 0 }, random);
      const [mine, theirs] = [must(exchangeSetup(a.next, b.bytes, random)), must(exchangeSetup(b.next, a.bytes, random))];
      const [opened, reply] = [must(openSetup(mine.next, theirs.bytes)), must(openSetup(theirs.next, mine.bytes))];
      must(finishSetup(opened.next, reply.bytes));
    });
    for (const [name, table] of Object.entries(SETUP_FIELDS)) {
      const last = table.at(-1)!;
      const found = step.filter((fields) => lengthOf(fields) === last.at + last.length);
      assert.ok(found.length > 0, name);
      for (const fields of found) assertCovers(table, fields, name);
    }
    assert.deepEqual(
      new Set(step.map(lengthOf)),
      new Set([32, 8_513, 33, 8_448, 64]),
      'there is no fourth message, and of the second A and the phi are read once more by themselves',
    );
  });
});
