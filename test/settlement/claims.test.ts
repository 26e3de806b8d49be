import assert from 'node:assert/strict';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, fromHex, utf8, type Hex, type TransferId } from '#base';
import type { Deposit, DepositPlace } from '#chain';
import { UNASSIGNED_REFERENCE } from '#custody/intents';
import { violatedConstraint } from '#db';
import { moveSearch, openSearches, registerWallet, type WalletSearch } from '#identity';
import type { Book } from '#ledger';
import { chartAccount, TRANSFER_CODES } from '#ledger/core';
import { claimDeposit, claimOfWallets, creditDeposit, type ClaimedDeposit } from '#settlement';
import { addressOfKey, EUR, sign, testTrade, TOKENS, USD, type Trade } from '../support/trade.ts';

const WALLET_KEY: Hex = `0x${'13'.repeat(32)}`;
const STRANGER_KEY: Hex = `0x${'14'.repeat(32)}`;

describe('money in suspense whose wallet is registered later', () => {
  let trade: Trade;
  /** What the chain has, in its order. */
  let final: Deposit[];
  let nonce = 500n;
  beforeEach(async () => {
    trade = await testTrade();
    final = [];
  });
  afterEach(() => trade.close());

  const isBehind = ({ blockNumber, identity }: Deposit, { block, logIndex }: DepositPlace) =>
    blockNumber > block || (blockNumber === block && identity.logIndex > logIndex);
  const scanner = {
    plain: async (from: Hex, after: DepositPlace, limit: number) =>
      final.filter((deposit) => deposit.from === from && deposit.reference === null && isBehind(deposit, after)).slice(0, limit),
  };
  async function arrives(more: Partial<Deposit> = {}): Promise<Deposit> {
    const deposit = trade.deposit({ kind: 'plain', reference: null, from: addressOfKey(WALLET_KEY), blockNumber: BigInt(final.length), ...more });
    final.push(deposit);
    await creditDeposit(trade.book, trade.rules, deposit);
    return deposit;
  }
  async function registers(key = WALLET_KEY): Promise<void> {
    const message = { merchant: trade.merchant, wallet: addressOfKey(key), nonce: nonce++, expiry: 4_000_000_000n };
    await registerWallet(trade.directory, await sign(key, 'Wallet', message));
  }
  async function search(book = trade.book): Promise<ClaimedDeposit[]> {
    const claimed: ClaimedDeposit[] = [];
    const { pool } = trade.db.database;
    const searches = {
      openSearches: (limit: number) => openSearches(pool, limit),
      moveSearch: (search: WalletSearch, isWhole: boolean) => moveSearch(pool, search, isWhole),
    };
    await claimOfWallets({ book, scanner, ...searches }, (one) => void claimed.push(one));
    return claimed;
  }
  const posted = async (asset = USD) => [(await trade.balance('suspense', asset)).posted, (await trade.balance('merchant', asset)).posted];

  it('goes to its merchant, all of it and once, with the evidence of its credit, and nothing of anybody else', async () => {
    const token = [...TOKENS].find(([, asset]) => asset === EUR)![0];
    const mine = [await arrives(), await arrives({ token, amount: 7n })];
    await arrives({ from: addressOfKey(STRANGER_KEY), amount: 5n });
    assert.deepEqual(await search(), []);
    await registers();
    const claimed = await search();
    assert.deepEqual(
      claimed.map(({ merchant, asset, amount }) => [merchant, asset, amount]),
      [
        [trade.merchant, USD, 1_000_000n],
        [trade.merchant, EUR, 7n],
      ],
    );
    assert.deepEqual(
      [await posted(USD), await posted(EUR)],
      [
        [5n, 1_000_000n],
        [0n, 7n],
      ],
    );
    for (const { digest } of mine) {
      const credited = await trade.book.transfer(derivedId<TransferId>(fromHex(digest)));
      const record = await trade.book.transfer(derivedId<TransferId>(keccak_256(concat(utf8('cairn.deposit.claimed'), fromHex(digest)))));
      assert.ok(credited?.kind === 'transfer' && record?.kind === 'transfer');
      assert.equal(record.code, TRANSFER_CODES.claimed);
      assert.equal(record.subject, trade.merchant);
      assert.deepEqual(record.fields, { deposit: credited.fields!.deposit });
    }
    const head = await trade.book.head();
    assert.deepEqual(await search(), []);
    for (const { digest } of mine) assert.equal(await claimDeposit(trade.book, digest), undefined);
    assert.deepEqual(await trade.book.head(), head);
  });

  it('goes to him page by page where there is much of it, and keeps nobody else waiting', async () => {
    for (let i = 0; i < 101; i++) await arrives({ amount: 1n });
    await arrives({ from: addressOfKey(STRANGER_KEY), amount: 1_000n });
    await registers();
    assert.equal((await search()).length, 50);
    await registers(STRANGER_KEY);
    assert.equal((await search()).length, 51);
    assert.equal((await search()).length, 1);
    assert.deepEqual(await posted(), [0n, 1_101n]);
    assert.deepEqual(await search(), []);
  });

  it('is looked for again from where its search had come before a crash', async () => {
    for (let i = 0; i < 3; i++) await arrives({ amount: 1n });
    await registers();
    let left = 2;
    const dying: Book = { ...trade.book, exclusively: (work) => (left-- > 0 ? trade.book.exclusively(work) : Promise.reject(new TypeError('it died'))) };
    await assert.rejects(search(dying));
    assert.deepEqual(await posted(), [1n, 2n]);
    assert.equal((await search()).length, 1);
    assert.deepEqual(await posted(), [0n, 3n]);
  });

  it('is searched for forward only, and by no search that ended', async () => {
    await arrives();
    await registers();
    const moved = async (values: string): Promise<string | undefined> =>
      trade.db.owner.query(`update cairn.wallet_search set ${values}`).then(
        () => undefined,
        (error: unknown) => violatedConstraint(error),
      );
    assert.equal(await moved('block = 5, log_index = 1'), undefined);
    for (const back of ['block = 4', 'log_index = 0']) assert.equal(await moved(back), 'wallet_search_goes_forward');
    assert.equal(await moved('is_whole = true'), undefined);
    for (const again of ['is_whole = false', 'block = 6']) assert.equal(await moved(again), 'wallet_search_goes_forward');
  });

  it('stays where the merchant’s account is closed', async () => {
    const { digest } = await arrives();
    await registers();
    await trade.book.submit([{ kind: 'closeAccount', id: chartAccount(trade.bookId, 'merchant', USD, trade.merchant) }]);
    const head = await trade.book.head();
    assert.deepEqual(await search(), []);
    assert.equal(await claimDeposit(trade.book, digest), undefined);
    assert.deepEqual(await trade.book.head(), head);
  });

  it('stays where it came with a reference, lay at the address of a key of ours, was parked for a closed account, or was the merchant’s at once', async () => {
    const stay = [
      await arrives({ kind: 'referenced', reference: `0x${'ff'.repeat(32)}` }),
      await arrives({ kind: 'referenced', reference: UNASSIGNED_REFERENCE }),
    ];
    await registers();
    stay.push(await arrives());
    const nothing = async () => {
      const head = await trade.book.head();
      for (const { digest } of stay) assert.equal(await claimDeposit(trade.book, digest), undefined);
      assert.deepEqual(await search(), []);
      assert.deepEqual(await trade.book.head(), head);
    };
    await nothing();
    await trade.book.submit([{ kind: 'closeAccount', id: chartAccount(trade.bookId, 'merchant', USD, trade.merchant) }]);
    stay.push(await arrives());
    await nothing();
    assert.deepEqual(await posted(), [3_000_000n, 1_000_000n]);
  });
});
