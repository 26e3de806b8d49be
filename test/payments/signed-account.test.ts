import { strict as assert } from 'node:assert';
import type { AccountId, MerchantId } from '#base';
import { DEBITS_MUST_NOT_EXCEED_CREDITS, chartAccount, type Command } from '#ledger/core';
import { advancePayments, submitOrderFile } from '#payments';
import { orderFile } from '../support/order.ts';
import { codeOf, freshId, KEY, sign, testTrade, USD, type Trade } from '../support/trade.ts';

describe('the account that the merchant signed the order for', () => {
  let trade: Trade;
  beforeEach(async () => void (trade = await testTrade()));
  afterEach(() => trade.close());

  const file = orderFile('M-1', [{ account: 'ACME-1', name: 'Owner of ACME-1', currency: 'USD', amount: '100.00' }]);

  async function opened(owner: MerchantId, flags = DEBITS_MUST_NOT_EXCEED_CREDITS, overdraft = 0n): Promise<AccountId> {
    const id = freshId<AccountId>();
    const commands: Command[] = [{ kind: 'openAccount', id, asset: USD, code: 20, flags, overdraft, owner }];
    assert.deepEqual(
      (await trade.book.submit(commands)).map(({ code }) => code),
      ['created'],
    );
    return id;
  }

  it('pays, and no other of his accounts does', async () => {
    await trade.payee('ACME-1');
    await trade.fund(USD, 1_000_000_000n);
    const second = await opened(trade.merchant);
    const main = chartAccount(trade.bookId, 'merchant', USD, trade.merchant);
    const [moved] = await trade.book.submit([{ kind: 'transfer', id: freshId(), debit: main, credit: second, asset: USD, amount: 200_000_000n, code: 99 }]);
    assert.equal(moved!.code, 'created');
    const payments = await trade.submit(file, { account: second });
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['held']);
    const [untouched, paying] = [await trade.book.account(main), await trade.book.account(second)];
    assert.equal(untouched!.debitsPending, 0n);
    assert.ok(paying!.debitsPending >= 100_000_000n);
  });

  it('has to have the money itself', async () => {
    await trade.payee('ACME-1');
    await trade.fund(USD, 1_000_000_000n);
    const payments = await trade.submit(file, { account: await opened(trade.merchant) });
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['refused']);
    assert.match(trade.progress.at(-1).reason!, /the account has 0 available/);
  });

  it('is refused where it may owe', async () => {
    for (const account of [await opened(trade.merchant, 0), await opened(trade.merchant, DEBITS_MUST_NOT_EXCEED_CREDITS, 5n)]) {
      const authorisation = await sign(KEY, 'Order', trade.orderMessage(file, { account }));
      assert.equal(await codeOf(submitOrderFile(trade.directory, { merchant: trade.merchant, file, authorisation })), 'identity/wrong-account');
    }
  });
});
