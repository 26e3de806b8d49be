import assert from 'node:assert/strict';
import type { AccountId, Hex, MerchantId, OrderId, PaymentId } from '#base';
import { chartAccount } from '#ledger/core';
import { findPayment, requirePayment, submitOrderFile } from '#payments';
import { orderFile } from '../support/order.ts';
import { addressOfKey, codeOf, freshId, KEY, sign, testTrade, USD, type Trade } from '../support/trade.ts';
import { registerMerchant } from '#identity';

const OTHER_KEY: Hex = `0x${'12'.repeat(32)}`;
const line = (account: string, amount = '10.00') => ({ name: `Owner of ${account}`, account, currency: 'USD', amount });

describe('an order file with its signature', () => {
  let trade: Trade;
  beforeEach(async () => (trade = await testTrade()));
  afterEach(() => trade.close());

  const file = orderFile('M-1', [line('A'), line('B')]);
  const headSeq = async () => (await trade.book.head()).seq;
  const counts = async () =>
    (await trade.db.owner.query('select (select count(*) from cairn.payment) as payments, (select count(*) from cairn.authorisation) as authorisations'))
      .rows[0];
  async function refused(code: string, more: Partial<ReturnType<Trade['orderMessage']>>, key = KEY, vault?: Hex, chainId?: bigint): Promise<void> {
    const before = [await headSeq(), await counts()];
    const authorisation = await sign(key, 'Order', trade.orderMessage(file, more), vault, chainId);
    assert.equal(await codeOf(submitOrderFile(trade.directory, { merchant: trade.merchant, file, authorisation })), code);
    assert.deepEqual([await headSeq(), await counts()], before);
  }

  it('is taken once, however often and from however many sides it comes', async () => {
    const authorisation = await sign(KEY, 'Order', trade.orderMessage(file));
    const before = await headSeq();
    const submit = () => submitOrderFile(trade.directory, { merchant: trade.merchant, file, authorisation });
    const answers = [...(await Promise.all([submit(), submit(), submit()])), await submit()];
    assert.equal(new Set(answers.map(({ order }) => order.order)).size, 1);
    assert.deepEqual(
      answers.map(({ payments }) => payments.length),
      [2, 2, 2, 2],
    );
    assert.equal(answers.filter(({ repeated }) => !repeated).length, 1);
    assert.equal(await headSeq(), before + 1n);
  });

  it('is taken once though it comes under another order and nonce', async () => {
    const payments = await trade.submit(file);
    const before = [await headSeq(), await counts()];
    assert.deepEqual(await trade.submit(file), payments);
    assert.deepEqual([await headSeq(), await counts()], before);
    const other = orderFile('M-2', [line('C')]);
    const [first, second] = await Promise.all([trade.submit(other), trade.submit(other)]);
    assert.deepEqual(second, first);
  });

  it('is refused where what was signed is not what it is', async () => {
    await refused('identity/wrong-file', { fileHash: `0x${'00'.repeat(32)}` });
    await refused('identity/wrong-count', { count: 3n });
    await refused('identity/wrong-control-sum', { controlSum: '20.01' });
    await refused('identity/expired', { expiry: 1_799_999_999n });
  });

  it('is refused where it was signed by somebody else, or for another vault or chain', async () => {
    await refused('identity/wrong-signer', {}, OTHER_KEY);
    await refused('identity/wrong-signer', {}, KEY, `0x${'ac'.repeat(20)}`);
    await refused('identity/wrong-signer', {}, KEY, undefined, 1n);
  });

  it('is paid from no account but the merchant’s own', async () => {
    await refused('identity/wrong-account', { account: freshId<AccountId>() });
    await refused('identity/wrong-account', { account: chartAccount(trade.bookId, 'fxPosition', USD) });
    const other = freshId<MerchantId>();
    const key = { merchant: other, key: addressOfKey(OTHER_KEY), nonce: 1n, expiry: 4_000_000_000n };
    await registerMerchant(trade.directory, 'Harbor', await sign(OTHER_KEY, 'MerchantKey', key));
    await refused('identity/wrong-account', { account: chartAccount(trade.bookId, 'merchant', USD, other) });
    await refused('identity/wrong-merchant', { merchant: other });
  });

  it('spends its nonce and its number once', async () => {
    await trade.submit(orderFile('M-0', [line('C')]), { nonce: 9n, order: 'aaaaaaaa-0000-7000-8000-000000000001' as OrderId });
    await refused('identity/nonce-used', { nonce: 9n });
    await refused('payments/file-differs', { order: 'aaaaaaaa-0000-7000-8000-000000000001' as OrderId });
  });

  it('shows a payment to its merchant and to nobody else', async () => {
    const [payment] = await trade.submit(file);
    assert.equal((await requirePayment(trade.directory, payment!.payment, trade.merchant)).payment, payment!.payment);
    assert.equal(await codeOf(requirePayment(trade.directory, payment!.payment, freshId<MerchantId>())), 'payments/unknown-payment');
    assert.equal(await codeOf(requirePayment(trade.directory, freshId<PaymentId>(), null)), 'payments/unknown-payment');
    assert.equal((await findPayment(trade.db.database.pool, payment!.payment))?.state, 'received');
  });
});
