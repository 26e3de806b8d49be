import assert from 'node:assert/strict';
import type { Hex, MerchantId } from '#base';
import { registerWallet } from '#identity';
import type { Book } from '#ledger';
import { creditDeposit } from '#settlement';
import { addressOfKey, EUR, freshId, referenceOf, sign, testTrade, TOKENS, USD, type Trade } from '../support/trade.ts';
import { depositDigest, type Deposit } from '#chain';

const WALLET_KEY: Hex = `0x${'13'.repeat(32)}`;

describe('whose a deposit is', () => {
  let trade: Trade;
  beforeEach(async () => (trade = await testTrade()));
  afterEach(() => trade.close());

  const credit = (deposit: Deposit) => creditDeposit(trade.book, trade.rules, deposit);
  const posted = async () => ({
    merchant: (await trade.balance('merchant', USD)).posted,
    suspense: (await trade.balance('suspense', USD)).posted,
    fxPosition: (await trade.balance('fxPosition', USD)).posted,
    vault: (await trade.balance('vault', USD)).posted,
  });

  it('the merchant’s whom its signed reference names, once however often it is told', async () => {
    const deposit = trade.deposit();
    const credited = await credit(deposit);
    assert.deepEqual(credited?.owner, { kind: 'merchant', merchant: trade.merchant });
    const head = await trade.book.head();
    for (let i = 0; i < 3; i++) assert.equal((await credit(deposit))?.seq, credited?.seq);
    await Promise.all([credit(deposit), credit(deposit)]);
    assert.deepEqual(await trade.book.head(), head);
    assert.deepEqual(await posted(), { merchant: 1_000_000n, suspense: 0n, fxPosition: 0n, vault: -1_000_000n });
  });

  it('two logs of one transaction are two deposits, and the same log of another transaction is a third', async () => {
    const first = trade.deposit();
    const identity = { ...first.identity, logIndex: 4 };
    for (const deposit of [first, { ...first, identity, digest: depositDigest(identity) }, trade.deposit()]) await credit(deposit);
    assert.equal((await posted()).merchant, 3_000_000n);
  });

  it('the operator’s own liquidity under the reference of the book', async () => {
    assert.equal((await credit(trade.deposit({ reference: trade.rules.liquidityReference })))?.owner.kind, 'liquidity');
    assert.deepEqual(await posted(), { merchant: 0n, suspense: 0n, fxPosition: 1_000_000n, vault: -1_000_000n });
  });

  it('nobody’s yet where the reference names no merchant, to the last byte', async () => {
    const trailing: Hex = `${referenceOf(trade.merchant).slice(0, -1)}1` as Hex;
    const references: readonly Hex[] = [referenceOf(freshId<MerchantId>()), trailing, `0x${'00'.repeat(32)}`, `0x${'ff'.repeat(32)}`];
    for (const reference of references) assert.equal((await credit(trade.deposit({ reference })))?.owner.kind, 'suspense');
    assert.deepEqual(await posted(), { merchant: 0n, suspense: 4_000_000n, fxPosition: 0n, vault: -4_000_000n });
  });

  it('the merchant’s who proved a plain transfer’s wallet to be his, and in suspense from any other', async () => {
    const plain = { kind: 'plain', reference: null, from: addressOfKey(WALLET_KEY) } as const;
    const early = trade.deposit(plain);
    assert.equal((await credit(early))?.owner.kind, 'suspense');
    const wallet = { merchant: trade.merchant, wallet: addressOfKey(WALLET_KEY), nonce: 5n, expiry: 4_000_000_000n };
    await registerWallet(trade.directory, await sign(WALLET_KEY, 'Wallet', wallet));
    assert.equal((await credit(trade.deposit(plain)))?.owner.kind, 'merchant');
    assert.deepEqual(await posted(), { merchant: 1_000_000n, suspense: 1_000_000n, fxPosition: 0n, vault: -2_000_000n });
  });

  it('stays in suspense though its wallet is registered between two tellings of it', async () => {
    const deposit = trade.deposit({ kind: 'plain', reference: null, from: addressOfKey(WALLET_KEY) });
    const before = await credit(deposit);
    const wallet = { merchant: trade.merchant, wallet: addressOfKey(WALLET_KEY), nonce: 5n, expiry: 4_000_000_000n };
    await registerWallet(trade.directory, await sign(WALLET_KEY, 'Wallet', wallet));
    assert.deepEqual(await credit(deposit), before);
    assert.deepEqual(await posted(), { merchant: 0n, suspense: 1_000_000n, fxPosition: 0n, vault: -1_000_000n });
  });

  it('stays in suspense though its wallet is registered while it is being booked, and the book says so in this order', async () => {
    const from = addressOfKey(WALLET_KEY);
    const authorisation = await sign(WALLET_KEY, 'Wallet', { merchant: trade.merchant, wallet: from, nonce: 5n, expiry: 4_000_000_000n });
    let registering: Promise<unknown> | undefined;
    let isAlone = false;
    const book: Book = {
      ...trade.book,
      exclusively: (work) => trade.book.exclusively(() => ((isAlone = true), work())),
      byKey: async (key) => {
        const found = await trade.book.byKey(key);
        registering ??= registerWallet(trade.directory, authorisation);
        // Whoever is not alone with the book is overtaken.
        if (!isAlone) await registering;
        return found;
      },
    };
    const credited = await creditDeposit(book, trade.rules, trade.deposit({ kind: 'plain', reference: null, from }));
    await registering;
    const wallet = await trade.book.byKey(`wallet:${from}`);
    assert.equal(credited?.owner.kind, 'suspense');
    assert.ok(wallet && credited.seq < wallet.seq);
  });

  it('of its own asset, to the last of 18 decimals, and nothing where the token is not listed', async () => {
    const token = [...TOKENS].find(([, asset]) => asset === EUR)![0];
    const amount = 123_456_789_012_345_678_901_234_567n;
    await credit(trade.deposit({ token, amount }));
    assert.equal((await trade.balance('merchant', EUR)).posted, amount);
    const head = await trade.book.head();
    assert.equal(await credit(trade.deposit({ token: `0x${'99'.repeat(20)}` })), undefined);
    assert.deepEqual(await trade.book.head(), head);
  });
});
