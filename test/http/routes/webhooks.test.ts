import assert from 'node:assert/strict';
import { ALICE, BOB, testApi, type TestApi } from '../support/api.ts';

const ID = '0190a000-0000-7000-8000-0000000000e1';
const endpoint = { url: 'https://example.com/cairn', secret: `0x${'07'.repeat(32)}` };

describe('webhook endpoints', () => {
  let api: TestApi;
  let alice: string;
  let bob: string;
  let operator: string;
  before(async () => {
    api = await testApi();
    [alice, bob, operator] = await Promise.all([api.token(ALICE), api.token(BOB), api.token(null)]);
  });
  after(() => api.close());

  const put = (token: string, json: unknown, id = ID) => api.call('PUT', `/v1/webhooks/${id}`, { token, json });

  it('are made once, answer without their secret, and never change', async () => {
    const { status, body, text } = await put(alice, endpoint);
    assert.equal(status, 200);
    assert.deepEqual(body, { id: ID, merchant: ALICE, url: endpoint.url, createdMs: api.clock.nowMs(), endedMs: null });
    assert.ok(!text.includes('0707'));
    api.clock.advance(1_000);
    assert.deepEqual((await put(alice, endpoint)).body, body);
    for (const other of [
      { ...endpoint, url: 'https://example.com/other' },
      { ...endpoint, secret: `0x${'08'.repeat(32)}` },
    ]) {
      assert.equal((await put(alice, other)).problem.code, 'http/webhook-exists');
    }
    assert.equal((await put(bob, endpoint)).problem.code, 'http/webhook-exists');
    assert.ok(!api.log.some((line) => line.includes('0707')), 'the log does not have it either');
  });

  it('are not made where they would lead into our own network, and not without end', async () => {
    for (const url of ['http://example.com/', 'https://169.254.169.254/latest', 'https://[::1]/']) {
      assert.equal((await put(bob, { ...endpoint, url })).problem.code, 'http/webhook-url');
    }
    const id = (n: number) => `0190b000-0000-7000-8000-0000000000${n + 10}`;
    for (let n = 0; n < 10; n++) assert.equal((await put(bob, endpoint, id(n))).status, 200);
    assert.equal((await put(bob, endpoint, id(10))).problem.code, 'http/too-many-webhooks');
    assert.equal((await put(bob, endpoint, id(9))).status, 200, 'the same again is no further one');
  });

  it('are refused, and not failed at, where their URL is written as only a parser would take it', async () => {
    for (const url of ['HTTPS://example.com/', ' https://example.com/', 'https:example.com', 'https:/example.com/', 'https://example.com/\0']) {
      assert.equal((await put(bob, { ...endpoint, url }, '0190b000-0000-7000-8000-0000000000ff')).problem.code, 'http/webhook-url');
    }
  });

  it('are listed to their merchant and to the operator, page by page, and do not exist for others', async () => {
    const first = await api.call('GET', '/v1/webhooks?limit=6', { token: bob });
    const second = await api.call('GET', `/v1/webhooks?limit=6&cursor=${first.body.nextCursor}`, { token: bob });
    assert.deepEqual([first.body.data.length, second.body.data.length, second.body.nextCursor], [6, 4, null]);
    assert.equal((await api.call('GET', `/v1/webhooks?merchant=${ALICE}`, { token: operator })).body.data.length, 1);
    assert.equal((await api.call('GET', `/v1/webhooks?merchant=${ALICE}`, { token: bob })).problem.code, 'http/not-allowed-here');
    assert.equal((await api.call('GET', `/v1/webhooks/${ID}/deliveries`, { token: bob })).problem.code, 'http/not-found');
    assert.equal((await api.call('DELETE', `/v1/webhooks/${ID}`, { token: bob })).problem.code, 'http/not-found');
  });

  it('show what they were told, latest record first, and end for good', async () => {
    const rows = Array.from({ length: 5 }, (_, i) => `('${ID}', '${api.ledger.bookId}', ${i + 1}, '{}', 1, 1)`).join(', ');
    await api.database.owner.query(`insert into cairn.webhook_delivery (webhook, book, seq, body, created_ms, due_ms) values ${rows}`);
    const page = await api.call('GET', `/v1/webhooks/${ID}/deliveries?limit=3`, { token: alice });
    const rest = await api.call('GET', `/v1/webhooks/${ID}/deliveries?limit=3&cursor=${page.body.nextCursor}`, { token: operator });
    assert.deepEqual(
      [...page.body.data, ...rest.body.data].map(({ seq }: { seq: string }) => seq),
      ['5', '4', '3', '2', '1'],
    );
    assert.deepEqual(page.body.data[0], { id: `evt_${api.ledger.bookId}_5`, seq: '5', attempts: 0, dueMs: 1, endedMs: null, outcome: null });
    const endedMs = api.clock.nowMs();
    assert.equal((await api.call('DELETE', `/v1/webhooks/${ID}`, { token: alice })).body.endedMs, endedMs);
    api.clock.advance(5);
    assert.equal((await api.call('DELETE', `/v1/webhooks/${ID}`, { token: alice })).body.endedMs, endedMs);
    const after = await api.call('GET', `/v1/webhooks/${ID}/deliveries`, { token: alice });
    assert.deepEqual(new Set(after.body.data.map(({ outcome }: { outcome: string }) => outcome)), new Set(['the endpoint was ended']));
    assert.equal((await put(alice, endpoint)).problem.code, 'http/webhook-exists');
  });

  it('are ended by the operator too, whosever they are', async () => {
    const id = '0190b000-0000-7000-8000-000000000010';
    assert.equal((await api.call('DELETE', `/v1/webhooks/${id}`, { token: operator })).body.endedMs, api.clock.nowMs());
  });
});
