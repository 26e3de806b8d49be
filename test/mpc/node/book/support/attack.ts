import assert from 'node:assert/strict';
import type { Refusal, Rule } from '../../../../../mpc/node/book/book.ts';
import { Forge } from './forge.ts';

type Answer = { readonly ok: true } | Refusal;

/** A test in a world of its own, which ends with it, however it ends. */
export function inForge(what: string, story: (forge: Forge) => Promise<void>): void {
  it(what, async () => {
    const forge = await new Forge().open();
    try {
      await story(forge);
    } finally {
      await forge.close();
    }
  });
}

/** One attack: whatever it tries, the node answers with this rule, and gives its reason in a sentence. */
export function refuses(rule: Rule, what: string, attack: (forge: Forge) => Promise<Answer>, reason = /^[A-Z0-9].*\.$/): void {
  inForge(`${what}: ${rule}`, async (forge) => {
    const answer = await attack(forge);
    assert.equal(answer.ok ? 'signed' : answer.rule, rule, answer.ok ? '' : answer.reason);
    assert.match(answer.ok ? '' : answer.reason, reason);
  });
}

/** What an attack is told apart from: the same without it is signed. */
export function signs(what: string, story: (forge: Forge) => Promise<Answer>): void {
  inForge(what, async (forge) => {
    const answer = await story(forge);
    assert.deepEqual(answer.ok ? null : answer, null);
  });
}
