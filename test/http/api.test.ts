import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { PROBLEMS } from '#base';
import { createLog, openApiKeys } from '#http';
import { ALICE, testApi, type Answer, type Body, type TestApi } from './support/api.ts';
import { payeeAuthorisation } from './support/messages.ts';
import { WELL } from './support/services.ts';

describe('the API’s frame', () => {
  let api: TestApi;
  let alice: string;
  let operator: string;
  before(async () => {
    api = await testApi();
    alice = await api.token(ALICE);
    operator = await api.token(null);
  });
  after(() => api.close());

  /** The line of the log about an answer: it is written when the last byte is out, which may be after the caller has it. */
  async function lineOf(answer: Answer): Promise<Body> {
    for (;;) {
      const line = api.log.map((text) => JSON.parse(text)).find(({ msg, requestId }) => msg === 'answered' && requestId === answer.headers.get('request-id'));
      if (line) return line;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it('answers every refusal as problem+json with a code, retry advice, a solution and an instance', async () => {
    const answer = await api.call('GET', '/nowhere');
    assert.equal(answer.status, 404);
    assert.match(answer.headers.get('content-type')!, /^application\/problem\+json/);
    const { code, type, title, status, retry, howToSolve, instance } = answer.problem;
    assert.equal(code, 'http/unknown-route');
    assert.equal(type, '/problems/http/unknown-route');
    assert.deepEqual({ title, status, retry, howToSolve }, PROBLEMS['http/unknown-route']);
    assert.equal(instance, `urn:uuid:${answer.headers.get('request-id')}`);
  });

  it('explains each problem code at the address its type names', async () => {
    const answer = await api.call('GET', '/problems/http/unknown-route');
    assert.deepEqual(answer.body, { type: '/problems/http/unknown-route', code: 'http/unknown-route', ...PROBLEMS['http/unknown-route'] });
    assert.equal((await api.call('GET', '/problems/http/toString')).problem.code, 'http/unknown-route');
    assert.equal((await api.call('GET', '/problems/constructor/constructor')).problem.code, 'http/unknown-route');
  });

  it('names the methods a path takes', async () => {
    const answer = await api.call('DELETE', '/v1/payees', { token: alice });
    assert.equal(answer.problem.code, 'http/wrong-method');
    assert.deepEqual(answer.headers.get('allow')!.split(', ').sort(), ['GET', 'HEAD', 'POST']);
    assert.equal((await api.call('POST', '/healthz')).problem.code, 'http/wrong-method');
  });

  it('sets the security headers and its version on every answer, refusals too', async () => {
    for (const path of ['/healthz', '/nowhere', '/v1/payees']) {
      const { headers } = await api.call('GET', path);
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
      assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'", path);
      assert.equal(headers.get('cache-control'), 'no-store', path);
      assert.equal(headers.get('cairn-version'), '2026-11-01', path);
      assert.equal(headers.get('x-powered-by'), null, path);
    }
  });

  it('refuses a version it does not speak and takes the one it does', async () => {
    assert.equal((await api.call('GET', '/healthz', { headers: { 'cairn-version': '2020-01-01' } })).problem.code, 'http/unknown-version');
    assert.equal((await api.call('GET', '/healthz', { headers: { 'cairn-version': '2026-11-01' } })).status, 200);
  });

  it('says nothing of what failed inside, and logs it under the same instance', async () => {
    api.services.failure = new TypeError('secret-host.internal refused password hunter2');
    const json = payeeAuthorisation(ALICE, 1);
    const answer = await api.call('POST', '/v1/payees', { token: alice, json });
    api.services.failure = null;
    assert.equal(answer.status, 500);
    assert.equal(answer.problem.code, 'http/internal');
    assert.doesNotMatch(answer.text, /hunter2|secret-host|TypeError|\.ts/);
    assert.ok(answer.headers.get('retry-after'));
    const line = api.log.find((one) => one.includes('hunter2'));
    assert.ok(line?.includes(answer.headers.get('request-id')!), 'the cause is in the log');
  });

  it('logs who asked for what route and how it ended, and never a secret, a query or a body', async () => {
    const secret = alice.slice('cairn_0123456789abcdef_'.length);
    const bad = await api.call('GET', `/v1/payees?cursor=${secret}`, { token: alice });
    const stranger = await api.call('GET', `/v1/payees?cursor=${secret}`, { token: `${alice.slice(0, -1)}!` });
    const answered = await lineOf(bad);
    await lineOf(stranger);
    assert.equal(answered.problem, 'http/bad-cursor');
    assert.equal(answered.key, alice.split('_')[1]);
    assert.equal(answered.merchant, ALICE);
    assert.equal(answered.status, 400);
    assert.ok(!api.log.join('').includes(secret), 'no secret in the log');
  });

  it('redacts members that could be secrets, whoever logs them', () => {
    const lines: string[] = [];
    createLog({ level: 'info' }, { write: (line: string) => void lines.push(line) }).info({ token: 'hunter2', deep: { url: 'postgres://u:hunter2@h' } }, 'x');
    assert.doesNotMatch(lines.join(''), /hunter2/);
  });

  it('is alive while it is not ready, and says which part is not and how old the oldest unanchored record is', async () => {
    assert.deepEqual((await api.call('GET', '/readyz')).body.unanchored, { greatestAgeMs: 1_000, limitMs: 60_000 });
    api.services.system = { ...WELL, greatestUnanchoredAgeMs: 60_001 };
    const late = await api.call('GET', '/readyz');
    assert.equal(late.problem.code, 'http/not-ready');
    assert.deepEqual(late.problem.facts['unanchored'], { greatestAgeMs: 60_001, limitMs: 60_000 });
    api.services.system = { ...WELL, checks: [{ name: 'chain', ok: false, detail: 'http://rpc.internal refused' }] };
    const down = await api.call('GET', '/readyz');
    assert.equal(down.status, 503);
    assert.match(down.problem.detail, /chain/);
    assert.doesNotMatch(down.text, /rpc\.internal/);
    assert.equal((await api.call('GET', '/healthz')).status, 200);
    api.services.system = WELL;
  });

  it('shows metrics to the operator only, with the route’s pattern as label', async () => {
    assert.equal((await api.call('GET', '/metrics')).status, 401);
    await lineOf(await api.call('GET', `/v1/payees/${ALICE}`, { token: alice }));
    const { text } = await api.call('GET', '/metrics', { token: operator });
    assert.match(text, /cairn_http_request_seconds_count\{route="\/v1\/payees\/\{id\}",method="GET",status="404"\} 1/);
    assert.match(text, /cairn_unanchored_age_seconds 1\n/);
    assert.doesNotMatch(text, new RegExp(ALICE));
  });

  it('answers what is no HTTP, and headers without end, as problems too', async () => {
    assert.match(await raw(api.url, 'GARBAGE\r\n\r\n'), /400[\s\S]*http\/malformed-request/);
    assert.match(await raw(api.url, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), /431[\s\S]*http\/headers-too-large/);
    assert.match(await raw(api.url, 'GET /problems/http/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /400[\s\S]*http\/malformed-request/);
  });

  it('stops a key from the moment it is revoked', async () => {
    const token = await api.token(ALICE);
    assert.equal((await api.call('GET', '/v1/payees', { token })).status, 200);
    await openApiKeys(api.database.database).revoke(token.split('_')[1]!, api.clock.nowMs());
    assert.equal((await api.call('GET', '/v1/payees', { token })).problem.code, 'http/api-key-refused');
  });
});

function raw(url: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}
