import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mintApiKey, SCOPES } from '#http';
import { ALICE, BOB, testApi, type Body, type TestApi } from '../support/api.ts';
import { authorisationHeader, orderAuthorisation, payeeAuthorisation } from '../support/messages.ts';

const FILE = '<?xml version="1.0" encoding="UTF-8"?>\r\n<Document>\u00e4</Document>\n';

describe('payments over HTTP', () => {
  let api: TestApi;
  let alice: string;
  let bob: string;
  let operator: string;
  before(async () => {
    api = await testApi();
    [alice, bob, operator] = [await api.token(ALICE), await api.token(BOB), await api.token(null)];
  });
  after(() => api.close());

  const submit = (n: number, count: number, body: string = FILE, key?: string) =>
    api.call('POST', '/v1/payment-files', {
      token: alice,
      body,
      headers: { 'content-type': 'application/xml', 'cairn-order-authorisation': authorisationHeader(orderAuthorisation(ALICE, n, count)) },
      ...(key !== undefined && { key }),
    });

  it('passes the file on byte for byte, since the merchant signed its hash', async () => {
    const { status, body } = await submit(1, 3);
    assert.equal(status, 202);
    assert.equal(body.fileHash, `0x${createHash('sha256').update(FILE, 'utf8').digest('hex')}`);
    assert.equal(body.payments.length, 3);
    assert.equal(body.payments[0].price.principal, (10n ** 30n).toString());
    assert.equal(body.payments[1].price, null);
  });

  it('counts the authorisation as part of the request: another one under the same key is another request', async () => {
    await submit(2, 1, FILE, 'file-2');
    assert.equal((await submit(2, 1, FILE, 'file-2')).headers.get('idempotent-replayed'), 'true');
    assert.equal((await submit(2, 2, FILE, 'file-2')).problem.code, 'http/idempotency-key-reused');
    assert.equal((await submit(2, 1, `${FILE} `, 'file-2')).problem.code, 'http/idempotency-key-reused');
  });

  it('shows files, payments and receipts to their merchant and the operator only', async () => {
    const { body } = await submit(3, 1);
    const payment = body.payments[0].id;
    api.services.receiptsOf.set(payment, { version: 1, leaf: '0xab' });
    for (const path of [`/v1/payment-files/${body.order}`, `/v1/payments/${payment}`, `/v1/payments/${payment}/receipt`]) {
      assert.equal((await api.call('GET', path, { token: alice })).status, 200, path);
      assert.equal((await api.call('GET', path, { token: operator })).status, 200, path);
      assert.equal((await api.call('GET', path, { token: bob })).problem.code, 'http/not-found', path);
    }
  });

  it('says that a receipt comes later where the anchor is not final yet', async () => {
    const { body } = await submit(4, 1);
    const answer = await api.call('GET', `/v1/payments/${body.payments[0].id}/receipt`, { token: alice });
    assert.equal(answer.problem.code, 'http/receipt-not-ready');
    assert.equal(answer.headers.get('retry-after'), '5');
  });

  it('pages through payments, payees and batches without losing or repeating any', async () => {
    await submit(5, 9);
    for (let n = 1; n <= 5; n++) await api.call('POST', '/v1/payees', { token: alice, json: payeeAuthorisation(ALICE, n) });
    for (const [path, idOf] of [
      ['/v1/payments', (one: Body) => one.id],
      ['/v1/payees', (one: Body) => one.payee],
      ['/v1/batches', (one: Body) => one.firstSeq],
    ] as const) {
      const whole = (await api.call('GET', `${path}?limit=200`, { token: alice })).body.data.map(idOf);
      const seen: string[] = [];
      let cursor = '';
      for (;;) {
        const { body } = await api.call('GET', `${path}?limit=2${cursor}`, { token: alice });
        seen.push(...body.data.map(idOf));
        if (body.nextCursor === null) break;
        cursor = `&cursor=${body.nextCursor}`;
      }
      assert.deepEqual(seen, whole, path);
      assert.ok(seen.length >= 3);
    }
    assert.deepEqual((await api.call('GET', '/v1/payments', { token: bob })).body, { data: [], nextCursor: null });
  });

  it('quotes without an Idempotency-Key, since asking changes nothing, and passes refusals on', async () => {
    const quote = (currency: string) => api.call('GET', `/v1/quotes?currency=${currency}&amount=1050&payerAsset=1&payeeAsset=2`, { token: alice });
    const { body } = await quote('CHF');
    assert.equal(body.total, '1024');
    assert.equal(BigInt(body.cost) + BigInt(body.spread) + BigInt(body.fee) + BigInt(body.rounding), 1_024n);
    assert.equal((await quote('XXX')).problem.code, 'payments/unknown-currency');
  });

  it('tells the operator in detail how the parts are', async () => {
    const { body } = await api.call('GET', '/v1/status', { token: operator });
    assert.match(body.checks[0].detail, /db\.internal/);
    assert.equal((await api.call('GET', '/v1/status', { token: alice })).problem.code, 'http/scope-missing');
  });

  it('issues a key whose secret never came near the server, once, and revokes it', async () => {
    const minted = mintApiKey((length) => new Uint8Array(randomBytes(length)));
    const json = {
      secretHash: `0x${Buffer.from(minted.secretHash).toString('hex')}`,
      merchant: BOB,
      scopes: ['payments:read'],
      label: 'shop',
      expiresMs: null,
    };
    const put = (body: object) => api.call('PUT', `/v1/api-keys/${minted.id}`, { token: operator, json: body, key: null });
    assert.equal((await put(json)).status, 200);
    assert.equal((await put(json)).status, 200, 'PUT is idempotent by itself');
    assert.equal((await put({ ...json, scopes: [...SCOPES] })).problem.code, 'http/invalid-request', 'no admin for a merchant');
    assert.equal((await put({ ...json, merchant: null, scopes: ['admin'] })).problem.code, 'http/key-exists');
    assert.equal((await api.call('GET', '/v1/payments', { token: minted.token })).status, 200);
    const listed = (await api.call('GET', '/v1/api-keys?limit=200', { token: operator })).text;
    assert.ok(listed.includes(minted.id) && !listed.includes(json.secretHash));
    assert.equal((await api.call('DELETE', `/v1/api-keys/${minted.id}`, { token: operator, key: null })).body.revokedMs, api.clock.nowMs());
    assert.equal((await api.call('GET', '/v1/payments', { token: minted.token })).problem.code, 'http/api-key-refused');
  });
});
