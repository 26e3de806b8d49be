import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RULES } from '../../../../mpc/node/book/book.ts';

describe('the rules of a signer’s book', () => {
  it('are each shown by an attack that nothing else refuses', () => {
    const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts') && name !== 'rules.test.ts');
    const text = tests.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n');
    const unshown = Object.keys(RULES).filter((rule) => !new RegExp(`(?:refuses\\(\\s*|\\[)'${rule}'`).test(text));
    assert.deepEqual(unshown, []);
  });
});
