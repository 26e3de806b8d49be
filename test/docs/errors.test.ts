import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PROBLEMS, type ProblemDefinition } from '#base';
import { errorsPage } from '../../scripts/dev/errors.ts';

describe('docs/errors.md', () => {
  it('is what the registry of problems says (write it anew with `npx cairn dev errors`)', () => {
    assert.equal(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8'), errorsPage(PROBLEMS));
  });

  it('has an area and a slug in every code, and a sentence of advice for each', () => {
    const wrong = Object.entries<ProblemDefinition>(PROBLEMS).filter(
      ([code, { title, howToSolve, status }]) =>
        !/^[a-z]+\/[a-z0-9-]+$/.test(code) || title === '' || !howToSolve.endsWith('.') || status < 400 || status > 599,
    );
    assert.deepEqual(wrong, []);
  });
});
