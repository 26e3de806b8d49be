import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { firstFee, replacementFee, type Fee, type FeeMarket } from '../../../src/chain/outbox/fees.ts';

const wei = fc.bigInt({ min: 0n, max: 10n ** 13n });
const market: fc.Arbitrary<FeeMarket> = fc.record({ baseFee: wei, tip: wei });

const isFee = ({ maxFeePerGas, maxPriorityFeePerGas }: Fee): boolean => maxPriorityFeePerGas <= maxFeePerGas;

describe('fees', () => {
  it('of a first attempt survive a doubled base fee, below the ceiling', () => {
    assert.deepEqual(firstFee({ baseFee: 100n, tip: 7n }, 1_000n), { maxFeePerGas: 207n, maxPriorityFeePerGas: 7n });
    assert.deepEqual(firstFee({ baseFee: 100n, tip: 7n }, 150n), { maxFeePerGas: 150n, maxPriorityFeePerGas: 7n });
    assert.deepEqual(firstFee({ baseFee: 100n, tip: 700n }, 150n), { maxFeePerGas: 150n, maxPriorityFeePerGas: 150n });
  });

  it('of a replacement are at least a tenth higher, both of them, or there is none', () => {
    fc.assert(
      fc.property(market, market, wei, (before, now, ceiling) => {
        const previous = firstFee(before, 10n ** 14n);
        const next = replacementFee(previous, now, ceiling);
        if (!next) return assert.ok(previous.maxFeePerGas + previous.maxFeePerGas / 8n + 1n > ceiling);
        assert.ok(next.maxFeePerGas <= ceiling && isFee(next));
        assert.ok(next.maxFeePerGas * 10n >= previous.maxFeePerGas * 11n);
        assert.ok(next.maxPriorityFeePerGas * 10n >= previous.maxPriorityFeePerGas * 11n);
      }),
    );
  });
});
