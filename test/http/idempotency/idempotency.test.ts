import assert from 'node:assert/strict';
import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { Problem } from '#base';
import { openIdempotency } from '#http';
import { CLAIM_MS, idUnderKey, judge, parseIdempotencyKey, requestFingerprint } from '../../../src/http/idempotency/idempotency.ts';
import { ALICE, BOB, testApi, type Answer, type CallOptions, type TestApi } from '../support/api.ts';
import { payeeAuthorisation } from '../support/messages.ts';

const SCOPE = { caller: ALICE, method: 'POST', path: '/v1/transfers', key: 'k1' };
const random = (length: number) => new Uint8Array(randomBytes(length));
const code = (expected: string) => (error: unknown) => error instanceof Problem && error.code === expected;

describe('Idempotency-Key', () => {
  it('is read as the draft’s quoted string or bare, as the same key', () => {
    assert.equal(parseIdempotencyKey('"8e03978e-40d5"'), '8e03978e-40d5');
    assert.equal(parseIdempotencyKey('8e03978e-40d5'), '8e03978e-40d5');
    assert.throws(() => parseIdempotencyKey(undefined), code('http/idempotency-key-missing'));
    for (const wrong of ['', '""', 'a b', '"a', 'é', 'a'.repeat(256), 'a, b']) {
      assert.throws(() => parseIdempotencyKey(wrong), code('http/idempotency-key-malformed'), wrong);
    }
  });

  it('gives the same id for the same place and another one for any other', () => {
    const scope = fc.record({ caller: fc.string(), method: fc.string(), path: fc.string(), key: fc.string() });
    fc.assert(
      fc.property(scope, scope, fc.nat(), fc.nat(), (a, b, i, j) => {
        const same = JSON.stringify([a, i]) === JSON.stringify([b, j]);
        assert.equal(idUnderKey(a, i) === idUnderKey(b, j), same);
        assert.equal(idUnderKey(a, i), idUnderKey({ ...a }, i));
      }),
    );
  });

  it('has a fingerprint that no moving of bytes between the parts can keep', () => {
    const parts = (...texts: string[]) => Buffer.from(requestFingerprint(texts.map((text) => new TextEncoder().encode(text)))).toString('hex');
    assert.notEqual(parts('ab', 'c'), parts('a', 'bc'));
    assert.notEqual(parts('abc'), parts('abc', ''));
    assert.equal(parts('ab', 'c'), parts('ab', 'c'));
  });

  it('refuses another request before it says that the first one runs, and lets a lapsed claim be taken', () => {
    const mine = requestFingerprint([new Uint8Array([1])]);
    const claim = idUnderKey<never>(SCOPE, 0);
    const remembered = { fingerprint: mine, claim, claimedMs: 1_000, answer: null };
    assert.throws(() => judge(remembered, requestFingerprint([new Uint8Array([2])]), 1_000), code('http/idempotency-key-reused'));
    assert.throws(() => judge(remembered, mine, 1_000 + CLAIM_MS - 1), code('http/idempotency-in-flight'));
    assert.deepEqual(judge(remembered, mine, 1_000 + CLAIM_MS), { kind: 'takeOver', claim });
    assert.deepEqual(judge({ ...remembered, answer: { status: 201, body: '{}' } }, mine, 1_000), { kind: 'replay', status: 201, body: '{}' });
  });

  describe('over HTTP', () => {
    let api: TestApi;
    let alice: string;
    before(async () => {
      api = await testApi();
      alice = await api.token(ALICE);
    });
    after(() => api.close());
    beforeEach(() => void (api.services.calls.length = 0));

    const payee = (n: number, name?: string) => payeeAuthorisation(ALICE, n, name);
    const post = (options: CallOptions): Promise<Answer> => api.call('POST', '/v1/payees', { token: alice, ...options });

    it('is required where a repetition would be a second effect', async () => {
      assert.equal((await post({ json: payee(1), key: null })).problem.code, 'http/idempotency-key-missing');
      assert.equal((await post({ json: payee(1), key: 'a b' })).problem.code, 'http/idempotency-key-malformed');
      assert.deepEqual(api.services.calls, []);
    });

    it('acts once and repeats its first answer, byte for byte and marked', async () => {
      const first = await post({ json: payee(2), key: 'once' });
      const again = await post({ json: payee(2), key: '"once"' });
      assert.equal(first.status, 201);
      assert.equal(first.headers.get('idempotent-replayed'), null);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      assert.equal(again.status, 201);
      assert.equal(again.text, first.text);
      assert.equal(api.services.calls.length, 1);
    });

    it('takes the same members in another order for the same request', async () => {
      await post({ json: payee(3), key: 'order' });
      const turned = Object.fromEntries(Object.entries(payee(3)).reverse());
      assert.equal((await post({ json: turned, key: 'order' })).headers.get('idempotent-replayed'), 'true');
    });

    it('refuses another body under the same key, also after the first one was answered', async () => {
      await post({ json: payee(4), key: 'reused' });
      const other = await post({ json: payee(4, 'Mallory'), key: 'reused' });
      assert.equal(other.status, 422);
      assert.equal(other.problem.code, 'http/idempotency-key-reused');
      assert.equal(api.services.calls.length, 1);
    });

    it('is not used up by a request that was not valid', async () => {
      assert.equal((await post({ json: { ...payee(5), kind: 'Order' }, key: 'fixed' })).status, 400);
      assert.equal((await post({ json: payee(5), key: 'fixed' })).status, 201);
    });

    it('belongs to the merchant: another merchant has his own, another key of the same merchant does not', async () => {
      await post({ json: payee(6), key: 'shared' });
      const bob = await post({ json: payee(7), key: 'shared', token: await api.token(BOB) });
      const rotated = await post({ json: payee(6), key: 'shared', token: await api.token(ALICE) });
      assert.equal(bob.headers.get('idempotent-replayed'), null);
      assert.equal(rotated.headers.get('idempotent-replayed'), 'true');
    });

    it('repeats a refusal that stands, and tries again after one that may pass', async () => {
      api.services.failure = new Problem('http/not-allowed-here', 'No.');
      const refused = await post({ json: payee(8), key: 'stands' });
      api.services.failure = new Problem('http/not-ready', 'Not now.');
      const later = await post({ json: payee(9), key: 'passes' });
      api.services.failure = null;
      assert.equal(refused.status, 403);
      assert.equal(later.status, 503);
      const again = await post({ json: payee(8), key: 'stands' });
      assert.equal(again.text, refused.text);
      assert.match(again.headers.get('content-type')!, /^application\/problem\+json/);
      assert.equal(
        (await post({ json: payee(9, 'Mallory'), key: 'passes' })).problem.code,
        'http/idempotency-key-reused',
        'the key still names the first request',
      );
      assert.equal((await post({ json: payee(9), key: 'passes' })).status, 201);
    });

    it('answers 409 with Retry-After while the first request runs, and lets exactly one of many act', async () => {
      let letGo: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (letGo = resolve));
      const { payments } = api.services;
      const addPayee = payments.addPayee.bind(payments);
      Object.assign(payments, { addPayee: async (...args: Parameters<typeof addPayee>) => (await held, addPayee(...args)) });
      const refused: Answer[] = [];
      const racing = Array.from({ length: 8 }, async () => {
        const answer = await post({ json: payee(10), key: 'race' });
        if (answer.status === 409) refused.push(answer);
        return answer;
      });
      while (refused.length < 7) await new Promise((resolve) => setTimeout(resolve, 5));
      for (const answer of refused) {
        assert.equal(answer.problem.code, 'http/idempotency-in-flight');
        assert.equal(answer.headers.get('retry-after'), '1');
      }
      letGo();
      assert.equal((await Promise.all(racing)).filter(({ status }) => status === 201).length, 1);
      Object.assign(payments, { addPayee });
      assert.equal(api.services.calls.length, 1);
    });

    it('is taken over after a crash left its claim behind', async () => {
      await post({ json: payee(11), key: 'crashed' });
      await api.database.owner.query(`update cairn.http_idempotency set status = null, body = null where key = 'crashed'`);
      assert.equal((await post({ json: payee(11), key: 'crashed' })).problem.code, 'http/idempotency-in-flight');
      api.clock.advance(CLAIM_MS);
      assert.equal((await post({ json: payee(11), key: 'crashed' })).status, 201);
      assert.equal((await post({ json: payee(11), key: 'crashed' })).headers.get('idempotent-replayed'), 'true');
    });

    it('is forgotten after its retention, and not before', async () => {
      const store = openIdempotency(api.database.database, random);
      await post({ json: payee(12), key: 'old' });
      const atMs = api.clock.nowMs();
      await store.purge(atMs);
      assert.equal((await post({ json: payee(12), key: 'old' })).headers.get('idempotent-replayed'), 'true');
      assert.ok((await store.purge(atMs + 1)) >= 1);
      assert.equal((await post({ json: payee(12), key: 'old' })).headers.get('idempotent-replayed'), null);
    });
  });
});
