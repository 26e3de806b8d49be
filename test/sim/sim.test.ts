import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { simulate, type Report } from '#sim';
import { FAULTS } from './world/settings.ts';

/** Seeds that the suite runs, beside those that failed once. */
const SEEDS = 36;
const OPERATIONS = 1_000;

function onceFailed(): { readonly seed: number; readonly operations: number; readonly why: string }[] {
  const lines = readFileSync(new URL('./seeds.txt', import.meta.url), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, seed, operations, why = ''] = /^(\d+) (\d+)(?: -- (.*))?$/.exec(line) ?? [];
    return seed === undefined ? [] : [{ seed: Number(seed), operations: Number(operations), why }];
  });
}

function assertSound({ seed, finding }: Report): void {
  assert.equal(finding, null, `seed ${seed}, step ${finding?.step}: ${finding?.what}\n${finding?.lately.join('\n')}`);
}

describe('a simulated book', () => {
  for (const { seed, operations, why } of onceFailed()) {
    it(`never again in seed ${seed}: ${why}`, async () => assertSound(await simulate(seed, operations)));
  }

  it('is sound over many seeds, in which every kind of fault and most refusals happened', async () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const report = await simulate(seed, OPERATIONS);
      assertSound(report);
      assert.ok(report.operations >= OPERATIONS && report.digest !== '');
      for (const [what, times] of Object.entries(report.counts)) counts.set(what, (counts.get(what) ?? 0) + times);
    }
    const expected = [...FAULTS, 'lost requests', 'lost replies', 'refused statements', 'doubled requests', 'retries', 'ledger/fenced', 'store/unreachable'];
    assert.deepEqual(
      expected.filter((what) => !counts.has(what)),
      [],
    );
    assert.ok([...counts.keys()].filter((what) => /^[a-z_]+$/.test(what)).length > 50);
  });

  it('goes the same way twice, byte for byte, and another way with another seed', async () => {
    const [first, second, other] = [await simulate(7, OPERATIONS), await simulate(7, OPERATIONS), await simulate(8, OPERATIONS)];
    assert.deepEqual(first, second);
    assert.notEqual(first.digest, other.digest);
  });
});
