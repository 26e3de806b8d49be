import assert from 'node:assert/strict';
import { SCOPES } from '#http';
import { ROUTES } from '../../../src/http/routes/routes.ts';
import { ALICE, MERCHANT_SCOPES, testApi, type Body, type TestApi } from '../support/api.ts';
import { headSeq } from '../support/money.ts';

/** Refusals by the door, before anything of the request itself was looked at. */
const DOOR = new Set(['http/api-key-missing', 'http/api-key-refused', 'http/scope-missing', 'http/operator-only', 'http/merchant-only']);

describe('authorisation', () => {
  let api: TestApi;
  let tokens: { readonly who: 'operator' | 'merchant'; readonly scope: string; readonly token: string }[];
  before(async () => {
    api = await testApi();
    const operator = SCOPES.map(async (scope) => ({ who: 'operator' as const, scope, token: await api.token(null, [scope]) }));
    const merchant = MERCHANT_SCOPES.map(async (scope) => ({ who: 'merchant' as const, scope, token: await api.token(ALICE, [scope]) }));
    tokens = await Promise.all([...operator, ...merchant]);
  });
  after(() => api.close());

  it('knows every route of the document that takes a key', async () => {
    const { body } = await api.call('GET', '/openapi.json');
    const documented = Object.entries(body.paths).flatMap(([path, item]: [string, Body]) =>
      Object.entries(item)
        .filter(([, operation]: [string, Body]) => operation.security.length > 0)
        .map(([method]) => `${method} ${path}`),
    );
    assert.deepEqual(documented.sort(), [...ROUTES.map((route) => `${route.method} ${route.path}`), 'get /metrics'].sort());
  });

  // Every route with every scope a key can have alone, of the operator and of a merchant: exactly the route's own scope and kind of caller pass the door.
  for (const route of ROUTES) {
    it(`lets ${route.access.who === 'anyone' ? 'a key' : `a key of the ${route.access.who}`} with ${route.access.scope} alone do ${route.method.toUpperCase()} ${route.path}`, async () => {
      const head = await headSeq(api);
      const ask = async (token?: string) => {
        const path = route.path.replaceAll(/\{\w+\}/g, 'not-an-id');
        const { status, body } = await api.call(route.method.toUpperCase(), `${path}?unknown=1`, token === undefined ? {} : { token });
        return { status, code: String(body?.code) };
      };
      assert.equal((await ask()).code, 'http/api-key-missing');
      for (const { who, scope, token } of tokens) {
        const { status, code } = await ask(token);
        const expected =
          scope !== route.access.scope
            ? 'http/scope-missing'
            : route.access.who !== 'anyone' && route.access.who !== who
              ? `http/${route.access.who}-only`
              : null;
        if (expected === null) assert.ok(!DOOR.has(code) && status < 500, `${who} with ${scope}: ${code}`);
        else assert.equal(code, expected, `${who} with ${scope}`);
      }
      assert.equal(await headSeq(api), head, 'nobody at the door moved anything');
    });
  }
});
