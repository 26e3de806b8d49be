import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { encodeFunctionData } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ManualClock, newId, type Hex } from '#base';
import { connectChain, createOutbox, type ChainClient, type Outbox, type OutboxId, type OutboxProgress } from '#chain';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';

const RELAYER = privateKeyToAddress(devKey(0)).toLowerCase() as Hex;
const PERSON = privateKeyToAddress(devKey(5)).toLowerCase() as Hex;
const FINALITY = 3;

/** Here "all that the relayer has" stands for a proof against the log, and a transfer of one unit for an anchor: once one is mined, no older proof is good. */
describe('a payload that is a proof', () => {
  let chain: TestChain;
  let client: ChainClient;
  let db: TestDatabase;
  let token: Hex;
  let clock: ManualClock;
  let outbox: Outbox;
  let told: OutboxProgress[];

  const call = (functionName: 'transfer' | 'approve', amount: bigint): Hex =>
    encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName, args: [PERSON, amount] });
  const transfer = (amount: bigint): Hex => call('transfer', amount);
  const balanceOf = (account: Hex): Promise<bigint> =>
    client.read('a balance', (viem) => viem.readContract({ abi: TEST_STABLECOIN_ABI, address: token, functionName: 'balanceOf', args: [account] }));
  const proof = async (): Promise<Hex> => transfer(await balanceOf(RELAYER));
  const state = async (of: OutboxId): Promise<string> => (await outbox.transaction(of)).state;
  const send = async (purpose: string, data: Hex): Promise<OutboxId> => {
    const id = newId<OutboxId>(clock.nowMs(), (length) => randomBytes(length));
    await outbox.enqueue({ id, purpose, to: token, data });
    return id;
  };
  const reverted = async (): Promise<number> => {
    const { rows } = await db.owner.query<{ count: string }>('select count(*) from cairn.outbox_attempt where reverted');
    return Number(rows[0]!.count);
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
    outbox = createOutbox({ database: db.database, client, relayerKey: devKey(0), clock, onProgress: (progress) => told.push(progress) });
    outbox.buildWith('pay', 'anchor', proof);
    outbox.rebuildWith('pay', async () => ({ kind: 'replace', data: await proof() }));
    token = await deployToken(chain, RELAYER);
    await chain.request('eth_sendTransaction', {
      from: RELAYER,
      to: token,
      data: encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [RELAYER, 1_000n] }),
    });
    await chain.mine();
  });
  afterEach(async () => {
    await outbox.close();
    await db.close();
    await chain.request('anvil_dropAllTransactions');
  });

  it('waits for what changes it, is built when it is sent, and is final after one finality', async () => {
    const anchor = await send('anchor', transfer(1n));
    await outbox.tick();
    const pay = await send('pay', await proof());
    await outbox.tick();
    assert.deepEqual([await state(anchor), await state(pay)], ['sent', 'intent']);
    await chain.mine();
    await outbox.tick();
    assert.equal(await state(pay), 'sent');
    await chain.mine(FINALITY + 1);
    await outbox.tick();
    assert.equal(await state(pay), 'final');
    assert.deepEqual([await balanceOf(PERSON), await reverted()], [1_000n, 0]);
  });

  it('is sent after those that were asked for before it, though others are asked for without end and faster than blocks come', async () => {
    await send('anchor', transfer(1n));
    await outbox.tick();
    const pay = await send('pay', await proof());
    const later: OutboxId[] = [];
    for (let i = 0; i < 3 * (FINALITY + 3); i++) {
      later.push(await send('anchor', call('approve', BigInt(i))));
      await outbox.tick();
      if (i % 3 === 2) await chain.mine();
    }
    assert.equal(await state(pay), 'final');
    assert.deepEqual([await balanceOf(PERSON), await reverted()], [1_000n, 0]);
    const nonces = await Promise.all(later.map(async (one) => (await outbox.transaction(one)).nonce));
    const { nonce } = await outbox.transaction(pay);
    assert.ok(nonces.every((other) => other === null || other > nonce!));
    assert.ok(nonces.filter((other) => other !== null).length > FINALITY);
  });

  it('that a block changed before it reached it is stale, not short of gas: its owner builds it anew', async () => {
    await chain.request('eth_sendTransaction', { from: RELAYER, to: token, data: call('approve', 1n) });
    await chain.mine();
    const pay = await send('pay', await proof());
    await outbox.tick();
    const { raw } = (await outbox.transaction(pay)).attempts[0]!;
    await chain.request('anvil_dropAllTransactions');
    const taken = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transferFrom', args: [RELAYER, PERSON, 1n] });
    await chain.request('eth_sendTransaction', { from: PERSON, to: token, data: taken, gas: '0x100000' });
    await client.sendRaw(raw);
    await chain.mine(FINALITY + 1);
    await outbox.tick();
    assert.equal(await reverted(), 1);
    assert.deepEqual(
      told.map(({ note }) => note).filter((note) => note !== undefined),
      ['refused: reverted 0x; rebuilt'],
    );
    await chain.mine(FINALITY + 1);
    await outbox.tick();
    assert.equal(await state(pay), 'final');
    assert.equal(await balanceOf(PERSON), 1_000n);
  });
});
