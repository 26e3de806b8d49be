import { strict as assert } from 'node:assert';
import { encodeFunctionData } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ManualClock, newId, Problem, type Hex } from '#base';
import { connectChain, createOutbox, type ChainClient, type Outbox, type OutboxId, type OutboxOptions, type OutboxProgress } from '#chain';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { randomBytes } from 'node:crypto';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';

const RELAYER = privateKeyToAddress(devKey(0)).toLowerCase() as Hex;
const PERSON = privateKeyToAddress(devKey(5)).toLowerCase() as Hex;
const FINALITY = 6;

describe('the outbox', () => {
  let chain: TestChain;
  let db: TestDatabase;
  let client: ChainClient;
  let token: Hex;
  let clock: ManualClock;
  let outbox: Outbox;
  let told: OutboxProgress[];

  const open = (more: Partial<OutboxOptions> = {}): Outbox =>
    createOutbox({ database: db.database, client, relayerKey: devKey(0), clock, onProgress: (progress) => told.push(progress), ...more });
  const id = (): OutboxId => newId(clock.nowMs(), (length) => randomBytes(length));
  const mint = (amount: bigint): Hex => encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [PERSON, amount] });
  const balance = (): Promise<bigint> =>
    client.read('a balance', (viem) => viem.readContract({ abi: TEST_STABLECOIN_ABI, address: token, functionName: 'balanceOf', args: [PERSON] }));
  const state = async (of: OutboxId): Promise<string> => (await outbox.transaction(of)).state;
  const send = async (data: Hex, more: { gasLimit?: bigint; deadlineMs?: number; purpose?: string } = {}): Promise<OutboxId> => {
    const wanted = id();
    assert.equal(await outbox.enqueue({ id: wanted, purpose: 'mint', to: token, data, ...more }), 'created');
    return wanted;
  };
  const finish = async (of: OutboxId): Promise<void> => {
    for (let i = 0; i < 5 && !['final', 'failed'].includes(await state(of)); i++) {
      await outbox.tick();
      await chain.mine(FINALITY + 1);
    }
    await outbox.tick();
  };

  before(async () => {
    chain = await startTestChain();
    client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
  });
  after(() => chain.stop());
  beforeEach(async () => {
    db = await testDatabase();
    clock = new ManualClock(1_700_000_000_000);
    told = [];
    outbox = open();
    token = await deployToken(chain, RELAYER);
  });
  afterEach(async () => {
    await outbox.close();
    await db.close();
    await chain.request('anvil_dropAllTransactions');
  });

  it('sends what was asked for, once, and calls it final when its block is', async () => {
    const before = await balance();
    const sent = await send(mint(7n));
    await outbox.tick();
    assert.equal(await state(sent), 'sent');
    await chain.mine();
    await outbox.tick();
    assert.equal(await state(sent), 'mined');
    await chain.mine(FINALITY - 1);
    await outbox.tick();
    assert.equal(await state(sent), 'mined');
    await chain.mine();
    const final = outbox.waitFinal(sent);
    await outbox.tick();
    const transaction = await final;
    assert.equal(transaction.state, 'final');
    assert.equal(transaction.receipt?.status, 'success');
    assert.equal(transaction.receipt.logs.length, 1);
    assert.ok(transaction.receipt.gasUsed > 21_000n && transaction.receipt.effectiveGasPrice > 0n);
    assert.equal((await balance()) - before, 7n);
    assert.deepEqual(
      told.map(({ to }) => to),
      ['signed', 'sent', 'mined', 'final'],
    );
    assert.equal((await outbox.tick()).open, 0);
  });

  it('takes the same request twice and refuses another one under the same id', async () => {
    const request = { id: id(), purpose: 'mint', to: token, data: mint(1n) };
    assert.equal(await outbox.enqueue(request), 'created');
    assert.equal(await outbox.enqueue({ ...request, deadlineMs: 1 }), 'exists');
    for (const other of [{ data: mint(2n) }, { to: PERSON }, { purpose: 'pay' }, { value: 1n }]) {
      await assert.rejects(outbox.enqueue({ ...request, ...other }), (error) => error instanceof Problem && error.code === 'chain/transaction-differs');
    }
    await assert.rejects(outbox.transaction(id()), (error) => error instanceof Problem && error.code === 'chain/transaction-unknown');
  });

  it('gives up a call that the contract refuses, with the contract’s own reason, before any gas is spent', async () => {
    const foreign = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transferFrom', args: [PERSON, RELAYER, 1n] });
    const sent = await send(foreign);
    await outbox.tick();
    const { state: end, failure, attempts } = await outbox.transaction(sent);
    assert.equal(end, 'failed');
    assert.equal(failure?.error?.name, 'ERC20InsufficientAllowance');
    assert.deepEqual(failure.error.args, [RELAYER, '0', '1']);
    assert.equal(attempts.length, 0);
  });

  it('says why a mined call reverted, and keeps what it cost', async () => {
    token = await deployToken(chain, PERSON);
    await chain.request('eth_sendTransaction', {
      from: PERSON,
      to: token,
      data: encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [RELAYER, 1n] }),
    });
    await chain.mine();
    const moved = await send(encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transfer', args: [PERSON, 1n] }));
    await outbox.tick();
    await chain.request('anvil_dropAllTransactions');
    await chain.request('eth_sendTransaction', { from: PERSON, to: token, data: encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'pause' }) });
    await chain.mine();
    await finish(moved);
    const { state: end, failure, receipt } = await outbox.transaction(moved);
    assert.equal(end, 'failed');
    assert.equal(receipt?.status, 'reverted');
    assert.ok(receipt.gasUsed > 21_000n);
    assert.equal(failure?.error?.name, 'EnforcedPause');
  });

  it('estimates anew when the gas did not suffice, unless the caller fixed it', async () => {
    const before = await balance();
    const fromNode = (from: Hex, data: Hex): Promise<unknown> => chain.request('eth_sendTransaction', { from, to: token, data });
    await fromNode(RELAYER, mint(1n));
    await chain.mine();
    // Estimated while the person holds something; mined when he holds nothing, and his balance is a first, dearer write.
    const sent = await send(mint(10n));
    const fixed = await send(mint(100n), { gasLimit: 30_000n });
    await outbox.tick();
    await chain.request('anvil_dropAllTransactions');
    await fromNode(PERSON, encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transfer', args: [RELAYER, 1n] }));
    await chain.mine();
    for (const one of [sent, fixed]) await finish(one);
    assert.equal((await outbox.transaction(sent)).state, 'final');
    assert.equal((await balance()) - before, 10n);
    assert.equal((await outbox.transaction(fixed)).failure?.reason, 'outOfGas');
    assert.ok(told.some(({ note }) => note?.includes('ran out of gas')));
  });

  it('lets the owner of a reverted payload rebuild it, put it off, or give it up', async () => {
    const before = await balance();
    const foreign = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transferFrom', args: [PERSON, RELAYER, 1n] });
    outbox.rebuildWith('stale', async ({ rebuilds }) => (rebuilds === 0 ? { kind: 'replace', data: mint(3n) } : { kind: 'giveUp' }));
    outbox.rebuildWith('later', async () => ({ kind: 'retry', notBeforeMs: clock.nowMs() + 1000 }));
    const stale = await send(foreign, { purpose: 'stale' });
    const later = await send(foreign, { purpose: 'later' });
    await outbox.tick();
    await finish(stale);
    assert.equal(await state(stale), 'final');
    assert.equal((await balance()) - before, 3n);
    assert.equal(await state(later), 'intent');
    const asked = told.length;
    await outbox.tick();
    assert.equal(told.length, asked, 'not asked again before its time');
    clock.advance(1000);
    await outbox.tick();
    assert.ok(told.length > asked);
  });

  /** A block of a miner who leaves out what waits. */
  const passOver = async (): Promise<void> => {
    await chain.request('anvil_dropAllTransactions');
    await chain.mine();
  };

  it('replaces a transaction nobody mines by the same one with a higher fee, and takes whichever is mined', async () => {
    const before = await balance();
    const sent = await send(mint(5n));
    await outbox.tick();
    await passOver();
    clock.advance(60_000);
    await outbox.tick();
    const [first, second] = (await outbox.transaction(sent)).attempts;
    assert.ok(first && second);
    assert.equal(first.nonce, second.nonce);
    assert.ok(second.maxFeePerGas * 10n >= first.maxFeePerGas * 11n && second.maxPriorityFeePerGas * 10n >= first.maxPriorityFeePerGas * 11n);
    // A miner who never heard of the replacement mines the first.
    await chain.request('anvil_dropTransaction', second.hash);
    await client.sendRaw(first.raw);
    await chain.mine();
    await finish(sent);
    const done = await outbox.transaction(sent);
    assert.equal(done.receipt?.hash, first.hash);
    assert.equal((await balance()) - before, 5n);
  });

  it('pays no higher fee while the chain stands still, nor for what waits behind a lower nonce', async () => {
    const ids = [await send(mint(1n)), await send(mint(2n))];
    const attempts = async (): Promise<number[]> => Promise.all(ids.map(async (one) => (await outbox.transaction(one)).attempts.length));
    for (let minutes = 0; minutes < 60; minutes++) {
      await outbox.tick();
      clock.advance(60_000);
    }
    assert.deepEqual(await attempts(), [1, 1]);
    await passOver();
    await outbox.tick();
    assert.deepEqual(await attempts(), [2, 1]);
    for (const one of ids) await finish(one);
    assert.deepEqual(await Promise.all(ids.map(state)), ['final', 'final']);
  });

  it('never goes above the ceiling of the fee', async () => {
    await outbox.close();
    outbox = open({ policy: { maxFeePerGas: 3_000_000_000n } });
    const sent = await send(mint(1n));
    for (let i = 0; i < 8; i++) {
      await outbox.tick();
      await passOver();
      clock.advance(60_000);
    }
    const { attempts } = await outbox.transaction(sent);
    assert.ok(attempts.length > 1 && attempts.every(({ maxFeePerGas }) => maxFeePerGas <= 3_000_000_000n));
    await finish(sent);
    assert.equal(await state(sent), 'final');
  });

  it('gives no transaction more gas than a chain takes, and gives up what needs more', async () => {
    const limited = async (maxGas: bigint): Promise<OutboxId> => {
      await outbox.close();
      outbox = open({ policy: { maxGas } });
      const sent = await send(mint(1n));
      await outbox.tick();
      return sent;
    };
    const sent = await limited(80_000n);
    await finish(sent);
    assert.deepEqual([await state(sent), (await outbox.transaction(sent)).attempts[0]!.gasLimit], ['final', 80_000n]);
    assert.equal((await outbox.transaction(await limited(30_000n))).failure?.reason, 'outOfGas');
  });

  it('sends again what the node dropped, so that no later nonce waits behind a gap', async () => {
    const before = await balance();
    const ids = [await send(mint(1n)), await send(mint(10n)), await send(mint(100n))];
    await outbox.tick();
    const nonces = await Promise.all(ids.map(async (one) => (await outbox.transaction(one)).nonce!));
    assert.deepEqual(nonces, [nonces[0], nonces[0]! + 1n, nonces[0]! + 2n]);
    await chain.request('anvil_dropTransaction', (await outbox.transaction(ids[0]!)).attempts[0]!.hash);
    await chain.mine();
    assert.equal(await balance(), before, 'nothing moves behind the gap');
    await outbox.tick();
    for (const one of ids) await finish(one);
    assert.equal((await balance()) - before, 111n);
  });

  it('uses up the nonce of a transaction whose deadline passed, instead of sending it', async () => {
    const before = await balance();
    const early = await send(mint(1n), { deadlineMs: clock.nowMs() - 1 });
    const late = await send(mint(10n), { deadlineMs: clock.nowMs() + 1000 });
    const after = await send(mint(100n));
    await outbox.tick();
    assert.equal(await state(early), 'failed');
    assert.equal((await outbox.transaction(early)).nonce, null);
    clock.advance(1000);
    await outbox.tick();
    await finish(after);
    const { state: end, failure, receipt, attempts } = await outbox.transaction(late);
    assert.equal(end, 'failed');
    assert.equal(failure?.reason, 'deadline');
    assert.equal(attempts.find(({ hash }) => hash === receipt?.hash)?.kind, 'cancel');
    assert.equal((await balance()) - before, 100n);
  });

  it('takes another nonce when a foreign transaction used its own, finally', async () => {
    const before = await balance();
    const sent = await send(mint(2n));
    await outbox.tick();
    await chain.request('anvil_dropAllTransactions');
    await chain.request('eth_sendTransaction', { from: RELAYER, to: PERSON, value: '0x1' });
    await chain.mine(FINALITY + 1);
    await outbox.tick();
    const held = (await outbox.transaction(sent)).nonce!;
    await outbox.tick();
    assert.equal((await outbox.transaction(sent)).nonce, held, 'one look is not enough');
    clock.advance(60_000);
    await finish(sent);
    assert.equal((await outbox.transaction(sent)).nonce, held + 1n);
    assert.equal(await state(sent), 'final');
    assert.equal((await balance()) - before, 2n);
  });

  it('fills a gap that a foreign transaction left when its block went', async () => {
    const before = await balance();
    await chain.request('eth_sendTransaction', { from: RELAYER, to: PERSON, value: '0x1' });
    await chain.mine();
    const sent = await send(mint(4n));
    await outbox.tick();
    await chain.reorg(1);
    await chain.request('anvil_dropAllTransactions');
    await outbox.tick();
    await finish(sent);
    assert.equal(await state(sent), 'final');
    assert.equal((await balance()) - before, 4n);
  });

  it('stops with a clear problem when the relayer cannot pay', async () => {
    await outbox.close();
    outbox = open({ relayerKey: `0x${'77'.repeat(32)}` });
    await outbox.enqueue({ id: id(), purpose: 'note', to: PERSON, data: '0x' });
    await assert.rejects(
      outbox.tick(),
      (error) => error instanceof Problem && error.code === 'chain/relayer-out-of-funds' && error.facts['relayer'] === outbox.relayer,
    );
    await chain.node.setBalance({ address: outbox.relayer, value: 10n ** 18n });
    assert.equal((await outbox.tick()).changes.at(-1)?.to, 'sent');
  });

  it('is one sender a relayer key', async () => {
    await outbox.tick();
    const second = open();
    await assert.rejects(second.tick(), (error) => error instanceof Problem && error.code === 'chain/relayer-busy');
    await outbox.close();
    await second.tick();
    await second.close();
  });

  for (const depth of [1, 2, 3, 4, 5]) {
    it(`follows a reorganisation of depth ${depth}: mined, orphaned, sent again, mined, final, and done once`, async () => {
      const before = await balance();
      const sent = await send(mint(1n));
      await outbox.tick();
      await chain.mine(depth);
      await outbox.tick();
      assert.equal(await state(sent), 'mined');
      await chain.reorg(depth);
      await chain.request('anvil_dropAllTransactions');
      assert.equal(await balance(), before);
      await outbox.tick();
      assert.equal(await state(sent), 'sent');
      await finish(sent);
      assert.equal(await state(sent), 'final');
      assert.equal((await balance()) - before, 1n);
      assert.deepEqual(
        told.filter((progress) => progress.id === sent).map(({ to }) => to),
        ['signed', 'sent', 'mined', 'orphaned', 'sent', 'mined', 'final'],
      );
    });
  }

  it('finds a transaction that a reorganisation moved to another block', async () => {
    const sent = await send(mint(1n));
    await outbox.tick();
    await chain.mine();
    await outbox.tick();
    const first = (await outbox.transaction(sent)).receipt!;
    await chain.reorg(1);
    await client.sendRaw((await outbox.transaction(sent)).attempts[0]!.raw);
    await chain.mine(2);
    await outbox.tick();
    const moved = (await outbox.transaction(sent)).receipt!;
    assert.equal(moved.hash, first.hash);
    assert.notEqual(moved.blockHash, first.blockHash);
    assert.deepEqual(
      told.map(({ to }) => to),
      ['signed', 'sent', 'mined', 'orphaned', 'mined'],
    );
  });

  it('tells a chain that went back behind what was final', async () => {
    const snapshot = await chain.node.snapshot();
    await finish(await send(mint(1n)));
    await send(mint(2n));
    await outbox.tick();
    await chain.node.revert({ id: snapshot });
    await chain.mine();
    await assert.rejects(outbox.tick(), (error) => error instanceof Problem && error.code === 'chain/state-lost');
  });
});
