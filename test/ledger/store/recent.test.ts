import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Recent } from '../../../src/ledger/store/recent.ts';

describe('what was set or asked for of late', () => {
  it('is there, the last so many of it for certain, and never more than twice as many; what is there is what was set last', () => {
    const most = 5;
    const key = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 200 }), (steps) => {
        const recent = new Recent<number, number>(most);
        const last = new Map<number, number>();
        let touched: number[] = [];
        for (const [place, [asked, isSet]] of steps.entries()) {
          const wasThere = recent.get(asked) !== undefined;
          if (isSet) {
            recent.set(asked, place);
            last.set(asked, place);
          }
          if (isSet || wasThere) touched = [...touched.filter((other) => other !== asked), asked];
          const sure = touched.slice(-most);
          for (const one of sure) assert.equal(recent.get(one), last.get(one));
          touched = [...touched.filter((one) => !sure.includes(one)), ...sure];
        }
        const there = [...last.keys()].filter((one) => recent.has(one));
        assert.ok(there.length <= 2 * most, `${there.length} are remembered`);
      }),
    );
  });
});
