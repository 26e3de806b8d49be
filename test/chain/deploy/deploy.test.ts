import { strict as assert } from 'node:assert';
import { encodeFunctionData } from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { ManualClock, Problem, type BookId, type Hex, type ProblemCode } from '#base';
import { connectChain, deploy, readGovernance, requireDeployment, type ChainClient, type DeployOptions, type TokenWanted } from '#chain';
import { LEDGER_ANCHOR_ABI, SAFE_ABI, SETTLEMENT_VAULT_ABI } from '#chain/abi';
import { TIMELOCK_ABI } from '../../../src/chain/abi/timelock.ts';
import { roleId } from '../../../src/chain/reads/governance.ts';
import { call } from '../../governance/support.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';

const DEPLOYER = devKey(9);
const RELAYER: Hex = `0x${'5e'.repeat(20)}`;
const FINALITY = 3;
const SENTINEL: Hex = `0x${'1'.padStart(40, '0')}`;
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
    await assert.rejects(deploy({ ...options, book: '018bcfe5-6800-7000-8000-000000000002' as BookId }), refusal('chain/deployment-differs'));
    const [dollar, euro] = options.tokens as [TokenWanted, TokenWanted];
    for (const tokens of [[dollar], [dollar, { ...euro, decimals: 6 }], [dollar, { ...euro, symbol: 'tGBP' }], [dollar, { ...euro, address: address('bb') }]])
      await assert.rejects(deploy({ ...options, tokens }), refusal('chain/deployment-differs'));
  });

  it('goes on with the keys, the caps and the delay that governance put there since, and with no others', async () => {
    const deployment = await deploy(options);
    const { timelock, anchor, vault, safe } = deployment;
    const [dollar, euro] = options.tokens as [TokenWanted, TokenWanted];
    const named = { signers: { poster: address('c1'), vault: address('c2'), owner: address('c3') }, operators: [address('a5'), address('c5')] };
    const differences = async (over: Partial<DeployOptions>): Promise<string> => {
      const refused = await deploy({ ...options, ...over }).catch((error: unknown) => error);
      assert.ok(refused instanceof Problem && refused.code === 'chain/keys-differ', String(refused));
      return refused.detail;
    };
    const from = async (sender: Hex, to: Hex, data: Hex) => {
      await chain.request('anvil_impersonateAccount', sender);
      await chain.request('anvil_setBalance', sender, '0xde0b6b3a7640000');
      await chain.request('eth_sendTransaction', { from: sender, to, data });
      await chain.mine();
    };
    const all = await differences(named);
    for (const [key, what] of [
      ['c1', /the anchor’s poster is 0xa1a1\w+, and the signers’ is 0xc1c1/],
      ['c2', /the vault’s signer is 0xa2a2\w+, and the signers’ is 0xc2c2/],
      ['c3', /owner key 0xc3c3\w+ may not cancel at the timelock; 0xc3c3\w+ is no owner of the Safe/],
      ['c5', /0xc5c5\w+ is no owner of the Safe/],
    ] as const)
      assert.match(all, what, key);

    await from(timelock, anchor, call(LEDGER_ANCHOR_ABI, 'setPoster', [address('c1')]));
    await from(timelock, vault, call(SETTLEMENT_VAULT_ABI, 'setSigner', [address('c2')]));
    await from(timelock, vault, call(SETTLEMENT_VAULT_ABI, 'setCaps', [deployment.tokens[0]!.address, 1n, 2n]));
    await from(timelock, timelock, call(TIMELOCK_ABI, 'updateDelay', [7n]));
    await from(timelock, timelock, call(TIMELOCK_ABI, 'grantRole', [roleId('CANCELLER_ROLE'), address('c3')]));
    assert.match(await differences({}), /poster is 0xc1c1\w+, and the signers’ is 0xa1a1\w+; the vault’s signer is 0xc2c2/, 'the keys of before');
    assert.match(await differences(named), /: 0xc3c3\w+ is no owner of the Safe; 0xc5c5\w+ is no owner of the Safe\.$/, 'the owners are still those of before');
    // A linked list: each is named by the one before it.
    for (const [former, next] of [
      ['a3', 'c3'],
      ['a6', 'c5'],
    ] as const) {
      const owners = await client.read('the owners', (viem) => viem.readContract({ abi: SAFE_ABI, address: safe, functionName: 'getOwners' }));
      const at = owners.findIndex((owner) => owner.toLowerCase() === address(former));
      const before = at === 0 ? SENTINEL : owners[at - 1]!;
      await from(safe, safe, call(SAFE_ABI, 'swapOwner', [before, address(former), address(next)]));
    }
    const caps = [{ ...dollar, perTransaction: 1n, perDay: 2n }, euro];
    assert.deepEqual(await deploy({ ...options, ...named, tokens: caps, timelockDelayS: 7, consent: false }), deployment);
    assert.deepEqual(await deploy({ ...options, ...named, guardian: address('c4'), consent: false }), deployment, 'whoever pauses is the chain’s affair');
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
