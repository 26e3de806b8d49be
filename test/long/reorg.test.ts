import assert from 'node:assert/strict';
import { parseAbiItem } from 'viem';
import type { OrderId } from '#base';
import { FINALITY, testPlatform, units, type TestPlatform } from '../support/platform.ts';

const DEADLINE_S = 4_100_000_000n;
const ANCHORED = parseAbiItem('event Anchored(uint256 indexed index, bytes32 leaf, bytes32 previous, bytes32 commitment)');

describe('reorganisations under the whole platform', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  before(async () => {
    test = await testPlatform();
    await test.fund(10_000n);
  });
  after(() => test.close());

  const anchorStates = async () => (await test.platform.prover.batches(test.platform.bookId, 0n, 1_000)).map(({ anchor }) => anchor?.state ?? null);
  const paymentStates = async (order: OrderId) => (await test.payments(order)).map(({ state }) => state);
  const payoutsSent = async () => {
    const { client, deployment } = test.platform;
    const event = parseAbiItem('event Paid(bytes32 indexed instruction, address indexed token, uint256 payments, uint256 amount)');
    return (await client.read('payouts', (viem) => viem.getLogs({ address: deployment.vault, event, fromBlock: 0n }))).length;
  };

  /** Waits for the next transaction of this purpose to be in the newest block. */
  async function mined(purpose: string): Promise<void> {
    const before = test.sent(purpose, 'mined').length;
    for (let i = 0; i < 40 && test.sent(purpose, 'mined').length === before; i++) {
      await test.chain.mine();
      await test.platform.pass();
    }
    assert.equal(test.sent(purpose, 'mined').length, before + 1);
  }

  /** Puts blocks upon the newest one until a reorganisation of this depth just reaches it, and makes that. */
  async function takeAway(purpose: string, depth: number): Promise<void> {
    const { id } = test.sent(purpose, 'mined').at(-1);
    const orphaned = () => test.sent(purpose, 'orphaned').filter((progress) => progress.id === id).length;
    await test.chain.mine(depth - 1);
    await test.platform.pass();
    assert.equal(orphaned(), 0);
    await test.chain.reorg(depth);
    await test.platform.pass();
    assert.equal(orphaned(), 1);
  }

  async function calm(): Promise<void> {
    await test.until('nothing is on its way', async () => {
      await test.platform.sealAll();
      const report = await test.step();
      return report.openTransactions === 0 && report.unanchored === 0;
    });
  }

  for (const depth of [1, 2, 3, 4, 5]) {
    it(`credits a deposit once whose block a reorganisation of depth ${depth} took away`, async () => {
      const { platform, world, merchant, token, chain } = test;
      const value = 1_000_000n * BigInt(depth);
      const before = await test.money();
      const credits = () => test.events.filter(({ kind }) => kind === 'deposit').length;
      const credited = credits();
      const waiting = async () => (await platform.scanner.pending()).filter(({ amount }) => amount === value).length;
      const domain = await world.tokenDomain(token);
      const deposit = await merchant.authorizationDeposit({ token: domain, value, deadline: DEADLINE_S });
      await test.outside(() => world.mint(token, merchant.wallet, value));
      await chain.mine(FINALITY);
      const relay = () => test.outside(() => world.depositWithAuthorization(platform.deployment.vault, deposit));

      await relay();
      await chain.mine(depth - 1);
      await platform.pass();
      assert.equal(await waiting(), 1);
      await chain.reorg(depth);
      await platform.pass();
      assert.equal(await waiting(), 0);
      await chain.mine(FINALITY + 1);
      await platform.pass();
      assert.deepEqual(await test.money(), before);

      await relay();
      await platform.pass();
      assert.equal(await waiting(), 1);
      await chain.mine(FINALITY - 1);
      await platform.pass();
      assert.deepEqual(await test.money(), before);
      await chain.mine();
      await platform.pass();
      for (let i = 0; i < 3; i++) await test.step();
      assert.equal((await test.money()).posted, before.posted + value);
      assert.equal(credits(), credited + 1);
    });

    it(`anchors and pays once, though reorganisations of depth ${depth} took both away`, async () => {
      const { platform, chain } = test;
      await calm();
      const paidBefore = await payoutsSent();
      const { submitted, payees } = await test.order(['100.01', `${depth}7.50`]);
      const { order } = submitted.order;
      assert.deepEqual(await paymentStates(order), ['held', 'held']);
      assert.ok(await platform.closeWindow());

      await mined('anchor');
      assert.ok((await anchorStates()).includes('mined'));
      await takeAway('anchor', depth);
      assert.ok(!(await anchorStates()).includes('mined'), 'the anchor went back');
      assert.deepEqual(await paymentStates(order), ['instructed', 'instructed']);
      assert.equal(await payoutsSent(), paidBefore);

      await mined('pay');
      assert.equal(await payoutsSent(), paidBefore + 1);
      await takeAway('pay', depth);
      assert.equal(await payoutsSent(), paidBefore);
      for (const { settlementAddress } of payees) assert.equal(await test.balanceOf(settlementAddress), 0n);
      assert.deepEqual(await paymentStates(order), ['instructed', 'instructed']);

      await test.until('every payment is settled', async () => (await paymentStates(order)).every((state) => state === 'settled'));
      await calm();
      await chain.mine(FINALITY + 1);
      for (let i = 0; i < 3; i++) await test.step();
      assert.equal(await payoutsSent(), paidBefore + 1);
      for (const { settlementAddress, dollars } of payees) assert.equal(await test.balanceOf(settlementAddress), units(dollars));
      await test.reconcile();
    });
  }

  it('has anchored every batch once and in order at the end', async () => {
    const { client, deployment } = test.platform;
    await calm();
    const logs = await client.read('anchors', (viem) => viem.getLogs({ address: deployment.anchor, event: ANCHORED, fromBlock: 0n }));
    assert.deepEqual(
      logs.map(({ args }) => args.index),
      logs.map((_, index) => BigInt(index)),
    );
    const { rows } = await test.db.owner.query('select leaf, state from cairn.anchor order by log_index');
    assert.deepEqual(
      rows.map(({ leaf, state }: { leaf: Buffer; state: string }) => [`0x${leaf.toString('hex')}`, state]),
      logs.map(({ args }) => [args.leaf, 'final']),
    );
    assert.ok((await anchorStates()).every((state) => state === 'final'));
  });
});
