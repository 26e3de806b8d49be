import { strict as assert } from 'node:assert';
import { isOutage, ManualClock, overOutages, Problem } from '#base';

const AWAY = new Problem('store/unreachable', 'The database says: connect ECONNREFUSED.');

describe('an outage', () => {
  /** Fails as often as it is told to, each time after a second; says how often it was told of and tried. */
  function failing(errors: readonly Error[]) {
    const clock = new ManualClock(0);
    const left = [...errors];
    const seen = { told: 0, tried: 0 };
    const result = overOutages({ clock, forMs: 3_000, pauseMs: 0, tell: () => void (seen.told += 1) }, async () => {
      seen.tried += 1;
      clock.advance(1_000);
      const error = left.shift();
      if (error) throw error;
      return 'done';
    });
    return { result, seen };
  }

  it('is waited out, and told of once', async () => {
    const { result, seen } = failing([AWAY, new Problem('store/outcome-unknown', 'broke'), new Problem('chain/unreachable', 'gone')]);
    assert.equal(await result, 'done');
    assert.deepEqual(seen, { told: 1, tried: 4 });
  });

  it('is thrown when it lasts longer than the patience', async () => {
    const { result, seen } = failing(Array.from({ length: 9 }, () => AWAY));
    await assert.rejects(result, AWAY);
    assert.deepEqual(seen, { told: 1, tried: 4 });
  });

  it('is no refusal and no bug: those are thrown at once', async () => {
    for (const error of [new Problem('store/disk-full', 'full'), new TypeError('a bug')]) {
      const { result, seen } = failing([error]);
      await assert.rejects(result, error);
      assert.deepEqual(seen, { told: 0, tried: 1 });
      assert.equal(isOutage(error), false);
    }
  });
});
