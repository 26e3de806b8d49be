import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { encodeFunctionData } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ManualClock, newId, Problem, type Hex } from '#base';
import { connectChain, createOutbox, type ChainClient, type Outbox, type OutboxId, type OutboxPoint } from '#chain';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';

const RELAYER = privateKeyToAddress(devKey(0)).toLowerCase() as Hex;
const PERSON: Hex = `0x${'9e'.repeat(20)}`;
const FINALITY = 3;

/** Every point at which a process that dies has the most to lose. */
const POINTS: Record<OutboxPoint, true> = {
  'signed-stored': true,
  'broadcast-unrecorded': true,
  'sent-stored': true,
  'replacement-stored': true,
  'mined-stored': true,
  'orphaned-stored': true,
  'settled-stored': true,
};

describe('a crash of the outbox', () => {
  let chain: TestChain;
  let client: ChainClient;
  let db: TestDatabase;
  let token: Hex;
  let clock: ManualClock;
  const mint = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [PERSON, 1n] });

  before(async () => {
    chain = await startTestChain();
    client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
  });
  after(() => chain.stop());
  beforeEach(async () => {
    db = await testDatabase();
    clock = new ManualClock(Date.now());
    token = await deployToken(chain, RELAYER);
  });
  afterEach(async () => {
    await db.close();
    await chain.request('anvil_dropAllTransactions');
  });

  const balance = (): Promise<bigint> =>
    client.read('a balance', (viem) => viem.readContract({ abi: TEST_STABLECOIN_ABI, address: token, functionName: 'balanceOf', args: [PERSON] }));
  const open = (dieAt?: OutboxPoint): Outbox =>
    createOutbox({
      database: db.database,
      client,
      relayerKey: devKey(0),
      clock,
      checkpoint: (at) => {
        if (at === dieAt) throw new TypeError(`killed at ${at}`);
      },
    });

  function stillBusy(error: unknown): undefined {
    if (!(error instanceof Problem && error.code === 'chain/relayer-busy')) throw error;
  }

  /** A block of a miner who leaves out what waits. */
  async function passOver(): Promise<void> {
    await chain.request('anvil_dropAllTransactions');
    await chain.mine();
  }

  /** The life of one transaction with everything in it: a replacement, a block, a reorganisation, a block again, finality. `tick` is one pass, or two with something between them. */
  async function live(tick: (between?: () => Promise<void>) => Promise<void>): Promise<void> {
    await tick();
    clock.advance(60_000);
    await tick(passOver);
    await chain.mine();
    await tick();
    await chain.reorg(1);
    await chain.request('anvil_dropAllTransactions');
    await tick();
    await chain.mine();
    await tick();
    await chain.mine(FINALITY + 1);
    await tick();
  }

  for (const point of Object.keys(POINTS) as OutboxPoint[]) {
    it(`at "${point}" loses nothing and sends nothing twice`, async () => {
      const id = newId<OutboxId>(clock.nowMs(), (length) => randomBytes(length));
      let died = 0;
      await open().enqueue({ id, purpose: 'mint', to: token, data: mint });
      await live(async (between) => {
        const dying = open(point);
        const tick = () =>
          dying.tick().catch((error: Error) => {
            assert.match(error.message, /^killed at/);
            died += 1;
          });
        await tick();
        if (between) await between().then(tick);
        await dying.close();
        const restarted = open();
        await restarted.tick();
        await restarted.close();
      });
      assert.ok(died > 0, 'the point was passed');
      const transaction = await open().transaction(id);
      assert.equal(transaction.state, 'final');
      assert.equal(new Set(transaction.attempts.map(({ nonce }) => nonce)).size, 1);
      assert.equal(await balance(), 1n);
    });
  }

  for (const point of ['signed-stored', 'broadcast-unrecorded', 'sent-stored'] satisfies OutboxPoint[]) {
    it(`by SIGKILL at "${point}" gives the relayer’s lock back, and the next process goes on`, async () => {
      const id = newId<OutboxId>(clock.nowMs(), (length) => randomBytes(length));
      const script = fileURLToPath(new URL('./killed.ts', import.meta.url));
      const child = spawn(process.execPath, [script, db.url, chain.rpcUrl, devKey(0), id, token, mint, point], { stdio: 'inherit' });
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL');
      const outbox = open();
      // PostgreSQL ends the dead session, and with it the lock, within moments.
      while (!(await outbox.tick().catch(stillBusy))) await new Promise((resolve) => setTimeout(resolve, 20));
      await chain.mine(FINALITY + 1);
      await outbox.tick();
      await outbox.tick();
      const transaction = await outbox.transaction(id);
      await outbox.close();
      assert.equal(transaction.state, 'final');
      assert.equal(transaction.attempts.length, 1);
      assert.equal(await balance(), 1n);
    });
  }
});
