import assert from 'node:assert/strict';
import type { ProblemCode } from '#base';
import { ALICE, testApi, type CallOptions, type TestApi } from '../support/api.ts';
import { authorisationHeader, orderAuthorisation, payeeAuthorisation } from '../support/messages.ts';
import { fundedAccount, headSeq, openAccount } from '../support/money.ts';

interface BadRequest extends CallOptions {
  readonly what: string;
  readonly method?: string;
  readonly path: string;
  readonly code: ProblemCode;
}

const UUID = '0190ffff-0000-7000-8000-000000000000';
const JSON_TYPE = { 'content-type': 'application/json' };
const XML_TYPE = { 'content-type': 'application/xml' };
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const latin1 = new Uint8Array(Buffer.from('{"debit":"\xe9"}', 'latin1'));

describe('bad requests', () => {
  let api: TestApi;
  let token: string;
  let from: string;
  let to: string;
  before(async () => {
    api = await testApi();
    token = await api.token(ALICE);
    from = await fundedAccount(api, await api.token(null), ALICE, '1000');
    to = await openAccount(api, token);
  });
  after(() => api.close());

  const move = (more: object) => ({ debit: from, credit: to, asset: 1, amount: '1', ...more });
  const transfer = (what: string, more: object, code: ProblemCode = 'http/invalid-request'): BadRequest => ({
    what,
    path: '/v1/transfers',
    json: move(more),
    code,
  });
  const file = (what: string, header: string | undefined, code: ProblemCode, more: Partial<BadRequest> = {}): BadRequest => ({
    what,
    path: '/v1/payment-files',
    body: '<Document/>',
    headers: { ...XML_TYPE, ...(header !== undefined && { 'cairn-order-authorisation': header }) },
    code,
    ...more,
  });
  const order = () => orderAuthorisation(ALICE, 1, 1);

  const cases = (): readonly BadRequest[] => [
    { what: 'no JSON', path: '/v1/transfers', body: '{"amount":', headers: JSON_TYPE, code: 'http/malformed-json' },
    { what: 'no body', path: '/v1/transfers', headers: JSON_TYPE, code: 'http/malformed-json' },
    { what: 'bytes that are not UTF-8', path: '/v1/transfers', body: latin1, headers: JSON_TYPE, code: 'http/malformed-json' },
    { what: 'a byte order mark', path: '/v1/transfers', body: '\ufeff{}', headers: JSON_TYPE, code: 'http/malformed-json' },
    { what: 'nesting without end', path: '/v1/transfers', body: nested(5_000), headers: JSON_TYPE, code: 'http/malformed-json' },
    { what: 'an array for an object', path: '/v1/transfers', json: [move({})], code: 'http/invalid-request' },
    { what: 'null', path: '/v1/transfers', json: null, code: 'http/invalid-request' },
    { what: 'another content type', path: '/v1/transfers', body: 'x', headers: { 'content-type': 'text/plain' }, code: 'http/wrong-content-type' },
    { what: 'no content type', path: '/v1/transfers', body: new Uint8Array([123, 125]), code: 'http/wrong-content-type' },
    {
      what: 'JSON in UTF-16',
      path: '/v1/transfers',
      body: '{}',
      headers: { 'content-type': 'application/json; charset=utf-16' },
      code: 'http/wrong-content-type',
    },
    { what: 'a compressed body', path: '/v1/transfers', body: '{}', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, code: 'http/wrong-content-type' },
    { what: 'a body that is too large', path: '/v1/transfers', body: `"${'x'.repeat(70_000)}"`, headers: JSON_TYPE, code: 'http/body-too-large' },
    transfer('an amount that is a number', { amount: 1 }),
    transfer('a negative amount', { amount: '-1' }),
    transfer('a fraction', { amount: '1.5' }),
    transfer('an exponent', { amount: '1e3' }),
    transfer('leading zeros', { amount: '007' }),
    transfer('a blank', { amount: ' 1' }),
    transfer('an empty amount', { amount: '' }),
    transfer('2^128', { amount: (1n << 128n).toString() }),
    transfer('an amount of 10,000 digits', { amount: '9'.repeat(10_000) }),
    transfer('digits of another script', { amount: '١٢' }),
    transfer('an unknown member', { ammount: '1' }),
    transfer('a member called __proto__', JSON.parse('{"__proto__x":1}')),
    transfer('an id in upper case', { id: UUID.toUpperCase() }),
    transfer('an id in braces', { id: `{${UUID}}` }),
    transfer('the nil id', { id: '00000000-0000-0000-0000-000000000000' }),
    transfer('an unknown flag', { flags: ['urgent'] }),
    transfer('asset zero', { asset: 0 }),
    transfer('an asset that is text', { asset: '1' }),
    transfer('a time-out before now', { timeoutS: -1 }),
    transfer('metadata that is no text', { metadata: { a: 1 } }),
    transfer('metadata with half a surrogate pair', { metadata: { a: '\ud800' } }, 'anchor/not-canonical'),
    transfer('metadata without end', { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`k${n}`, 'v'])) }),
    { what: 'no transfer at all', path: '/v1/transfers/batch', json: { transfers: [] }, code: 'http/invalid-request' },
    {
      what: 'one wrong item among right ones',
      path: '/v1/transfers/batch',
      json: { transfers: [move({}), move({ amount: 'x' })] },
      code: 'http/invalid-request',
    },
    { what: 'no Idempotency-Key', path: '/v1/transfers', json: move({}), key: null, code: 'http/idempotency-key-missing' },
    { what: 'a malformed Idempotency-Key', path: '/v1/transfers', json: move({}), key: 'two words', code: 'http/idempotency-key-malformed' },
    { what: 'a key that is none', path: '/v1/transfers', json: move({}), token: 'cairn', code: 'http/api-key-refused' },
    { what: 'half a key', path: '/v1/transfers', json: move({}), token: 'cairn_0_0', code: 'http/api-key-refused' },
    { what: 'an id that is none', method: 'GET', path: '/v1/accounts/1', code: 'http/invalid-request' },
    { what: 'SQL in an id', method: 'GET', path: `/v1/accounts/${encodeURIComponent("' or 1=1 --")}`, code: 'http/invalid-request' },
    { what: 'an unknown parameter', method: 'GET', path: '/v1/payments?Limit=3', code: 'http/invalid-request' },
    { what: 'a parameter twice', method: 'GET', path: '/v1/payments?limit=3&limit=4', code: 'http/invalid-request' },
    { what: 'a limit of zero', method: 'GET', path: '/v1/payments?limit=0', code: 'http/invalid-request' },
    { what: 'a limit above the most', method: 'GET', path: '/v1/payments?limit=201', code: 'http/invalid-request' },
    { what: 'a cursor that is none', method: 'GET', path: '/v1/payments?cursor=zzz', code: 'http/bad-cursor' },
    { what: 'a cursor of another list', method: 'GET', path: `/v1/payments?cursor=${cursorOf(['payees', UUID])}`, code: 'http/bad-cursor' },
    { what: 'a forged position', method: 'GET', path: `/v1/payments?cursor=${cursorOf(['payments', "'; drop table x"])}`, code: 'http/bad-cursor' },
    { what: 'a place in the journal that is none', method: 'GET', path: `/v1/accounts/${UUID}/balance?seq=-1`, code: 'http/invalid-request' },
    { what: 'an unknown version', method: 'GET', path: '/v1/payments', headers: { 'cairn-version': 'latest' }, code: 'http/unknown-version' },
    { what: 'a path with a slash too many', method: 'GET', path: '/v1/payments/', code: 'http/unknown-route' },
    { what: 'a path in upper case', method: 'GET', path: '/V1/payments', code: 'http/unknown-route' },
    { what: 'a method the path does not take', method: 'PATCH', path: '/v1/transfers', json: move({}), code: 'http/wrong-method' },
    file('a file without authorisation', undefined, 'http/invalid-request'),
    file('an authorisation that is no base64url', 'a+b=', 'http/invalid-request'),
    file('an authorisation that is no JSON', Buffer.from('{').toString('base64url'), 'http/invalid-request'),
    file('an authorisation of a payee', authorisationHeader(payeeAuthorisation(ALICE, 1)), 'http/invalid-request'),
    file(
      'an authorisation with a member nobody signed',
      authorisationHeader({ ...order(), message: { ...order().message, bonus: '1' } }),
      'http/invalid-request',
    ),
    file('an authorisation of 2^32 payments', authorisationHeader(orderAuthorisation(ALICE, 1, 2 ** 32)), 'identity/bad-authorisation'),
    file('a file sent as JSON', authorisationHeader(order()), 'http/wrong-content-type', { headers: JSON_TYPE }),
  ];

  it('each get the problem code that is theirs, and leave ledger and services untouched', async () => {
    const head = await headSeq(api);
    const wrong: string[] = [];
    for (const { what, method = 'POST', path, code, ...options } of cases()) {
      const { status, problem, headers } = await api.call(method, path, { token, ...options });
      if (problem?.code !== code) wrong.push(`${what}: ${problem?.code} instead of ${code} (${problem?.detail})`);
      assert.match(headers.get('content-type')!, /^application\/problem\+json/, what);
      assert.equal(problem.status, status, what);
    }
    assert.deepEqual(wrong, []);
    assert.ok(cases().length >= 40);
    assert.equal(await headSeq(api), head);
    assert.deepEqual(api.services.calls, []);
  });

  it('list every wrong field, at most twenty of them, without repeating what was sent', async () => {
    const transfers = Array.from({ length: 30 }, () => move({ amount: 'hunter2' }));
    const { problem, text } = await api.call('POST', '/v1/transfers/batch', { token, json: { transfers } });
    assert.equal(problem.facts['count'], 30);
    const errors = problem.facts['errors'] as { field: string; message: string }[];
    assert.equal(errors.length, 20);
    assert.deepEqual(errors[0], { field: 'body.transfers.0.amount', message: 'must be an integer of minor units as a string' });
    assert.doesNotMatch(text, /hunter2/);
  });
});

function cursorOf(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}
