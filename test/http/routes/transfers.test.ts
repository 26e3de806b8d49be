import assert from 'node:assert/strict';
import { derivedId, type AssetNo, type TransferId, type Uuid } from '#base';
import { chartAccount, closingIdOf, legIdOf, PENDING, SETTLES } from '#ledger/core';
import { CLAIM_MS } from '../../../src/http/idempotency/idempotency.ts';
import { ALICE, BOB, testApi, type Body, type TestApi } from '../support/api.ts';
import { balanceOf, bookDirectly, fundedAccount, headSeq, openAccount } from '../support/money.ts';

describe('transfers over HTTP', () => {
  let api: TestApi;
  let alice: string;
  let bob: string;
  let operator: string;
  let from: string;
  let to: string;
  let vault: string;
  before(async () => {
    api = await testApi();
    [alice, bob, operator] = [await api.token(ALICE), await api.token(BOB), await api.token(null)];
    from = await fundedAccount(api, operator, ALICE, '1000000');
    to = await openAccount(api, alice);
    vault = await openAccount(api, operator, { code: 10 });
  });
  after(() => api.close());

  const move = (amount: string, more: object = {}) => ({ debit: from, credit: to, asset: 1, amount, ...more });
  const single = (json: unknown, token = alice, key?: string) => api.call('POST', '/v1/transfers', { token, json, ...(key !== undefined && { key }) });
  const batch = (transfers: unknown[], token = alice, key?: string) =>
    api.call('POST', '/v1/transfers/batch', { token, json: { transfers }, ...(key !== undefined && { key }) });

  it('books one with both balances in the answer, and shows it', async () => {
    const before = await balanceOf(api, alice, from);
    const { status, body } = await single(move('25', { metadata: { invoice: '7' } }));
    assert.equal(status, 201);
    assert.equal(body.code, 'created');
    assert.equal(BigInt(body.debit.creditsPosted) - BigInt(body.debit.debitsPosted), before - 25n);
    const shown = (await api.call('GET', `/v1/transfers/${body.id}`, { token: alice })).body;
    assert.equal(shown.amount, '25');
    assert.equal(shown.code, 99);
    assert.deepEqual(shown.metadata, { invoice: '7' });
    assert.equal((await api.call('GET', `/v1/transfers/${body.id}`, { token: bob })).status, 404);
  });

  it('says why the ledger refused one, and books nothing', async () => {
    const before = await balanceOf(api, alice, from);
    const answer = await single(move('99999999'));
    assert.equal(answer.problem.code, 'http/transfer-refused');
    assert.equal(answer.problem.facts['code'], 'exceeds_credits');
    assert.equal(await balanceOf(api, alice, from), before);
  });

  it('books what names its ids without an Idempotency-Key: the ids are remembered for ever', async () => {
    const named = { id: '01900000-aaaa-7000-8000-000000000001', ...move('3') };
    const asked = (json: unknown, path = '/v1/transfers') => api.call('POST', path, { token: alice, json, key: null });
    const first = await asked(named);
    assert.equal(first.status, 201);
    const head = await headSeq(api);
    const again = await asked(named);
    assert.deepEqual([again.status, again.body.code, again.body.seq], [200, 'exists', first.body.seq]);
    const other = await asked({ ...named, amount: '4' });
    assert.equal(other.problem.facts['code'], 'exists_with_different_amount');
    assert.equal((await asked({ transfers: [named] }, '/v1/transfers/batch')).body.results[0].code, 'exists');
    assert.equal(await headSeq(api), head);
    for (const answer of [await asked(move('3')), await asked({ transfers: [named, move('3')] }, '/v1/transfers/batch')]) {
      assert.equal(answer.problem.code, 'http/idempotency-key-missing');
    }
    assert.equal(await headSeq(api), head);
  });

  it('never books another amount under the same key (the defect reported of Fineract)', async () => {
    const first = await single(move('10'), alice, 'invoice-4711');
    const head = await headSeq(api);
    const other = await single(move('11'), alice, 'invoice-4711');
    assert.equal(first.status, 201);
    assert.equal(other.status, 422);
    assert.equal(other.problem.code, 'http/idempotency-key-reused');
    const again = await single(move('10'), alice, 'invoice-4711');
    assert.equal(again.text, first.text);
    assert.equal(await headSeq(api), head);
  });

  it('has the same single effect when a crash fell between the effect and the stored answer', async () => {
    const first = await batch([move('5'), move('6')], alice, 'crash-1');
    const head = await headSeq(api);
    await api.database.owner.query(`update cairn.http_idempotency set status = null, body = null where key = 'crash-1'`);
    api.clock.advance(CLAIM_MS);
    const again = await batch([move('5'), move('6')], alice, 'crash-1');
    assert.deepEqual(
      again.body.results.map(({ id, code, seq }: Body) => ({ id, code, seq })),
      first.body.results.map(({ id, seq }: Body) => ({ id, code: 'exists', seq })),
    );
    assert.equal(await headSeq(api), head);
    // Even where the claim itself was lost: the ids follow from the key, so the ledger knows the transfer and sees the other amount.
    await api.database.owner.query(`delete from cairn.http_idempotency where key = 'crash-1'`);
    const forged = await batch([move('7'), move('6')], alice, 'crash-1');
    assert.deepEqual(
      forged.body.results.map(({ code }: Body) => code),
      ['exists_with_different_amount', 'exists'],
    );
    assert.equal(await headSeq(api), head);
  });

  it('lets nobody book under an id that the platform derives, not even in vain: the deposit or payout of that id could never be booked after it', async () => {
    const head = await headSeq(api);
    const leg = legIdOf('01a20a4b-ff24-7477-95e5-05f153938802' as Uuid<'payment'>, 0);
    const derived = [derivedId<TransferId>(new Uint8Array(32).fill(7)), leg, closingIdOf(leg)];
    for (const token of [alice, operator]) {
      for (const id of derived) {
        for (const answer of [await single(move('1', { id }), token), await single(move('99999999', { id }), token), await batch([move('1', { id })], token)])
          assert.equal(answer.problem.code, 'http/invalid-request');
      }
      const account = await api.call('POST', '/v1/accounts', { token, json: { asset: 1, id: chartAccount(api.ledger.bookId, 'merchant', 1 as AssetNo, BOB) } });
      assert.equal(account.problem.code, 'http/invalid-request');
    }
    assert.equal(await headSeq(api), head);
  });

  it('gives a result for each item in order, and does chains whole or not at all', async () => {
    const items = [move('1'), move('2', { flags: ['linked'] }), move('99999999'), move('3'), move('4', { flags: ['linked'] })];
    const { body } = await batch(items);
    assert.deepEqual(
      body.results.map(({ code }: Body) => code),
      ['created', 'linked_event_failed', 'exceeds_credits', 'created', 'linked_event_chain_open'],
    );
  });

  it('holds, posts and voids between a merchant’s own accounts', async () => {
    const before = await balanceOf(api, alice, from);
    const held = await single(move('100', { flags: ['pending'] }));
    assert.equal(held.body.debit.debitsPending, '100');
    const posted = await single(move('60', { flags: ['postPending', 'finalPost'], pendingId: held.body.id }));
    assert.equal(posted.status, 201, posted.text);
    assert.equal(posted.body.debit.debitsPending, '0');
    assert.equal(await balanceOf(api, alice, from), before - 60n);
  });

  it('takes 8,000 in one call, all answered in order, and not one more', async function () {
    this.timeout(120_000);
    const before = await balanceOf(api, alice, to);
    const items = Array.from({ length: 8_000 }, (_, n) => move(String(1 + (n % 3))));
    const { status, body } = await batch(items);
    assert.equal(status, 200);
    assert.equal(body.results.length, 8_000);
    const seqs = body.results.map((result: Body) => BigInt(result.seq));
    assert.ok(body.results.every((result: Body) => result.code === 'created'));
    assert.ok(
      seqs.every((seq: bigint, n: number) => n === 0 || seq === seqs[n - 1] + 1n),
      'in order, without gaps',
    );
    const sum = items.reduce((total, { amount }) => total + BigInt(amount), 0n);
    assert.equal(await balanceOf(api, alice, to), before + sum);
    const head = await headSeq(api);
    const more = await batch([...items, move('1')]);
    assert.equal(more.problem.code, 'http/invalid-request');
    assert.equal(await headSeq(api), head);
  });

  describe('between merchants', () => {
    it('a merchant can neither take from nor give to what is not his own', async () => {
      const his = await openAccount(api, bob);
      const head = await headSeq(api);
      const absent = '0190ffff-0000-7000-8000-000000000000';
      for (const sides of [
        { debit: from, credit: his },
        { debit: his, credit: from },
        { debit: absent, credit: his },
        { debit: his, credit: vault },
      ]) {
        const answer = await single(move('1', sides), bob);
        assert.equal(answer.problem.code, 'http/not-found', JSON.stringify(sides));
        const call = await batch([move('1', { debit: his, credit: his }), move('1', sides)], bob);
        assert.equal(call.problem.code, 'http/not-found');
        assert.equal(call.problem.facts['index'], 1);
      }
      assert.equal(await headSeq(api), head);
    });

    it('a merchant cannot close a hold of others, nor one of his own that leads out', async () => {
      const [x, y] = [await openAccount(api, bob), await openAccount(api, bob)];
      const payout = await bookDirectly(api, from, vault, { amount: 50n, code: 10, flags: PENDING | SETTLES });
      const close = { pendingId: payout, amount: '0', debit: undefined, credit: undefined, asset: undefined };
      for (const flags of [['voidPending'], ['postPending']]) {
        assert.equal((await single(move('0', { ...close, flags }))).problem.code, 'http/invalid-request', 'both accounts must be named');
        assert.equal((await single(move('0', { ...close, flags, debit: from, credit: vault }))).problem.code, 'http/not-found');
        const disguised = await single(move('50', { ...close, amount: '50', flags, debit: x, credit: y }), bob);
        assert.equal(disguised.problem.facts['code'], 'pending_transfer_has_different_debit_account_id');
        assert.equal(disguised.problem.facts['debit'], null, 'nothing of the other’s balances is shown');
      }
      assert.equal((await api.call('GET', `/v1/accounts/${from}`, { token: alice })).body.balances.debitsPending, '50');
    });

    it('a merchant sets nothing that steers settlement, reports or evidence of others', async () => {
      const cases = [{ flags: ['pending', 'settles'] }, { code: 10 }, { reference: ALICE }, { effectiveMs: 1 }, { subject: BOB, metadata: {} }];
      for (const more of cases) assert.equal((await single(move('1', more))).problem.code, 'http/not-allowed-here', JSON.stringify(more));
    });

    it('nobody mints a deposit, pays out or moves money between owners by hand, not even the operator', async () => {
      const his = await openAccount(api, bob);
      const [spare, fees] = [await openAccount(api, operator), await openAccount(api, operator, { code: 40 })];
      const clearing = await openAccount(api, operator, { code: 90 });
      const hold = await bookDirectly(api, from, vault, { amount: 5n, code: 10, flags: PENDING | SETTLES });
      const head = await headSeq(api);
      const cases: object[] = [
        { flags: ['pending', 'settles'] },
        ...[1, 2, 3, 10, 11, 12, 13, 14, 20].map((code) => ({ code })),
        ...[vault, fees, clearing].flatMap((ours) => [{ debit: ours }, { credit: ours }, { debit: ours, credit: spare }, { debit: spare, credit: ours }]),
        { credit: his },
        { debit: his },
        { debit: spare },
        { credit: spare },
        { flags: ['voidPending'], pendingId: hold, credit: vault },
        { flags: ['postPending'], pendingId: hold, credit: vault },
      ];
      for (const more of cases) {
        assert.equal((await single(move('1', more), operator)).problem.code, 'http/not-allowed-here', JSON.stringify(more));
        const call = await batch([move('1'), move('1', more)], operator);
        assert.equal(call.problem.code, 'http/not-allowed-here', JSON.stringify(more));
      }
      const unnamed = { flags: ['voidPending'], pendingId: hold, debit: undefined, credit: undefined };
      assert.equal((await single(move('0', unnamed), operator)).problem.code, 'http/invalid-request');
      for (const more of [{}, { overdraft: '1', flags: ['debitsMustNotExceedCredits'] }, { flags: ['creditsMustNotExceedDebits'] }]) {
        const account = await api.call('POST', '/v1/accounts', { token: operator, json: { asset: 1, owner: ALICE, ...more } });
        assert.equal(account.problem.code, 'http/not-allowed-here', JSON.stringify(more));
      }
      assert.equal(await headSeq(api), head);
      assert.equal((await single(move('1', { code: 98 }), operator)).status, 201, 'between accounts of one owner he may');
    });

    it('shows a merchant only his own side of a transfer', async () => {
      const id = await bookDirectly(api, vault, from, { amount: 9n, code: 1 });
      const seen = await api.call('GET', `/v1/transfers/${id}`, { token: alice });
      assert.equal(seen.body.amount, '9');
      const list = await api.call('GET', `/v1/accounts/${from}/entries?limit=1`, { token: alice });
      assert.deepEqual(list.body.data, [seen.body]);
      assert.ok(list.body.nextCursor);
    });
  });
});
