import assert from 'node:assert/strict';
import type { Hex, MerchantId, PayeeId } from '#base';
import { addPayee, bookAuthorisations, findMerchant, findPayee, findPayeeById, registerMerchant, registerWallet, walletOwner } from '#identity';
import type { Messages } from '#identity/core';
import { addressOfKey, codeOf, freshId, KEY, sign, testTrade, TOKENS, type Trade } from '../support/trade.ts';

const OTHER_KEY: Hex = `0x${'12'.repeat(32)}`;
const WALLET_KEY: Hex = `0x${'13'.repeat(32)}`;
const EXPIRY = 4_000_000_000n;

describe('the directory of merchants, wallets and payees', () => {
  let trade: Trade;
  let nonce = 1_000n;
  beforeEach(async () => (trade = await testTrade()));
  afterEach(() => trade.close());

  const payeeMessage = (more: Partial<Messages['Payee']> = {}): Messages['Payee'] => ({
    merchant: trade.merchant,
    payee: freshId<PayeeId>(),
    name: 'Linse KG',
    account: 'AT611904300234573201',
    settlementAddress: `0x${'42'.repeat(20)}`,
    token: [...TOKENS.keys()][0]!,
    nonce: nonce++,
    expiry: EXPIRY,
    ...more,
  });
  const add = async (message: Messages['Payee'], key = KEY) => addPayee(trade.directory, await sign(key, 'Payee', message), false);
  const wallet = (more: Partial<Messages['Wallet']> = {}) =>
    sign(WALLET_KEY, 'Wallet', { merchant: trade.merchant, wallet: addressOfKey(WALLET_KEY), nonce: nonce++, expiry: EXPIRY, ...more });
  const headSeq = async () => (await trade.book.head()).seq;

  /** Refused with this code, and nothing written. */
  async function refused(code: string, work: () => Promise<unknown>): Promise<void> {
    const before = await headSeq();
    assert.equal(await codeOf(work()), code);
    assert.equal(await bookAuthorisations(trade.directory), 0);
    assert.equal(await headSeq(), before);
  }

  it('takes the same merchant, wallet and payee any number of times, at once or later, and writes each once', async () => {
    const before = await headSeq();
    const merchant = freshId<MerchantId>();
    const key = await sign(OTHER_KEY, 'MerchantKey', { merchant, key: addressOfKey(OTHER_KEY), nonce: 1n, expiry: EXPIRY });
    const payee = await sign(KEY, 'Payee', payeeMessage());
    const purse = await wallet();
    const callers = Array.from({ length: 24 });
    for (let again = 0; again < 2; again++) {
      await Promise.all(callers.map(() => registerMerchant(trade.directory, 'Harbor', key)));
      await Promise.all(callers.map(() => registerWallet(trade.directory, purse)));
      await Promise.all(callers.map(() => addPayee(trade.directory, payee, false)));
    }
    assert.equal(await bookAuthorisations(trade.directory), 0);
    // The key with its two accounts, the wallet, the payee.
    assert.equal(await headSeq(), before + 5n);
    assert.equal((await findMerchant(trade.db.database.pool, merchant))?.name, 'Harbor');
  });

  it('takes messages that end at the last second a uint64 can name', async () => {
    const message = payeeMessage({ expiry: 2n ** 64n - 1n });
    assert.equal((await add(message)).payee, message.payee);
  });

  it('refuses a nonce that another message of the merchant spent', async () => {
    await add(payeeMessage({ nonce: 77n }));
    await refused('identity/nonce-used', () => add(payeeMessage({ nonce: 77n, account: 'AT021904300234573202' })));
    await refused('identity/nonce-used', async () => registerWallet(trade.directory, await wallet({ nonce: 77n })));
    const merchant = freshId<MerchantId>();
    await registerMerchant(
      trade.directory,
      'Harbor',
      await sign(OTHER_KEY, 'MerchantKey', { merchant, key: addressOfKey(OTHER_KEY), nonce: 77n, expiry: EXPIRY }),
    );
  });

  it('refuses a payee that the merchant did not sign, or signed for another deployment, or too long ago', async () => {
    await refused('identity/wrong-signer', () => add(payeeMessage(), OTHER_KEY));
    await refused('identity/wrong-signer', async () => addPayee(trade.directory, await sign(KEY, 'Payee', payeeMessage(), `0x${'ac'.repeat(20)}`), false));
    await refused('identity/wrong-signer', async () => addPayee(trade.directory, await sign(KEY, 'Payee', payeeMessage(), undefined, 1n), false));
    await refused('identity/expired', () => add(payeeMessage({ expiry: 1_799_999_999n })));
    await refused('identity/unknown-merchant', () => add(payeeMessage({ merchant: freshId<MerchantId>() })));
    await refused('identity/unknown-token', () => add(payeeMessage({ token: `0x${'99'.repeat(20)}` })));
    const changed = await sign(KEY, 'Payee', payeeMessage());
    const message = { ...changed.message, settlementAddress: `0x${'66'.repeat(20)}` };
    await refused('identity/wrong-signer', () => addPayee(trade.directory, { ...changed, message }, false));
  });

  it('pays an account by the entry that was signed for last, keeps the older one, and refuses another entry under the same id', async () => {
    const first = payeeMessage();
    await add(first);
    const second = await add(payeeMessage({ settlementAddress: `0x${'43'.repeat(20)}` }));
    await refused('identity/payee-exists', () => add(payeeMessage({ payee: first.payee, settlementAddress: `0x${'44'.repeat(20)}` })));
    await add(first);
    assert.equal((await findPayeeById(trade.db.database.pool, first.payee))?.address, first.settlementAddress);
    await refused('identity/payee-exists', () => add(payeeMessage({ payee: first.payee, account: 'AT021904300234573202' })));
    assert.equal((await findPayee(trade.db.database.pool, trade.merchant, first.account))?.address, second.address);
  });

  it('gives a wallet to one merchant, who has to be known and to hold its key', async () => {
    await refused('identity/unknown-merchant', async () => registerWallet(trade.directory, await wallet({ merchant: freshId<MerchantId>() })));
    const stolen = { merchant: trade.merchant, wallet: addressOfKey(WALLET_KEY), nonce: nonce++, expiry: EXPIRY };
    await refused('identity/wrong-signer', async () => registerWallet(trade.directory, await sign(OTHER_KEY, 'Wallet', stolen)));
    await registerWallet(trade.directory, await wallet());
    await refused('identity/wallet-taken', async () => registerWallet(trade.directory, await wallet()));
    assert.equal(await walletOwner(trade.db.database.pool, addressOfKey(WALLET_KEY)), trade.merchant);
  });

  it('changes a key only for whoever holds the old one, and the old one is worth nothing from then on', async () => {
    const next = { merchant: trade.merchant, key: addressOfKey(OTHER_KEY), nonce: 5n, expiry: EXPIRY };
    await refused('identity/wrong-signer', async () => registerMerchant(trade.directory, '', await sign(OTHER_KEY, 'MerchantKey', next)));
    const rotation = await sign(KEY, 'MerchantKey', next);
    await registerMerchant(trade.directory, '', rotation);
    await registerMerchant(trade.directory, '', rotation);
    assert.equal((await findMerchant(trade.db.database.pool, trade.merchant))?.signingKey, addressOfKey(OTHER_KEY));
    await refused('identity/wrong-signer', () => add(payeeMessage()));
    await add(payeeMessage(), OTHER_KEY);
  });
});
