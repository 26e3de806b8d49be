import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { encodeFunctionData } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ManualClock, newId, Problem, type Hex } from '#base';
import { connectChain, createOutbox, type ChainClient, type Outbox, type OutboxId, type SendResult, type TransactionFailure } from '#chain';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';

const RELAYER = privateKeyToAddress(devKey(0)).toLowerCase() as Hex;
const PERSON = privateKeyToAddress(devKey(5)).toLowerCase() as Hex;
const FINALITY = 3;

describe('a transaction that the node has trouble with', () => {
  let chain: TestChain;
  let real: ChainClient;
  let db: TestDatabase;
  let token: Hex;
  let clock: ManualClock;
  let outbox: Outbox;
  /** What the node answers instead of the truth: once, by the name of a read, or to these bytes. */
  let refusedReads: Map<string, string>;
  let refusedRaw: (raw: Hex) => boolean;

  const mint = (amount: bigint): Hex => encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [PERSON, amount] });
  const state = async (of: OutboxId): Promise<string> => (await outbox.transaction(of)).state;
  const send = async (data: Hex, purpose = 'mint'): Promise<OutboxId> => {
    const id = newId<OutboxId>(clock.nowMs(), (length) => randomBytes(length));
    await outbox.enqueue({ id, purpose, to: token, data });
    return id;
  };
  /** The problem that the pass told of in the end. */
  const trouble = async (): Promise<Problem | null> => {
    try {
      await outbox.tick();
      return null;
    } catch (error) {
      assert.ok(error instanceof Problem, String(error));
      return error;
    }
  };
  const turn = async (): Promise<Problem | null> => {
    const told = await trouble();
    await chain.mine(FINALITY + 1);
    return told;
  };

  before(async () => {
    chain = await startTestChain();
    real = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
  });
  after(() => chain.stop());
  beforeEach(async () => {
    db = await testDatabase();
    clock = new ManualClock(1_700_000_000_000);
    refusedReads = new Map();
    refusedRaw = () => false;
    const client: ChainClient = {
      ...real,
      read: (what, action) => {
        const words = refusedReads.get(what);
        if (words === undefined) return real.read(what, action);
        refusedReads.delete(what);
        return Promise.reject(new Problem('chain/refused-by-node', `127.0.0.1 refused ${what}: ${words}.`, { what }));
      },
      sendRaw: async (raw): Promise<SendResult> => (refusedRaw(raw) ? { kind: 'refused', message: 'transaction gas limit too high' } : real.sendRaw(raw)),
    };
    outbox = createOutbox({ database: db.database, client, relayerKey: devKey(0), clock });
    token = await deployToken(chain, RELAYER);
  });
  afterEach(async () => {
    await outbox.close();
    await db.close();
  });

  /** Two on their way, of which the first reverts once it is mined, because the person took his word back. */
  async function revertingAndBehind(): Promise<readonly [OutboxId, OutboxId]> {
    const byPerson = async (functionName: 'approve', amount: bigint): Promise<void> => {
      await chain.request('eth_sendTransaction', {
        from: PERSON,
        to: token,
        data: encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName, args: [RELAYER, amount] }),
      });
      await chain.mine();
    };
    await chain.request('eth_sendTransaction', { from: RELAYER, to: token, data: mint(1n) });
    await byPerson('approve', 1n);
    const reverting = await send(encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transferFrom', args: [PERSON, RELAYER, 1n] }), 'fetch');
    const behind = await send(mint(2n));
    await outbox.tick();
    await chain.request('anvil_dropAllTransactions');
    await byPerson('approve', 0n);
    return [reverting, behind];
  }

  it('stops no other, though the state that would say why it reverted is gone: its owner is asked', async () => {
    const asked: TransactionFailure[] = [];
    outbox.rebuildWith('fetch', async (_, failure) => (asked.push(failure), { kind: 'giveUp' }));
    const [reverting, behind] = await revertingAndBehind();
    refusedReads.set('a revert', 'missing trie node');
    for (let i = 0; i < 3; i++) assert.equal(await turn(), null);
    assert.equal((await outbox.transaction(reverting)).receipt?.status, 'reverted');
    assert.deepEqual([await state(reverting), asked], ['failed', [{ reason: 'reverted', error: null, revertData: '0x' }]]);
    assert.equal(await state(behind), 'final');
  });

  it('stops no other, though its owner cannot say what is to become of it, and is told of again', async () => {
    outbox.rebuildWith('fetch', () => Promise.reject(new Problem('anchor/not-yet', 'The log is somewhere else.')));
    const [reverting, behind] = await revertingAndBehind();
    for (let i = 0; i < 2; i++) await turn();
    for (let i = 0; i < 2; i++) assert.equal((await turn())?.code, 'anchor/not-yet');
    assert.deepEqual([await state(reverting), await state(behind)], ['mined', 'final']);
  });

  it('stops no other, though no estimate of it comes: it is refused where it takes too much, and tried again where nobody knows', async () => {
    const stuck = await send(mint(1n));
    const other = await send(mint(2n));
    refusedReads.set('an estimate of gas', 'header not found');
    assert.match((await turn())!.detail, /header not found/);
    assert.deepEqual([await state(stuck), await state(other)], ['intent', 'sent']);
    refusedReads.set('an estimate of gas', 'gas required exceeds allowance (16777216)');
    assert.equal(await turn(), null);
    assert.equal((await outbox.transaction(stuck)).failure?.reason, 'outOfGas');
    await turn();
    assert.equal(await state(other), 'final');
  });

  it('of which the node does not take the bytes gives its nonce up after a while, so that no other waits behind it, and its owner is asked', async () => {
    const asked: TransactionFailure[] = [];
    outbox.rebuildWith('mint', async (_, failure) => (asked.push(failure), { kind: 'giveUp' }));
    const data = mint(7n);
    refusedRaw = (raw) => raw.includes(data.slice(2));
    const refused = await send(data);
    const behind = await send(mint(2n), 'other');
    assert.match((await turn())!.detail, /gas limit too high/);
    const { nonce } = await outbox.transaction(refused);
    assert.deepEqual([await state(refused), await state(behind), (await outbox.transaction(behind)).nonce], ['signed', 'sent', nonce! + 1n]);
    clock.advance(59_999);
    assert.equal((await turn())?.code, 'chain/refused-by-node');
    clock.advance(1);
    for (let i = 0; i < 4; i++) assert.equal(await turn(), null);
    const { state: end, failure, receipt, attempts } = await outbox.transaction(refused);
    assert.deepEqual([end, failure, asked.length], ['failed', { reason: 'notTaken', error: null, revertData: '0x' }, 1]);
    assert.equal(attempts.find(({ hash }) => hash === receipt?.hash)?.kind, 'cancel');
    assert.equal(await state(behind), 'final');
  });
});
