import assert from 'node:assert/strict';
import fc from 'fast-check';
import { dayAfterS, daysToPay, largestPayout, whenPayable, type Allowance } from '#settlement/core';

const caps = fc.record({ perTransaction: fc.bigInt(0n, 60n), perDay: fc.bigInt(0n, 60n), spentToday: fc.bigInt(0n, 80n) });
const allowanceOf = (figures: Pick<Allowance, 'perTransaction' | 'perDay' | 'spentToday'>, timestampS = 0n): Allowance => ({
  blockNumber: 1n,
  timestampS,
  ...figures,
});

describe('what the vault has room for', () => {
  it('is what its own rules say: one cap a transaction, one a day, and what is on its way counts', () => {
    fc.assert(
      fc.property(caps, fc.bigInt(0n, 40n), fc.bigInt(0n, 70n), (figures, onItsWay, amount) => {
        const { perTransaction, perDay, spentToday } = figures;
        const fits = amount <= perTransaction && amount <= perDay && spentToday + onItsWay + amount <= perDay;
        const payable = whenPayable(allowanceOf(figures), onItsWay, amount);
        assert.equal(payable === 'now', fits);
        // On an empty day with nothing on its way it fits, or never does.
        assert.equal(payable === 'overCap', whenPayable(allowanceOf({ ...figures, spentToday: 0n }), 0n, amount) !== 'now');
      }),
    );
  });

  it('is enough on the day that is foreseen, and not on the day before', () => {
    fc.assert(
      fc.property(caps, fc.array(fc.bigInt(1n, 60n), { maxLength: 12 }), (figures, amounts) => {
        const allowance = allowanceOf(figures);
        // The vault as it would be used: whoever has no room today comes first tomorrow.
        let day = 0;
        let spent = figures.spentToday;
        for (const amount of amounts) {
          if (amount > largestPayout(allowance)) continue;
          for (; whenPayable({ ...allowance, spentToday: spent }, 0n, amount) !== 'now'; day++) spent = 0n;
          spent += amount;
        }
        assert.equal(daysToPay(allowance, amounts), day);
      }),
    );
  });

  it('begins anew with each day of UTC', () => {
    const day = 86_400;
    for (const at of [0, 1, day - 1]) assert.equal(dayAfterS({ timestampS: BigInt(20_000 * day + at) }, 1), 20_001 * day);
  });
});
