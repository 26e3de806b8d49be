import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditExport, readChain, readExport, verifyReceipt } from '#audit';
import { fromHex, uuidFromBytes, type Hex, type MerchantId } from '#base';
import { writeExport } from '#export';
import { registerWallet, openSearches } from '#identity';
import { chartAccount, TRANSFER_CODES } from '#ledger/core';
import { receiptOfPayment } from '#settlement';
import { privateKeyToAccount } from 'viem/accounts';
import { loadExample } from '../../scripts/example/example.ts';
import { gatherFacts } from '../../scripts/job/gather.ts';
import { platformNode, type PlatformNode } from '../mpc/node/book/support/platformNode.ts';
import { DOLLAR, FINALITY } from '../support/platform.ts';
import { addressOfKey, sign } from '../support/trade.ts';

const OTHER_KEY: Hex = `0x${'16'.repeat(32)}`;
const STRANGER_KEY: Hex = `0x${'15'.repeat(32)}`;

describe('a plain transfer from a wallet that is registered after it', function () {
  this.timeout(180_000);
  let world: PlatformNode;
  let merchant: MerchantId;
  before(async () => {
    world = await platformNode();
    merchant = uuidFromBytes<MerchantId>(fromHex(world.test.merchant.reference).slice(0, 16));
  });
  after(() => world.close());

  async function registers(key: Hex, nonce: bigint): Promise<void> {
    const { directory, deployment, client } = world.test.platform;
    const message = { merchant, wallet: addressOfKey(key), nonce, expiry: 4_000_000_000n };
    await registerWallet(directory, await sign(key, 'Wallet', message, deployment.vault, client.chainId));
  }

  it('waits in suspense, reaches its merchant, and is paid out, signed for, proven and audited as his', async () => {
    const { test } = world;
    const { platform, chain } = test;
    const { bookId, deployment, book } = platform;
    const stranger = privateKeyToAccount(STRANGER_KEY);
    const wallet = stranger.address.toLowerCase() as Hex;
    const suspense = async () => {
      const account = await book.account(chartAccount(bookId, 'suspense', DOLLAR));
      return (account?.creditsPosted ?? 0n) - (account?.debitsPosted ?? 0n);
    };
    await test.outside(() => test.world.mint(test.token, wallet, 30_000_000n));
    await chain.request('anvil_setBalance', wallet, '0xde0b6b3a7640000');
    await test.outside(() => test.world.transfer(stranger, test.token, deployment.vault, 30_000_000n));
    await test.until('it waits in suspense', async () => (await suspense()) === 30_000_000n);
    assert.equal((await test.money()).posted, 0n);

    await registers(STRANGER_KEY, 900n);
    await test.until('it is the merchant’s', async () => (await test.money()).posted === 30_000_000n);
    assert.equal(await suspense(), 0n);
    const [entry] = await book.entries(chartAccount(bookId, 'merchant', DOLLAR, merchant), { beforeSeq: 1n << 60n, limit: 1 });
    assert.equal(entry?.kind === 'transfer' && entry.code, TRANSFER_CODES.claimed);
    const claims = test.events.flatMap((event) => (event.kind === 'claim' ? [event.claimed] : []));
    assert.deepEqual(claims, [{ merchant, asset: DOLLAR, amount: 30_000_000n, seq: entry!.seq }]);

    const { submitted } = await test.order(['12.50']);
    assert.ok(await platform.closeWindow());
    await test.until('it is paid', async () => (await test.payments(submitted.order.order)).every(({ state }) => state === 'settled'));
    assert.deepEqual(
      world.asked.flatMap(({ judgement }) => (judgement.ok ? [] : [judgement.rule])),
      [],
      'the signer’s own book agrees to all of it',
    );
    assert.ok(world.asked.some(({ intent }) => intent.kind === 'instruction'));
    await test.until('all is anchored', async () => (await platform.greatestUnanchoredAgeMs()) === 0);
    await chain.mine(FINALITY);
    await platform.pass();
    await test.reconcile();

    const [payment] = await test.payments(submitted.order.order);
    const receipt = await receiptOfPayment({ database: platform.database, book, prover: platform.prover }, payment!.payment);
    assert.equal((await verifyReceipt(JSON.stringify(receipt), chain.rpcUrl)).claims.story.state, 'settled');

    const folder = mkdtempSync(join(tmpdir(), 'cairn-claimed-'));
    try {
      const file = join(folder, 'export.ndjson');
      await writeExport({ databaseUrl: platform.databaseUrl, file, clock: test.clock });
      const exported = await readExport(file);
      const { findings, checked } = auditExport(exported, await readChain(chain.rpcUrl, exported));
      assert.deepEqual(findings, []);
      assert.deepEqual([checked.deposits, checked.claimed, checked.paid], [1, 1, 1]);
      const nothing = { orders: [], timing: null as never, onStep: () => undefined, verify: async () => null };
      const facts = await gatherFacts({ platform, example: loadExample(), receiptsDir: folder, ...nothing });
      assert.deepEqual(
        facts.reconciliation.flatMap(({ contradictions }) => contradictions),
        [],
      );
      assert.equal(facts.deposits.length, 1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('reaches its merchant too where the pass that booked it ended before it was marked, and the wallet was searched meanwhile', async () => {
    const { test } = world;
    const { platform } = test;
    const { deployment, book, bookId } = platform;
    const stranger = privateKeyToAccount(OTHER_KEY);
    const wallet = stranger.address.toLowerCase() as Hex;
    const scan = platform.scanner.scan.bind(platform.scanner);
    const [{ posted }, before] = [await test.money(), 30_000_000n];
    const dies = () => Promise.reject(new TypeError('it died'));
    platform.scanner.scan = (credit) => scan(async (deposit) => credit(deposit).then(dies));
    await test.outside(() => test.world.mint(test.token, wallet, 1_000_000n));
    await test.chain.request('anvil_setBalance', wallet, '0xde0b6b3a7640000');
    await test.outside(() => test.world.transfer(stranger, test.token, deployment.vault, 1_000_000n));
    const suspense = () => book.account(chartAccount(bookId, 'suspense', DOLLAR));
    await test.until('it waits in suspense', async () => (await suspense())?.creditsPosted === before + 1_000_000n);
    platform.scanner.scan = dies;
    await registers(OTHER_KEY, 901n);
    await test.until('its wallet was searched', async () => (await openSearches(platform.database.pool, 1)).length === 0);
    assert.equal((await suspense())?.debitsPosted, before);
    platform.scanner.scan = scan;
    await test.until('it is the merchant’s', async () => (await test.money()).posted === posted + 1_000_000n);
    assert.equal((await suspense())?.debitsPosted, before + 1_000_000n);
  });
});
