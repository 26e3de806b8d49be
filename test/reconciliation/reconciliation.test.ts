import { deepEqual, equal } from 'node:assert/strict';
import fc from 'fast-check';
import type { Asset, AssetNo } from '#base';
import { contradictionsOf, type AssetFigures } from '#reconciliation';

const ASSET: Asset = { asset: 1 as AssetNo, symbol: 'tUSD', decimals: 6, caip19: null, peg: 'USD' };
const amount = fc.bigInt(0n, 10n ** 24n);

/** Figures of a platform that did everything right: some deposits and payouts are still under way. */
const honest = fc.record({ credited: amount, settled: amount, coming: amount, leaving: amount }).map<AssetFigures>(({ credited, settled, coming, leaving }) => {
  const deposited = credited + settled;
  return {
    asset: ASSET,
    finalBlock: 9n,
    deposited,
    settled,
    ledgerBalance: deposited - settled,
    ledgerOwed: deposited - settled,
    paidOnChain: settled + leaving,
    depositsUnderWay: coming,
    payoutsUnderWay: leaving,
    chainBalance: deposited - settled + coming - leaving,
  };
});

const FIGURES = ['chainBalance', 'ledgerBalance', 'ledgerOwed', 'deposited', 'settled', 'paidOnChain'] as const;

describe('reconciliation', () => {
  it('finds nothing where the book, the payments and the chain agree', () => {
    fc.assert(fc.property(honest, (figures) => deepEqual(contradictionsOf(figures), [])));
  });

  for (const figure of FIGURES) {
    it(`finds a single unit too much in ${figure}`, () => {
      fc.assert(fc.property(honest, (figures) => equal(contradictionsOf({ ...figures, [figure]: figures[figure] + 1n }).length > 0, true)));
    });
  }
});
