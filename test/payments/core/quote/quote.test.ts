import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MAX_AMOUNT, Problem, type AssetNo } from '#base';
import {
  parseRates,
  parseTariff,
  quote,
  quoteContradictions,
  recomputeQuote,
  requireFresh,
  type Quote,
  type QuoteAsset,
  type QuoteEvidence,
  type QuoteInput,
} from '#payments/core';

const NOW = 1_760_000_000_000;
const TUSD: QuoteAsset = { asset: 1 as AssetNo, symbol: 'tUSD', decimals: 6, peg: 'USD' };
const TEUR: QuoteAsset = { asset: 2 as AssetNo, symbol: 'tEUR', decimals: 18, peg: 'EUR' };
const FEE = { fixed: '250000', basisPoints: 12, minimum: '500000', maximum: '15000000' };
const CORRIDOR = { currency: '*', spreadBps: 35, fees: { tUSD: FEE, tEUR: { fixed: '0', basisPoints: 10, minimum: '1', maximum: '9'.repeat(21) } } };
const TARIFF = parseTariff({
  version: 't-1',
  quoteLifetimeS: 60,
  corridors: [
    { ...CORRIDOR, payeeAsset: 'tEUR' },
    { ...CORRIDOR, payeeAsset: 'tUSD' },
  ],
});
const RATES = parseRates({ version: 'r-1', pivot: 'USD', validForS: 3600, rates: { EUR: '1.0852', JPY: '0.006713', CHF: '1.12345', KWD: '3.2512' } }, NOW);
const base: QuoteInput = { tariff: TARIFF, rates: RATES, currency: 'EUR', amountMinor: 10_000n, payerAsset: TUSD, payeeAsset: TEUR, nowMs: NOW };

function legSum(quoted: Quote, asset: AssetNo, debit: string): bigint {
  return quoted.legs.filter((leg) => leg.asset === asset && leg.debit === debit).reduce((sum, { amount }) => sum + amount, 0n);
}

function refusal(change: Partial<QuoteInput>): string {
  try {
    quote({ ...base, ...change });
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code;
    throw thrown;
  }
  return 'quoted';
}

const anyInput: fc.Arbitrary<QuoteInput> = fc
  .record({
    currency: fc.constantFrom('EUR', 'USD', 'JPY', 'CHF', 'KWD'),
    amountMinor: fc.oneof(fc.bigInt(1n, 1000n), fc.bigInt(1n, 10n ** 12n)),
    payerAsset: fc.constantFrom(TUSD, TEUR),
    payeeAsset: fc.constantFrom(TUSD, TEUR),
    spreadBps: fc.nat(10_000),
    basisPoints: fc.nat(10_000),
    fixed: fc.bigInt(0n, 10n ** 7n),
    minimum: fc.bigInt(0n, 10n ** 7n),
    room: fc.bigInt(0n, 10n ** 24n),
    rate: fc.tuple(fc.integer({ min: 1, max: 99_999 }), fc.integer({ min: 0, max: 999_999_999 })),
  })
  .map(({ spreadBps, basisPoints, fixed, minimum, room, rate, ...rest }) => {
    const fee = { fixed: `${fixed}`, basisPoints, minimum: `${minimum}`, maximum: `${minimum + room}` };
    const corridors = ['tUSD', 'tEUR'].map((payeeAsset) => ({ currency: '*', payeeAsset, spreadBps, fees: { tUSD: fee, tEUR: fee } }));
    const rates = { ...RATES, rates: { ...RATES.rates, EUR: `${rate[0]}.${`${rate[1]}`.padStart(9, '0')}` } };
    return { ...base, ...rest, rates, tariff: { version: 'any', quoteLifetimeS: 60, corridors } };
  });

