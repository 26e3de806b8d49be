import { strict as assert } from 'node:assert';
import { Problem } from '#base';
import fc from 'fast-check';
import { rationalOf } from '#payments/core';
import { bandsAround, readMerchants, readRateBands } from '../../../../mpc/node/book/book.ts';

const MERCHANT = '0190a1b2-c3d4-7000-8000-000000000001';
const KEY = `0x${'ab'.repeat(20)}`;

function refusalOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return `${error.code} ${error.detail}`;
  }
  return 'none';
}

describe('the files of what operators registered', () => {
  const merchants = (change: object = {}) =>
    JSON.stringify({ format: 'cairn-merchants/1', merchants: [{ merchant: MERCHANT, keys: [{ key: KEY, untilMs: null, ...change }] }] });

  it('give each merchant his keys and how long each counts', () => {
    const text = JSON.stringify({
      format: 'cairn-merchants/1',
      merchants: [
        {
          merchant: MERCHANT,
          keys: [
            { key: KEY, untilMs: 17 },
            { key: `0x${'cd'.repeat(20)}`, untilMs: null },
          ],
        },
      ],
    });
    assert.deepEqual(
      [...readMerchants(text)],
      [
        [
          MERCHANT,
          [
            { key: KEY, untilMs: 17 },
            { key: `0x${'cd'.repeat(20)}`, untilMs: null },
          ],
        ],
      ],
    );
  });

  it('are refused with the place of what is wrong', () => {
    for (const [text, where] of [
      ['{', 'no JSON'],
      ['[]', 'The file'],
      [JSON.stringify({ format: 'cairn-merchants/2', merchants: [] }), 'format'],
      [merchants({ key: KEY.toUpperCase() }), 'merchants[0].keys[0].key'],
      [merchants({ untilMs: -1 }), 'merchants[0].keys[0].untilMs'],
      [merchants({ untilMs: '17' }), 'merchants[0].keys[0].untilMs'],
      [merchants({ note: 'mine' }), 'merchants[0].keys[0]'],
      [JSON.stringify({ format: 'cairn-merchants/1', merchants: [{ merchant: 'x', keys: [] }] }), 'merchants[0].merchant'],
      [JSON.stringify({ format: 'cairn-merchants/1', merchants: [1, 2].map(() => ({ merchant: MERCHANT, keys: [] })) }), 'named once'],
    ] as const) {
      const refusal = refusalOf(() => readMerchants(text));
      assert.match(refusal, /^decision\/bad-registry /);
      assert.ok(refusal.includes(where), `${refusal} names ${where}`);
    }
  });

  it('bound the rates of a quote', () => {
    const bands = (band: object, pivot = 'USD') => JSON.stringify({ format: 'cairn-rate-bands/1', pivot, bands: [band] });
    const read = readRateBands(bands({ currency: 'EUR', low: '1.05', high: '1.12' }));
    assert.deepEqual({ pivot: read.pivot, bands: [...read.bands] }, { pivot: 'USD', bands: [['EUR', { low: '1.05', high: '1.12' }]] });
    assert.match(
      refusalOf(() => readRateBands(bands({ currency: 'EUR', low: '1.2', high: '1.1' }))),
      /high/,
    );
    assert.match(
      refusalOf(() => readRateBands(bands({ currency: 'euro', low: '1', high: '2' }))),
      /currency/,
    );
    assert.match(
      refusalOf(() => readRateBands(bands({ currency: 'EUR', low: '-1', high: '2' }))),
      /payments\/bad-rates/,
    );
    assert.match(
      refusalOf(() => readRateBands(bands({ currency: 'EUR', low: '1', high: '2' }, 'dollars'))),
      /pivot/,
    );
  });

  it('bound them until a moment, or for ever where the file says so or says nothing', () => {
    const file = (more: object) => JSON.stringify({ format: 'cairn-rate-bands/1', pivot: 'USD', bands: [], ...more });
    assert.deepEqual([{}, { notAfterS: null }, { notAfterS: 5 }].map((more) => readRateBands(file(more)).notAfterS), [null, null, 5]); // prettier-ignore
    for (const notAfterS of [0, -1, 1.5, '5', true, 2 ** 53]) assert.match(refusalOf(() => readRateBands(file({ notAfterS }))), /notAfterS/); // prettier-ignore
    assert.match(refusalOf(() => readRateBands(file({ notAfterS: 5, until: 5 }))), /decision\/bad-registry/); // prettier-ignore
    assert.equal(readRateBands(bandsAround({ pivot: 'USD', rates: { EUR: '1' } }, 100, 1_800_000_000)).notAfterS, 1_800_000_000);
  });

  it('are made around rates: to either side so far, exactly, and never narrower', () => {
    const decimal = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 14n }), fc.nat(18)).map(([digits, places]) => {
      const text = digits.toString().padStart(places + 1, '0');
      return places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
    });
    fc.assert(
      fc.property(decimal, fc.integer({ min: 1, max: 9_999 }), (rate, bps) => {
        const { n, d } = rationalOf(rate);
        // Below what a rate can say there is no band.
        fc.pre(n * 10n ** 14n >= d * 10_000n);
        const { pivot, bands } = readRateBands(bandsAround({ pivot: 'USD', rates: { EUR: rate, USD: '1' } }, bps, null));
        const { low, high } = bands.get('EUR')!;
        assert.deepEqual([pivot, bands.size], ['USD', 1]);
        const [least, most] = [rationalOf(low), rationalOf(high)];
        const off = ({ n: a, d: b }: { n: bigint; d: bigint }, factor: number) => a * d * 10_000n - n * b * BigInt(factor);
        const [below, above] = [off(least, 10_000 - bps), off(most, 10_000 + bps)];
        // At most one unit of the eighteenth place.
        assert.ok(below <= 0n && -below * 10n ** 18n <= least.d * d * 10_000n, `${low} under ${rate}`);
        assert.ok(above >= 0n && above * 10n ** 18n <= most.d * d * 10_000n, `${high} over ${rate}`);
      }),
    );
    for (const width of [0, -1, 1.5, 10_000, Number.NaN])
      assert.match(
        refusalOf(() => bandsAround({ pivot: 'USD', rates: { EUR: '1' } }, width, null)),
        /decision\/bad-registry/,
      );
    assert.match(
      refusalOf(() => bandsAround({ pivot: 'USD', rates: { EUR: '-1' } }, 100, null)),
      /payments\/bad-rates/,
    );
    assert.match(
      refusalOf(() => bandsAround({ pivot: 'dollars', rates: {} }, 100, null)),
      /decision\/bad-registry/,
    );
  });
});
