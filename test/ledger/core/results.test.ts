import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { RESULT_CODES } from '#ledger/core';
import { readCases } from '../support/table.ts';

const CASES = new URL('../cases/', import.meta.url);
const PAGE = readFileSync(new URL('../../../docs/ledger-semantics.md', import.meta.url), 'utf8');

/** The codes of the page's table of refusals, in its order; `..._code` stands for the code before it with another ending. */
function codesOfPage(): string[] {
  const rows = PAGE.slice(PAGE.indexOf('## Refusals'))
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`([a-z._]+)`/g)].map((match) => match[1]!));
}

describe('the refusals', () => {
  it('are each shown by a case', () => {
    const shown = new Set<string>();
    for (const file of readdirSync(CASES)) {
      for (const { steps } of readCases(new URL(file, CASES))) {
        for (const step of steps) if (step.do === 'submit') for (const { code } of step.lines) shown.add(code);
      }
    }
    assert.deepEqual(
      RESULT_CODES.filter((code) => !shown.has(code)),
      [],
    );
  });

  it('are all on the page of semantics, in their order of precedence', () => {
    let at = 0;
    for (const code of codesOfPage()) {
      const ending = code.replace(/^\.\.\./, '');
      const place = RESULT_CODES.findIndex((known, i) => i > at && (code.startsWith('...') ? known.endsWith(ending) : known === code));
      assert.equal(place, at + 1, `${code} stands where ${RESULT_CODES[at + 1]} belongs`);
      at = place;
    }
    assert.equal(at, RESULT_CODES.length - 1);
  });
});
