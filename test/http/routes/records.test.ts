import assert from 'node:assert/strict';
import { ALICE, testApi, type TestApi } from '../support/api.ts';
import { fundedAccount } from '../support/money.ts';

describe('the journal over HTTP', () => {
  let api: TestApi;
  let operator: string;
  before(async () => {
    api = await testApi();
    operator = await api.token(null);
    await fundedAccount(api, operator, ALICE, '5');
  });
  after(() => api.close());

  it('gives the operator every record once and in order, page by page', async () => {
    const seqs: string[] = [];
    const kinds = new Set<string>();
    let cursor = '';
    for (;;) {
      const { body } = await api.call('GET', `/v1/records?limit=2${cursor}`, { token: operator });
      for (const record of body.data) {
        seqs.push(record.seq);
        kinds.add(record.kind);
      }
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    assert.deepEqual(
      seqs,
      seqs.map((_, n) => String(n + 1)),
    );
    assert.deepEqual(kinds, new Set(['asset', 'account', 'transfer']));
  });

  it('shows one record by its number, with its evidence as JSON', async () => {
    const merchant = await api.token(ALICE);
    const { body: accounts } = await api.call('GET', '/v1/accounts', { token: merchant });
    const debit = accounts.data[0].id;
    const { body: other } = await api.call('POST', '/v1/accounts', { token: merchant, json: { asset: 1 } });
    const json = { debit, credit: other.id, asset: 1, amount: '2', metadata: { note: 'b', a: '1' } };
    const { body: booked } = await api.call('POST', '/v1/transfers', { token: merchant, json });
    const { body: record } = await api.call('GET', `/v1/records/${booked.seq}`, { token: operator });
    assert.equal(record.amount, '2');
    assert.equal(record.subject, ALICE);
    assert.deepEqual(record.fields, { metadata: { a: '1', note: 'b' } });
    assert.equal((await api.call('GET', '/v1/records/999999', { token: operator })).problem.code, 'http/not-found');
    assert.equal((await api.call('GET', '/v1/records/0', { token: operator })).problem.code, 'http/not-found');
  });
});
