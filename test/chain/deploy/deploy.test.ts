import { strict as assert } from 'node:assert';
import { encodeFunctionData } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ManualClock, Problem, type BookId, type Hex, type ProblemCode } from '#base';
import { connectChain, deploy, readGovernance, requireDeployment, type ChainClient, type DeployOptions } from '#chain';
import { TIMELOCK_ABI } from '../../../src/chain/abi/timelock.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';

const DEPLOYER = devKey(9);
const RELAYER: Hex = `0x${'5e'.repeat(20)}`;
const FINALITY = 3;
const address = (byte: string): Hex => `0x${byte.repeat(20)}`;
const refusal = (code: ProblemCode) => (error: unknown) => error instanceof Problem && error.code === code;

describe('the deployment', () => {
  let chain: TestChain;
  let client: ChainClient;
  let db: TestDatabase;
  let options: DeployOptions;

  beforeEach(async () => {
    chain = await startTestChain();
    client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
    db = await testDatabase();
    options = {
      database: db.database,
      client,
      clock: new ManualClock(1_700_000_000_000),
      deployerKey: DEPLOYER,
      consent: true,
      book: '018bcfe5-6800-7000-8000-000000000001' as BookId,
      signers: { poster: address('a1'), vault: address('a2'), owner: address('a3') },
      guardian: address('a4'),
      operators: [address('a5'), address('a6')],
      timelockDelayS: 5,
      tokens: [
        { symbol: 'tUSD', decimals: 6, perTransaction: 10n ** 12n, perDay: 10n ** 13n },
        { symbol: 'tEUR', decimals: 18, perTransaction: 10n ** 24n, perDay: 10n ** 25n },
      ],
      funding: [{ to: RELAYER, wei: 10n ** 18n }],
      rest: () => chain.mine(),
    };
  });
  afterEach(async () => {
    await db.close();
    chain.stop();
  });

  it('ends with everything at the timelock and nothing at the deployer, and is found again', async () => {
    const deployment = await deploy(options);
    const block = await client.finalBlock();
    const governance = await readGovernance(client, deployment, block);
    assert.equal(governance.vault.owner, deployment.timelock);
    assert.equal(governance.vault.signer, address('a2'));
    assert.equal(governance.anchor.poster, address('a1'));
    assert.equal(governance.timelockDelayS, 5n);
    assert.deepEqual(governance.openActs, []);
    assert.deepEqual(governance.roles, {
      PROPOSER_ROLE: [deployment.safe],
      CANCELLER_ROLE: [address('a3'), address('a4')],
      EXECUTOR_ROLE: [address('00')],
      DEFAULT_ADMIN_ROLE: [deployment.timelock],
    });
    assert.deepEqual(governance.safe, {
      version: '1.5.0',
      singleton: deployment.safeContracts.singleton,
      owners: [address('a3'), address('a5'), address('a6')],
      threshold: 2n,
      nonce: 0n,
      modules: [],
      guard: address('00'),
      moduleGuard: address('00'),
      fallbackHandler: deployment.safeContracts.fallbackHandler,
    });
    assert.equal(await client.read('funds', (viem) => viem.getBalance({ address: RELAYER })), 10n ** 18n);
    const nonce = await client.read('nonce', (viem) => viem.getTransactionCount({ address: deployment.deployer }));
    assert.deepEqual(await deploy({ ...options, consent: false }), deployment);
    assert.deepEqual(await requireDeployment(db.database), deployment);
    assert.equal(await client.read('nonce', (viem) => viem.getTransactionCount({ address: deployment.deployer })), nonce, 'nothing was sent for it');
  });

  it('leaves a timelock that shows what is proposed and not yet done', async () => {
    const deployment = await deploy(options);
    const { timelock } = deployment;
    const zero: Hex = `0x${'00'.repeat(32)}`;
    const schedule = encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'schedule', args: [deployment.vault, 0n, '0x', zero, zero, 5n] });
    const open = async () => (await readGovernance(client, deployment, (await client.head()).number)).openActs;
    const send = async (from: Hex, data: Hex) => {
      await chain.request('anvil_impersonateAccount', from);
      await chain.request('anvil_setBalance', from, '0xde0b6b3a7640000');
      await chain.request('eth_sendTransaction', { from, to: timelock, data });
      await chain.mine();
    };
    await send(deployment.safe, schedule);
    const [act] = await open();
    assert.ok(act);
    await send(address('a3'), encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'cancel', args: [act] }));
    assert.deepEqual(await open(), []);
    await send(deployment.safe, schedule);
    assert.deepEqual(await open(), [act], 'what was cancelled is open again when it is proposed again');
    const sooner = encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'schedule', args: [deployment.anchor, 0n, '0x', zero, zero, 4n] });
    await assert.rejects(chain.request('eth_call', { from: deployment.safe, to: timelock, data: sooner }), /revert/, 'the delay holds');
  });

  it('gives no key two parts', async () => {
    for (const twice of [
      { operators: [address('a5'), address('a5')] },
      { operators: [address('a3'), address('a5')] },
      { operators: [address('a4'), address('a5')] },
      { guardian: address('a3') },
      { guardian: privateKeyToAddress(DEPLOYER).toLowerCase() as Hex },
    ])
      await assert.rejects(deploy({ ...options, ...twice }), refusal('chain/keys-not-apart'));
    assert.equal((await client.head()).number, 0n);
  });

  it('sends nothing without being asked, and no test token to a real chain', async () => {
    await assert.rejects(deploy({ ...options, consent: false }), refusal('chain/consent-needed'));
    await assert.rejects(requireDeployment(db.database), refusal('chain/not-deployed'));
    await assert.rejects(deploy({ ...options, client: { ...client, chainId: 1n } }), refusal('chain/test-token-refused'));
    assert.equal((await client.head()).number, 0n);
  });

  it('goes on where it stopped, at every step, without sending anything twice', async () => {
    let died = 0;
    const dying = (): DeployOptions => ({
      ...options,
      onProgress: ({ done }) => {
        if (done === died) {
          died += 1;
          throw new TypeError(`killed at ${done}`);
        }
      },
    });
    for (let tries = 0; tries < 40; tries++) {
      const ended = await deploy(dying()).catch((error: Error) => error);
      if (!(ended instanceof Error)) break;
      assert.match(ended.message, /^killed at/);
    }
    const deployment = await requireDeployment(db.database);
    assert.equal(await client.read('nonce', (viem) => viem.getTransactionCount({ address: deployment.deployer })), died - 1, 'one transaction a step');
  });

  it('survives a reorganisation in the middle', async () => {
    let phase: 'before' | 'now' | 'after' = 'before';
    const deployment = await deploy({
      ...options,
      onProgress: ({ step }) => void (phase = step === 'schedule' ? 'now' : phase),
      rest: async () => {
        if (phase === 'now') {
          phase = 'after';
          await chain.reorg(2);
          await chain.request('anvil_dropAllTransactions');
        }
        await chain.mine();
      },
    });
    assert.equal(phase, 'after');
    assert.equal((await readGovernance(client, deployment, await client.finalBlock())).vault.owner, deployment.timelock);
  });

  it('refuses other parameters than it was begun or made with', async () => {
    const killed = { ...options, onProgress: ({ done }: { done: number }) => assert.ok(done < 9) };
    await assert.rejects(deploy(killed));
    await assert.rejects(deploy({ ...options, guardian: address('bb') }), refusal('chain/deployment-differs'));
    await deploy(options);
    await assert.rejects(deploy({ ...options, timelockDelayS: 6 }), refusal('chain/deployment-differs'));
    await assert.rejects(deploy({ ...options, operators: [address('a5'), address('a7')] }), refusal('chain/deployment-differs'));
  });

  it('tells a refused step, and goes on with it once its cause is mended', async () => {
    // A token that the deployer holds nothing of cannot be probed.
    const issuer = privateKeyToAddress(devKey(1)).toLowerCase() as Hex;
    const token = await deployToken(chain, issuer);
    const real = { ...options, tokens: [{ ...options.tokens[0]!, address: token }] };
    await assert.rejects(deploy(real), (error) => error instanceof Problem && error.code === 'chain/deployment-failed' && /execute/.test(error.detail));
    const data = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'mint', args: [privateKeyToAddress(DEPLOYER), 10_000n] });
    await chain.request('eth_sendTransaction', { from: issuer, to: token, data });
    await chain.mine();
    (options.clock as ManualClock).advance(10);
    assert.equal((await deploy(real)).tokens[0]?.address, token);
  });

  it('tells a chain that lost its state', async () => {
    await deploy(options);
    const empty = await startTestChain();
    try {
      const other = await connectChain({ rpcUrl: empty.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
      await assert.rejects(deploy({ ...options, client: other }), refusal('chain/state-lost'));
      await empty.mine(60);
      await assert.rejects(deploy({ ...options, client: other }), refusal('chain/state-lost'));
    } finally {
      empty.stop();
    }
  });
});
