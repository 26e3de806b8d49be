import { strict as assert } from 'node:assert';
import type { Hex } from '#base';
import { chartAccount } from '#ledger/core';
import { advancePayments } from '#payments';
import { orderFile } from '../support/order.ts';
import { EUR, sign, testTrade, USD, type Trade } from '../support/trade.ts';

const THIEF = '66'.repeat(20);
const HIS_KEY: Hex = `0x${'17'.repeat(32)}`;

/** Each case changes rows as a superuser of the database could, after everything was accepted and before the money is held. */
describe('what a payment is held by, against what the merchant signed', () => {
  let trade: Trade;
  beforeEach(async () => void (trade = await testTrade()));
  afterEach(() => trade.close());

  async function heldAfter(...changes: readonly string[]): Promise<readonly string[]> {
    await trade.fund(USD, 1_000_000_000n);
    for (const account of ['ACME-1', 'ACME-2']) await trade.payee(account);
    const lines = ['ACME-1', 'ACME-2'].map((account) => ({ account, name: `Owner of ${account}`, currency: 'USD', amount: '100.00' }));
    const payments = await trade.submit(orderFile('M-1', lines));
    await trade.db.owner.query('set session_replication_role = replica');
    for (const change of changes) await trade.db.owner.query(change);
    await trade.db.owner.query('set session_replication_role = origin');
    await advancePayments(trade.coordinator);
    return trade.states(payments);
  }

  async function refuses(sentence: RegExp, states: readonly string[], ...changes: readonly string[]): Promise<void> {
    assert.deepEqual(await heldAfter(...changes), states);
    const refused = trade.progress.filter(({ to }) => to === 'refused');
    assert.ok(refused.length > 0 && refused.every(({ reason }) => sentence.test(reason!)), refused.map(({ reason }) => reason).join('\n'));
    const { rows } = await trade.db.owner.query("select distinct reason_code from cairn.payment where state = 'refused'");
    assert.deepEqual(rows, [{ reason_code: 'payments/evidence-differs' }]);
  }

  const FIRST = "where account = 'ACME-1'";
  const BOTH = ['refused', 'refused'];

  it('is held where nothing was changed', async () => assert.deepEqual(await heldAfter(), ['held', 'held']));

  it('is refused where the payee has another address', () =>
    refuses(/address "0x6666/, ['refused', 'held'], `update cairn.payee set address = '\\x${THIEF}' ${FIRST}`));

  it('is refused where the payee has another name', async () => {
    await refuses(/the name "Thief"/, ['refused', 'held'], `update cairn.payee set name = 'Thief' ${FIRST}`);
  });

  it('is refused where the payee’s message was changed with his entry', () =>
    refuses(
      /stored with other words/,
      ['refused', 'held'],
      `update cairn.payee set address = '\\x${THIEF}' ${FIRST}`,
      `update cairn.authorisation set evidence = regexp_replace(evidence, '"settlementAddress":"0x[0-9a-f]{40}"', '"settlementAddress":"0x${THIEF}"') where digest = (select digest from cairn.payee ${FIRST})`,
    ));

  it('is refused where the payee is signed for by nobody', () =>
    refuses(/no payee was signed for/, ['refused', 'held'], `update cairn.payee set digest = '\\x${'00'.repeat(32)}' ${FIRST}`));

  it('is refused where the message was signed with another key than the merchant’s, whoever the directory says he is', async () => {
    const message = { merchant: trade.merchant, key: `0x${THIEF}`, nonce: 1n, expiry: 4_000_000_000n } as const;
    const { evidence } = await sign(HIS_KEY, 'MerchantKey', message);
    await refuses(
      /signed by/,
      BOTH,
      `update cairn.authorisation set evidence = regexp_replace(evidence, '"signature":"0x[0-9a-f]+"', '"signature":"${evidence.signature}"') where kind = 'order'`,
    );
  });

  it('is refused where the merchant’s key was replaced together with its evidence: the book has another one', () =>
    refuses(/is not that of the message/, BOTH, "update cairn.authorisation set booked_seq = booked_seq - 1 where kind = 'merchant'"));

  it('is refused where the payment has another amount than its place in the file', async () => {
    await refuses(
      /the instruction|the instructed/,
      ['refused', 'held'],
      `update cairn.payment set instruction = replace(instruction, '"amountMinor":"10000"', '"amountMinor":"90000"') where position = 0`,
    );
  });

  it('is refused where two payments go to one account', () =>
    refuses(/creditorAccount "ACME-1"/, ['held', 'refused'], "update cairn.payment set creditor_account = 'ACME-1' where position = 1"));

  it('is refused where the order is paid from another account', async () => {
    await refuses(/the order has the account/, BOTH, `update cairn.order_file set account = '${chartAccount(trade.bookId, 'merchant', EUR, trade.merchant)}'`);
  });

  it('is refused where the file was changed', () =>
    refuses(/the fileHash/, BOTH, `update cairn.order_file set file = replace(encode(file, 'escape'), 'Owner of ACME-1', 'Owner of ACME-9')::bytea`));

  it('is refused where the merchant replaced the payee after he was screened, and paid to the new entry when ordered anew', async () => {
    await trade.fund(USD, 1_000_000_000n);
    await trade.payee('ACME-1');
    const order = (id: string) =>
      trade.submit(orderFile(id, [{ account: 'ACME-1', name: 'Owner of ACME-1', currency: 'USD', amount: '100.00', endToEndId: id }]));
    const payments = await order('M-1');
    const { payeeOf } = trade.coordinator;
    let [asked, replaced] = [0, ''];
    const replacing = async (...who: Parameters<typeof payeeOf>) => {
      if (++asked === 2) replaced = (await trade.payee('ACME-1')).address;
      return payeeOf(...who);
    };
    await advancePayments({ ...trade.coordinator, payeeOf: replacing });
    assert.deepEqual(await trade.states(payments), ['refused']);
    const again = await order('M-2');
    await advancePayments(trade.coordinator);
    assert.deepEqual(await trade.states(again), ['held']);
    const record = await trade.book.transfer(again[0]!.hold);
    assert.ok(record && 'fields' in record && record.fields?.payee?.includes(replaced));
  });

  it('waits until the book has the record of what was signed', async () => {
    assert.deepEqual(await heldAfter("update cairn.authorisation set booked_seq = null where kind = 'order'"), ['quoted', 'quoted']);
    assert.equal((await trade.balance('merchant', USD)).posted, 1_000_000_000n);
  });
});