describe('a quote', () => {
  it('across assets books position, spread, fee and what is left, in the documented order', () => {
    const quoted = quote(base);
    assert.deepEqual(
      quoted.legs.map(({ index, kind, code, asset, debit, credit, amount }) => [index, kind, code, asset, debit, credit, amount]),
      [
        [0, 'payout', 10, 2, 'fxPosition', 'vault', 100n * 10n ** 18n],
        [1, 'fx', 12, 1, 'merchant', 'fxPosition', 108_520_000n],
        [2, 'spread', 13, 1, 'merchant', 'fxSpreadIncome', 379_820n],
        [3, 'fee', 11, 1, 'merchant', 'feeIncome', 500_000n],
      ],
    );
    assert.equal(quoted.total, 108_520_000n + 379_820n + 500_000n);
    assert.equal(quoted.rounding, 0n);
  });

  it('in one asset has no exchange, whatever currency the order is written in', () => {
    const quoted = quote({ ...base, currency: 'JPY', amountMinor: 98_765n, payeeAsset: TUSD });
    assert.deepEqual(
      quoted.legs.map(({ kind, debit, credit, amount }) => [kind, debit, credit, amount]),
      [
        ['payout', 'merchant', 'vault', 663_009_445n],
        ['fee', 'merchant', 'feeIncome', 1_045_611n],
        ['rounding', 'merchant', 'rounding', 1n],
      ],
    );
    assert.equal(quoted.spread, 0n);
  });

  it('the payee never gets less than instructed, and less than one unit more', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const quoted = quote(input);
        const rate = (currency: string): bigint => BigInt(Math.round(Number(RATES.rates[currency] ?? '1') * 1e6));
        fc.pre(input.currency !== 'EUR' && input.payeeAsset === TUSD);
        const decimals = { JPY: 0n, KWD: 3n }[input.currency] ?? 2n;
        const exactTimes = input.amountMinor * rate(input.currency) * 10n ** 6n;
        const unit = 10n ** decimals * 10n ** 6n;
        assert.ok(quoted.principal * unit >= exactTimes && (quoted.principal - 1n) * unit < exactTimes);
      }),
    );
  });

  it('the legs add up to the merchant’s total, the payout to the principal, and the residual is 0 to 3 units', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const quoted = quote(input);
        assert.equal(legSum(quoted, input.payerAsset.asset, 'merchant'), quoted.total);
        assert.equal(quoted.legs[0]?.amount, quoted.principal);
        assert.ok(quoted.rounding >= 0n && quoted.rounding <= 3n);
        assert.ok(quoted.legs.every(({ amount, index }, i) => amount > 0n && index === i));
        assert.equal(quoted.cost + quoted.spread + quoted.fee + quoted.rounding, quoted.total);
      }),
    );
  });

  it('rounding never undercharges: the total covers cost, spread and fee computed in exact fractions', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const quoted = quote(input);
        const { rates, tariff } = quoted.evidence;
        // The same sums over one common denominator with rates in 10^-24, written down independently of the product's fractions.
        const scaled = (decimal: string): bigint => {
          const [whole = '', fraction = ''] = decimal.split('.');
          return BigInt(whole + fraction.padEnd(24, '0'));
        };
        const isSame = input.payerAsset === input.payeeAsset;
        const n = isSame ? quoted.principal : quoted.principal * scaled(rates.payee) * 10n ** BigInt(input.payerAsset.decimals);
        const d = isSame ? 1n : scaled(rates.payer) * 10n ** BigInt(input.payeeAsset.decimals);
        const spreadBps = isSame ? 0n : BigInt(tariff.spreadBps);
        const feeTimes = BigInt(tariff.fee.fixed) * d * 10_000n + n * BigInt(tariff.fee.basisPoints);
        const least = BigInt(tariff.fee.minimum) * d * 10_000n;
        const most = BigInt(tariff.fee.maximum) * d * 10_000n;
        const bounded = feeTimes < least ? least : feeTimes > most ? most : feeTimes;
        const exactTimes = n * (10_000n + spreadBps) + bounded;
        assert.ok(quoted.total * d * 10_000n >= exactTimes);
        assert.ok((quoted.total - 2n) * d * 10_000n < exactTimes);
      }),
    );
  });

  it('an auditor recomputes it from its evidence alone, and sees any figure that was changed', () => {
    fc.assert(
      fc.property(anyInput, fc.constantFrom('principal', 'cost', 'spread', 'fee', 'rounding', 'total'), (input, figure) => {
        const quoted = quote(input);
        const shown = JSON.parse(JSON.stringify(quoted.evidence)) as QuoteEvidence;
        const { principal, cost, spread, fee, rounding, total } = quoted;
        assert.deepEqual(recomputeQuote(shown), { principal, cost, spread, fee, rounding, total });
        assert.deepEqual(quoteContradictions(shown), []);
        const forged = { ...shown, price: { ...shown.price, [figure]: `${BigInt(shown.price[figure as 'fee']) + 1n}` } };
        assert.match(quoteContradictions(forged)[0] ?? '', new RegExp(`^${figure} is shown as`));
      }),
    );
  });

  it('evidence is canonical JSON’s own: strings and safe integers only', () => {
    const leaves = (value: unknown): readonly unknown[] => (typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value]);
    assert.ok(leaves(quote(base).evidence).every((leaf) => typeof leaf === 'string' || Number.isSafeInteger(leaf)));
  });

  it('minimum and maximum bound the fee', () => {
    assert.equal(quote({ ...base, amountMinor: 1n }).fee, 500_000n);
    assert.equal(quote({ ...base, amountMinor: 100_000_000n }).fee, 15_000_000n);
  });

  it('the rate is locked until the earlier end of quote and rates', () => {
    assert.equal(quote(base).expiresAtMs, NOW + 60_000);
    assert.equal(quote({ ...base, nowMs: NOW + 3_590_000 }).expiresAtMs, NOW + 3_600_000);
    requireFresh(quote(base), NOW + 59_999);
    assert.throws(() => requireFresh(quote(base), NOW + 60_000), /payments\/quote-expired/);
  });

  it('refusals come with their codes, in the documented order', () => {
    const stale = { nowMs: NOW + 3_600_000 };
    assert.equal(refusal({ amountMinor: 0n, currency: 'XXX', ...stale }), 'payments/zero-amount');
    assert.equal(refusal({ currency: 'XAU', ...stale }), 'payments/unknown-currency');
    assert.equal(refusal({ ...stale, payeeAsset: { ...TEUR, symbol: 'tGBP' } }), 'payments/rates-expired');
    assert.equal(refusal({ payeeAsset: { ...TEUR, symbol: 'tGBP' }, currency: 'GBP' }), 'payments/no-corridor');
    assert.equal(refusal({ currency: 'GBP' }), 'payments/no-rate');
    assert.equal(refusal({ currency: 'constructor' }), 'payments/unknown-currency');
    assert.equal(refusal({ amountMinor: 10n ** 13n }), 'payments/amount-too-large');
    assert.equal(refusal({ amountMinor: MAX_AMOUNT, payeeAsset: TUSD }), 'payments/amount-too-large');
  });

  it('tariffs and rates that contradict themselves are refused with the field', () => {
    const tariff = (fee: object): unknown => ({
      version: 't',
      quoteLifetimeS: 1,
      corridors: [{ ...CORRIDOR, payeeAsset: 'tEUR', fees: { tUSD: { ...FEE, ...fee } } }],
    });
    assert.throws(() => parseTariff(tariff({ minimum: '9', maximum: '8' })), /corridors\[0\]\.fees\.tUSD has a minimum above its maximum/);
    assert.throws(() => parseTariff(tariff({ basisPoints: 10_001 })), /basisPoints/);
    assert.throws(() => parseTariff(tariff({ fixed: 1 })), /fixed is not a string of minor units/);
    assert.throws(() => parseTariff({ version: 't', quoteLifetimeS: 1, corridors: [] }), /corridors/);
    const rates = (entry: object): unknown => ({ version: 'r', pivot: 'USD', validForS: 1, rates: entry });
    for (const bad of [{ EUR: '0' }, { EUR: '-1' }, { EUR: '1e3' }, { EUR: 1.1 }, { EUR: '1.' }, { eur: '1' }, { USD: '2' }]) {
      assert.throws(() => parseRates(rates(bad), NOW), /payments\/bad-rates/);
    }
  });

  it('evidence with a figure out of range is refused, not computed', () => {
    const { evidence } = quote(base);
    for (const bad of [
      { instructed: { ...evidence.instructed, decimals: 1e9 } },
      // All figures agree with each other, and the order's 100.00 is priced as 10000.
      { instructed: { ...evidence.instructed, decimals: 0 } },
      { instructed: { ...evidence.instructed, currency: 'XXX' } },
      { tariff: { ...evidence.tariff, currency: undefined } },
      { tariff: { ...evidence.tariff, spreadBps: -1 } },
      { price: undefined },
    ]) {
      assert.throws(() => quoteContradictions({ ...evidence, ...bad } as QuoteEvidence), /payments\/bad-quote/);
    }
  });
});
