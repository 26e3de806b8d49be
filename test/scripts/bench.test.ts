import assert from 'node:assert/strict';
import fc from 'fast-check';
import { svgOf } from '../../scripts/bench/ledger/plot.ts';
import { mergeSections } from '../../scripts/bench/page.ts';

describe('the page of benchmarks', () => {
  const names = ['gas', 'ledger', 'trees'];
  const section = (name: string, text: string) => ({ name, title: `The ${name}`, text });

  it('keeps the other sections when one is measured anew, in the order of names', () => {
    const page = mergeSections(
      mergeSections(mergeSections('', section('trees', 'one\n\ntwo'), names), section('gas', 'three'), names),
      section('trees', 'four'),
      names,
    );
    assert.deepEqual(page.match(/^## .*|^(one|two|three|four)$/gm), ['## The gas', 'three', '## The trees', 'four']);
    assert.equal(mergeSections(page, section('trees', 'four'), names), page);
  });

  it('drops a section that no longer exists', () => {
    const page = mergeSections(mergeSections('', section('gas', 'three'), names), section('ledger', 'five'), ['ledger']);
    assert.ok(!page.includes('three'));
  });
});

describe('a plot of the benchmarks', () => {
  const speed = fc.integer({ min: 1, max: 1_000_000 });

  it('keeps every point and level inside its axes, the higher the faster', () => {
    fc.assert(
      fc.property(fc.array(speed, { minLength: 2, maxLength: 6 }), speed, (speeds, level) => {
        const points = speeds.map((y, i) => ({ x: 10 ** i, y }));
        const svg = svgOf({ title: 'T', x: 'a', y: 'b', points, levels: [{ name: 'L', y: level }] });
        const drawn = [...svg.matchAll(/<circle class="point" cx="([\d.]+)" cy="([\d.]+)"/g)].map((match) => ({ x: Number(match[1]), y: Number(match[2]) }));
        const across = Number(/class="level" x1="[\d.]+" y1="([\d.]+)"/.exec(svg)![1]);
        assert.equal(drawn.length, speeds.length);
        for (const y of [...drawn.map((point) => point.y), across]) assert.ok(y >= 44 && y <= 324, `${y}`);
        for (const [i, point] of drawn.entries()) {
          if (i > 0) assert.ok(point.x > drawn[i - 1]!.x);
          if (speeds[i]! > level) assert.ok(point.y <= across);
        }
      }),
    );
  });
});
