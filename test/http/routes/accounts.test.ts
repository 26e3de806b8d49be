import assert from 'node:assert/strict';
import { ALICE, BOB, testApi, type TestApi } from '../support/api.ts';
import { fundedAccount, openAccount } from '../support/money.ts';

describe('accounts over HTTP', () => {
  let api: TestApi;
  let alice: string;
  let bob: string;
  let operator: string;
  before(async () => {
    api = await testApi();
    [alice, bob, operator] = [await api.token(ALICE), await api.token(BOB), await api.token(null)];
  });
  after(() => api.close());

  it('a merchant opens his own account, which can never go below zero', async () => {
    const { status, body } = await api.call('POST', '/v1/accounts', { token: alice, json: { asset: 1 } });
    assert.equal(status, 201);
    assert.equal(body.owner, ALICE);
    assert.equal(body.code, 20);
    assert.deepEqual(body.flags, ['debitsMustNotExceedCredits']);
    assert.equal(body.balances.creditsPosted, '0');
    assert.deepEqual((await api.call('GET', `/v1/accounts/${body.id}`, { token: alice })).body, body);
  });

  it('a merchant chooses neither owner nor purpose nor overdraft', async () => {
    for (const more of [{ owner: BOB }, { code: 10 }, { overdraft: '1' }, { flags: ['creditsMustNotExceedDebits'] }]) {
      const answer = await api.call('POST', '/v1/accounts', { token: alice, json: { asset: 1, ...more } });
      assert.equal(answer.problem.code, 'http/not-allowed-here', JSON.stringify(more));
    }
  });

  it('the same account again is no second one, and another one under its id is refused', async () => {
    const id = await openAccount(api, alice, { id: '0190ffff-0000-7000-8000-000000000001' });
    assert.equal((await api.call('POST', '/v1/accounts', { token: alice, json: { asset: 1, id } })).status, 200);
    const other = await api.call('POST', '/v1/accounts', { token: alice, json: { asset: 2, id } });
    assert.equal(other.problem.code, 'http/account-refused');
    assert.equal(other.problem.facts['code'], 'exists_with_different_asset');
  });

  it('what belongs to another merchant looks exactly like what does not exist', async () => {
    const id = await openAccount(api, alice);
    const nothing = '0190ffff-0000-7000-8000-000000000000';
    for (const path of [
      (one: string) => `/v1/accounts/${one}`,
      (one: string) => `/v1/accounts/${one}/balance`,
      (one: string) => `/v1/accounts/${one}/entries`,
    ]) {
      const [foreign, absent] = [await api.call('GET', path(id), { token: bob }), await api.call('GET', path(nothing), { token: bob })];
      assert.equal(foreign.status, 404);
      const words = ({ code, detail, facts }: typeof foreign.problem) => ({ code, detail, facts });
      assert.deepEqual(words(foreign.problem), words(absent.problem));
      assert.equal((await api.call('GET', path(id), { token: operator })).status, 200);
    }
  });

  it('shows the balance now, as of a record and as of a time', async () => {
    const account = await fundedAccount(api, operator, ALICE, '100');
    const path = `/v1/accounts/${account}/balance`;
    const then = (await api.call('GET', path, { token: alice })).body;
    const atMs = api.clock.nowMs();
    api.clock.advance(1_000);
    const target = await openAccount(api, alice);
    const spent = await api.call('POST', '/v1/transfers', { token: alice, json: { debit: account, credit: target, asset: 1, amount: '30' } });
    assert.equal((await api.call('GET', path, { token: alice })).body.debitsPosted, '30');
    assert.equal((await api.call('GET', `${path}?seq=${then.seq}`, { token: alice })).body.debitsPosted, '0');
    assert.equal((await api.call('GET', `${path}?seq=${spent.body.seq}`, { token: alice })).body.debitsPosted, '30');
    assert.equal((await api.call('GET', `${path}?atMs=${atMs}`, { token: alice })).body.debitsPosted, '0');
    assert.equal((await api.call('GET', `${path}?atMs=${atMs + 1_000}`, { token: alice })).body.debitsPosted, '30');
    assert.equal((await api.call('GET', `${path}?seq=1&atMs=1`, { token: alice })).problem.code, 'http/invalid-request');
  });

  it('describes an asset by its number', async () => {
    const { body } = await api.call('GET', '/v1/assets/2', { token: alice });
    assert.deepEqual(body, { asset: 2, symbol: 'tEUR', decimals: 18, caip19: null, peg: 'EUR' });
    assert.equal((await api.call('GET', '/v1/assets/3', { token: alice })).problem.code, 'http/not-found');
  });

  it('lists a merchant’s own accounts page by page, all of them once', async () => {
    const carol = '0190cccc-0000-7000-8000-00000000000c' as typeof ALICE;
    const token = await api.token(carol);
    const opened = new Set<string>();
    for (let n = 0; n < 7; n++) opened.add(await openAccount(api, token));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { body }: { body: { data: { id: string; owner: string }[]; nextCursor: string | null } } = await api.call(
        'GET',
        `/v1/accounts?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
        { token },
      );
      seen.push(...body.data.map((one) => one.id));
      cursor = body.nextCursor;
    } while (cursor !== null);
    assert.equal(seen.length, 7);
    assert.deepEqual(new Set(seen), opened);
    assert.equal((await api.call('GET', `/v1/accounts?merchant=${carol}`, { token: operator })).body.data.length, 7);
    assert.equal((await api.call('GET', `/v1/accounts?merchant=${carol}`, { token: bob })).problem.code, 'http/not-allowed-here');
    assert.equal((await api.call('GET', '/v1/accounts', { token: operator })).problem.code, 'http/invalid-request');
  });
});
