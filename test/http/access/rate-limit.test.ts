import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ALICE, testApi, type TestApi } from '../support/api.ts';
import { takeToken } from '../../../src/http/access/rate-limit.ts';

const POLICY = { name: 'key', quota: 3, windowS: 60 };

describe('the rate limit', () => {
  it('never lets more than the quota plus what came back through, whatever the times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 60 }), (gaps) => {
        let bucket: { tokens: number; atMs: number } | undefined;
        let now = 0;
        let allowed = 0;
        for (const gap of gaps) {
          now += gap;
          const decision = takeToken(bucket, POLICY, now);
          bucket = decision.bucket;
          if (decision.allowed) allowed++;
          else assert.ok(takeToken(bucket, POLICY, now + decision.retryAfterS * 1000).allowed, 'Retry-After is long enough');
        }
        assert.ok(allowed <= POLICY.quota + (now / 60_000) * POLICY.quota);
      }),
    );
  });

  it('gives nothing for a clock that goes back', () => {
    const first = takeToken(undefined, POLICY, 1_000_000);
    const back = takeToken(first.bucket, POLICY, 0);
    assert.equal(back.remaining, 1);
    assert.equal(takeToken(back.bucket, POLICY, 1_000_000).remaining, 0);
  });

  describe('over HTTP', () => {
    let api: TestApi;
    before(async () => {
      api = await testApi({ key: POLICY, stranger: { name: 'stranger', quota: 2, windowS: 60 } });
    });
    after(() => api.close());

    it('says in every answer what is left, refuses with 429 and Retry-After, and lets go on after it', async () => {
      const token = await api.token(ALICE);
      const statuses: number[] = [];
      for (let n = 0; n < 3; n++) {
        const { status, headers } = await api.call('GET', '/v1/payees', { token });
        statuses.push(status);
        assert.equal(headers.get('ratelimit-policy'), '"key";q=3;w=60');
        assert.equal(headers.get('ratelimit'), `"key";r=${2 - n};t=${20 * (n + 1)}`);
      }
      const refused = await api.call('GET', '/v1/payees', { token });
      assert.deepEqual(statuses, [200, 200, 200]);
      assert.equal(refused.problem.code, 'http/rate-limited');
      assert.equal(refused.headers.get('retry-after'), '20');
      api.clock.advance(20_000);
      assert.equal((await api.call('GET', '/v1/payees', { token })).status, 200);
    });

    it('counts each key for itself', async () => {
      const [first, second] = [await api.token(ALICE), await api.token(ALICE)];
      for (let n = 0; n < 4; n++) await api.call('GET', '/v1/payees', { token: first });
      assert.equal((await api.call('GET', '/v1/payees', { token: first })).status, 429);
      assert.equal((await api.call('GET', '/v1/payees', { token: second })).status, 200);
    });

    it('slows down whoever tries keys, and leaves health and readiness open to him', async () => {
      const codes: string[] = [];
      for (let n = 0; n < 3; n++) codes.push((await api.call('GET', '/v1/payees', { token: `cairn_${'0'.repeat(16)}_${'A'.repeat(43)}` })).problem.code);
      assert.deepEqual(codes, ['http/api-key-refused', 'http/api-key-refused', 'http/rate-limited']);
      assert.equal((await api.call('GET', '/healthz')).status, 200);
    });
  });
});
