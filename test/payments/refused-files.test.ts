import assert from 'node:assert/strict';
import { advancePayments, submitOrderFile } from '#payments';
import { codeOf, EUR, KEY, sign, testTrade, USD, type Trade } from '../support/trade.ts';
import { DEFECTIVE_PAYMENTS, MALFORMED_FILES, SOUND } from './malformed.ts';
import { utf8 } from '#base';

/** Everything that a refused file must leave as it was. */
async function footprint(trade: Trade): Promise<unknown> {
  const { rows } = await trade.db.owner.query(
    `select (select count(*) from cairn.payment) as payments, (select count(*) from cairn.order_file) as files,
            (select count(*) from cairn.authorisation) as authorisations, (select count(*) from cairn.payment_event) as events`,
  );
  return { head: await trade.book.head(), rows };
}

async function opened(): Promise<Trade> {
  const trade = await testTrade();
  await trade.fund(USD, 10_000_000_000n);
  await trade.liquidity(EUR, 10_000n * 10n ** 18n);
  await trade.payee('FR1420041010050500013M02606', EUR);
  await trade.payee('AT611904300234573201', EUR);
  return trade;
}

describe('a malformed order file before a real ledger', () => {
  let trade: Trade;
  before(async () => (trade = await opened()));
  after(() => trade.close());

  for (const { what, code, bytes } of MALFORMED_FILES) {
    it(`${what} is refused as ${code}, and neither the book nor the payments change`, async () => {
      const before = await footprint(trade);
      const authorisation = await sign(KEY, 'Order', trade.orderMessage(bytes));
      assert.equal(await codeOf(submitOrderFile(trade.directory, { merchant: trade.merchant, file: bytes, authorisation })), code);
      assert.equal(await advancePayments(trade.coordinator), 0);
      assert.deepEqual(await footprint(trade), before);
    });
  }

  it('the sound file they were made of is taken', async () => {
    const payments = await trade.submit(utf8(SOUND));
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(payments), ['held', 'held']);
  });
});

describe('a defective payment before a real ledger', () => {
  for (const { what, code, bytes, index } of DEFECTIVE_PAYMENTS) {
    it(`${what} is refused as ${code}, alone`, async () => {
      const trade = await opened();
      try {
        const payments = await trade.submit(bytes);
        await advancePayments(trade.coordinator);
        const { rows } = await trade.db.owner.query<{ state: string; reason_code: string | null }>(
          'select state, reason_code from cairn.payment order by position',
        );
        assert.deepEqual([rows[index]!.state, rows[index]!.reason_code], ['refused', code]);
        const other = 1 - index;
        const isGroupWide = /<PmtMtd>CHK|CH94/.test(Buffer.from(bytes).toString());
        assert.deepEqual([rows[other]!.state, rows[other]!.reason_code], isGroupWide ? ['refused', code] : ['held', null]);
        assert.equal(await trade.book.hold(payments[index]!.hold), null);
        assert.equal((await trade.book.hold(payments[other]!.hold)) === null, isGroupWide);
      } finally {
        await trade.close();
      }
    });
  }
});
