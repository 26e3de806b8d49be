import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_AMOUNT } from '#base';
import { booleans, int2s, int4s, int8s, jsonbs, numerics, texts, uuids } from '../../../src/ledger/store/binary.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const INT8 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

describe('arrays in PostgreSQL’s binary format', () => {
  let db: TestDatabase;
  before(async () => (db = await testDatabase()));
  after(() => db.close());

  /** What PostgreSQL reads, as text. */
  async function readBack(type: string, array: Buffer): Promise<(string | null)[]> {
    const { rows } = await db.owner.query<{ value: string | null }>(
      `select value::text from unnest($1::${type}[]) with ordinality as t (value, place) order by place`,
      [array],
    );
    return rows.map((row) => row.value);
  }

  async function survives<T>(
    type: string,
    encode: (values: (T | null)[]) => Buffer,
    value: fc.Arbitrary<T>,
    print: (value: T) => string = String,
  ): Promise<void> {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(value), { maxLength: 20 }), async (values) => {
        assert.deepEqual(
          await readBack(type, encode(values)),
          values.map((element) => (element === null ? null : print(element))),
        );
      }),
      { numRuns: 60 },
    );
  }

  it('carry int2 as it is', () => survives('int2', int2s, fc.integer({ min: -32768, max: 32767 })));
  it('carry int4 as it is', () => survives('int4', int4s, fc.integer()));
  it('carry int8 from numbers as it is', () => survives('int8', int8s, fc.maxSafeInteger()));
  it('carry int8 from bigints as it is', () => survives('int8', int8s, fc.bigInt(INT8)));
  it('carry uuid as it is', () => survives('uuid', uuids, fc.uuid()));
  it('carry text as it is', () =>
    survives(
      'text',
      texts,
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    ));
  it('carry boolean as it is', async () => assert.deepEqual(await readBack('boolean', booleans([true, false, true])), ['true', 'false', 'true']));
  it('carry jsonb as it is', () => survives('jsonb', jsonbs, fc.integer().map(String)));
  it('carry numeric, up to the largest amount', async () => {
    const edges = [0n, 1n, 9_999n, 10_000n, 2n ** 53n - 1n, 2n ** 53n, 10n ** 32n, MAX_AMOUNT - 1n, MAX_AMOUNT];
    assert.deepEqual(await readBack('numeric', numerics(edges)), edges.map(String));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.bigInt(0n, MAX_AMOUNT)), async (values) =>
        assert.deepEqual(await readBack('numeric', numerics(values)), values.map(String)),
      ),
      { numRuns: 60 },
    );
  });
});
