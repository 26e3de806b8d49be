import assert from 'node:assert/strict';
import type { Refusal, Rule } from '../../../../../mpc/node/book/book.ts';
import { Forge } from './forge.ts';

type Answer = { readonly ok: true } | Refusal;

/** One attack in a world of its own: whatever it tries, the node answers with this rule, and gives its reason in a sentence. */
export function refuses(rule: Rule, what: string, attack: (forge: Forge) => Promise<Answer>, reason = /^[A-Z0-9].*\.$/): void {
  it(`${what}: ${rule}`, async () => {
    const forge = await new Forge().open();
    try {
      const answer = await attack(forge);
      assert.equal(answer.ok ? 'signed' : `${answer.rule}: ${answer.reason}`.slice(0, rule.length + 1), `${rule}:`);
      assert.match(answer.ok ? '' : answer.reason, reason);
    } finally {
      await forge.close();
    }
  });
}

/** What an attack is told apart from: the same without it is signed. */
export function signs(what: string, story: (forge: Forge) => Promise<Answer>): void {
  it(what, async () => {
    const forge = await new Forge().open();
    try {
      const answer = await story(forge);
      assert.deepEqual(answer.ok ? null : answer, null);
    } finally {
      await forge.close();
    }
  });
}
