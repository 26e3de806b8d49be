import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Problem } from '#base';
import { parsePolicyText } from '../../mpc/node/policy/policy.ts';
import { parseNodeConfig } from '../../mpc/node/process/process.ts';

describe('docs/custody.md', () => {
  const page = readFileSync(new URL('../../docs/custody.md', import.meta.url), 'utf8');
  const shown = (name: string): string => {
    const [, text] = new RegExp(`\`\`\`json ${name.replace('.', '\\.')}\\n(.*?)\`\`\``, 's').exec(page) ?? [];
    assert.ok(text !== undefined, `it shows no ${name}`);
    return text;
  };

  it('shows a whole policy.json and a whole node.json, as a node reads them', () => {
    assert.equal(parsePolicyText(shown('policy.json')).operators.quorum, 2);
    const config = parseNodeConfig(shown('node.json'));
    assert.ok(config.book?.registration, 'with a book');
    // Whoever copies one and names nobody yet is told by which command to.
    const alone = JSON.stringify({ ...config, peers: [] });
    assert.throws(
      () => parseNodeConfig(alone),
      (error) => error instanceof Problem && /`cairn node peer` names the others/.test(error.detail),
    );
  });
});
