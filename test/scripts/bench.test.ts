import assert from 'node:assert/strict';
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
