import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ApiKey, ApiKeys } from '#http';
import { sharedKeys } from '../../../src/http/access/shared-keys.ts';

describe('looks at a key that are shared', () => {
  const key: ApiKey = {
    id: 'a'.repeat(16),
    secretHash: new Uint8Array(32),
    merchant: null,
    scopes: [],
    label: '',
    createdMs: 0,
    expiresMs: null,
    revokedMs: null,
  };
  const rest: Omit<ApiKeys, 'find'> = { list: () => Promise.resolve([]), add: () => Promise.resolve(key), revoke: () => Promise.resolve(true) };

  it('begin after everybody who shares them has asked, and there is never more than one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('ask', 'revoke', 'answer', 'fail'), { maxLength: 40 }), async (steps) => {
        let revokedMs: number | null = null;
        let open: { readonly seen: ApiKey; readonly resolve: (key: ApiKey) => void; readonly reject: (error: Error) => void } | null = null;
        const keys = sharedKeys({
          ...rest,
          find: () => {
            assert.equal(open, null, 'one look at a time');
            const seen = { ...key, revokedMs };
            return new Promise((resolve, reject) => (open = { seen, resolve, reject }));
          },
        });
        const settle = async (isAnswer: boolean): Promise<void> => {
          const was = open;
          open = null;
          if (isAnswer) was?.resolve(was.seen);
          else was?.reject(new Error('the database is away'));
          for (let turn = 0; turn < 10; turn++) await Promise.resolve();
        };
        const asked: Promise<void>[] = [];
        for (const step of steps) {
          if (step === 'revoke') revokedMs = (revokedMs ?? 0) + 1;
          else if (step !== 'ask') await settle(step === 'answer');
          else {
            const before = revokedMs ?? 0;
            asked.push(
              keys.find(key.id).then(
                (found) => assert.ok((found!.revokedMs ?? 0) >= before, 'the look is older than the question'),
                (error: Error) => assert.match(error.message, /away/),
              ),
            );
          }
        }
        while (open) await settle(true);
        await Promise.all(asked);
      }),
    );
  });
});
