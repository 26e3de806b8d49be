import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { keccak256, type Abi } from 'viem';
import { ManualClock, Problem, type BookId, type Hex } from '#base';
import { connectChain, deploy, type DeployOptions } from '#chain';
import { SAFE_ABI } from '#chain/abi';
import { SAFE_FACTORY_ABI } from '../../../src/chain/abi/safe.ts';
import { canonicalSafeContracts, SAFE_CONTRACTS, SAFE_VERSION } from '../../../src/chain/deploy/safe.ts';
import { predictSafeAddress, SafeProvider } from '@safe-global/protocol-kit';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { deployToken, devKey, startTestChain, type TestChain } from '../anvil.ts';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { privateKeyToAddress } from 'viem/accounts';
import { call } from '../../governance/support.ts';

const PACKAGE = join(createRequire(import.meta.url).resolve('@safe-global/safe-smart-account/package.json'), '..');
const address = (byte: string): Hex => `0x${byte.repeat(20)}`;

interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
  readonly deployedBytecode: Hex;
}

function artifact(path: string): Artifact {
  return JSON.parse(readFileSync(join(PACKAGE, 'build/artifacts/contracts', path), 'utf8')) as Artifact;
}

describe('the Safe', function () {
  this.timeout(30_000);
  let chain: TestChain;
  let db: TestDatabase;

  beforeEach(async () => (db = await testDatabase()));
  afterEach(async () => {
    await db.close();
    chain?.stop();
  });

  async function optionsOn(...args: string[]): Promise<DeployOptions> {
    chain = await startTestChain(...args);
    const client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: 1 } });
    return {
      database: db.database,
      client,
      clock: new ManualClock(1_700_000_000_000),
      deployerKey: devKey(9),
      consent: true,
      book: '018bcfe5-6800-7000-8000-000000000001' as BookId,
      signers: { poster: address('a1'), vault: address('a2'), owner: address('a3') },
      guardian: address('a4'),
      operators: [address('a5'), address('a6')],
      timelockDelayS: 5,
      tokens: [],
      rest: () => chain.mine(),
    };
  }

  it('is what its ABI of ours says, entry by entry, in the published artifacts', () => {
    const published = (path: string) => new Set(artifact(path).abi.map((entry) => signature(entry)));
    const safe = published('SafeL2.sol/SafeL2.json');
    for (const entry of SAFE_ABI) assert.ok(safe.has(signature(entry)), JSON.stringify(entry));
    const factory = published('proxies/SafeProxyFactory.sol/SafeProxyFactory.json');
    for (const entry of SAFE_FACTORY_ABI) assert.ok(factory.has(signature(entry)), JSON.stringify(entry));
  });

  /** Names and types of everything that goes in or comes out; not the names of outputs, and not the compiler's notes. */
  function signature(entry: Abi[number]): string {
    const { type, name, inputs, outputs, stateMutability } = entry as {
      type: string;
      name?: string;
      inputs?: readonly { name?: string; type: string; indexed?: boolean }[];
      outputs?: readonly { type: string }[];
      stateMutability?: string;
    };
    return JSON.stringify([
      type,
      name,
      inputs?.map((input) => [input.type, input.name, input.indexed ?? false]),
      outputs?.map((output) => output.type),
      stateMutability,
    ]);
  }

  it('runs the bytecode that Safe published: on the chain it hashes to what Safe’s own list says', async () => {
    const options = await optionsOn();
    const { safeContracts } = await deploy(options);
    for (const { name, deployment } of SAFE_CONTRACTS) {
      // A MultiSend has its own address in its code.
      if (name === 'multiSend') continue;
      const code = await options.client.read('code', (viem) => viem.getCode({ address: safeContracts[name] }));
      assert.equal(keccak256(code!), deployment({ version: SAFE_VERSION })?.deployments.canonical?.codeHash, name);
    }
  });

  it('is where Safe’s own kit says that a Safe of these owners is', async () => {
    const options = await optionsOn();
    const { safe, safeContracts } = await deploy(options);
    const predicted = await predictSafeAddress({
      safeProvider: new SafeProvider({ provider: chain.rpcUrl }),
      chainId: 31337n,
      safeAccountConfig: { owners: [address('a3'), address('a5'), address('a6')], threshold: 2 },
      safeDeploymentConfig: {
        safeVersion: SAFE_VERSION,
        saltNonce: String(BigInt(keccak256(`0x${Buffer.from('cairn.safe').toString('hex')}${options.book.replaceAll('-', '')}`))),
      },
      customContracts: {
        safeSingletonAddress: safeContracts.singleton,
        safeProxyFactoryAddress: safeContracts.factory,
        fallbackHandlerAddress: safeContracts.fallbackHandler,
      },
    });
    assert.equal(predicted.toLowerCase(), safe);
  });

  it('takes Safe’s contracts where everybody has them on a chain that is not local, and only with Safe’s own code', async () => {
    const base = await optionsOn('--chain-id', '1');
    const issuer = privateKeyToAddress(devKey(1)).toLowerCase() as Hex;
    const token = await deployToken(chain, issuer);
    for (const data of [call(TEST_STABLECOIN_ABI, 'mint', [privateKeyToAddress(devKey(9)), 10_000n])])
      await chain.request('eth_sendTransaction', { from: issuer, to: token, data });
    await chain.mine();
    const options = { ...base, tokens: [{ symbol: 'tUSD', decimals: 6, address: token, perTransaction: 1n, perDay: 1n }] };
    const missing = (error: unknown) => error instanceof Problem && error.code === 'chain/safe-contracts-missing';
    await assert.rejects(deploy(options), missing);
    const paths = {
      singleton: 'SafeL2.sol/SafeL2.json',
      factory: 'proxies/SafeProxyFactory.sol/SafeProxyFactory.json',
      fallbackHandler: 'handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json',
      multiSend: 'libraries/MultiSend.sol/MultiSend.json',
      multiSendCallOnly: 'libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json',
    };
    const expected: Record<string, Hex> = {};
    for (const { name, deployment } of SAFE_CONTRACTS) {
      const at = (expected[name] = deployment({ version: SAFE_VERSION })!.deployments.canonical!.address.toLowerCase() as Hex);
      const { deployedBytecode } = artifact(paths[name]);
      // What the constructor of MultiSend writes into its code: its own address, a word of 32 bytes.
      await chain.request('anvil_setCode', at, name === 'multiSend' ? withOwnAddress(deployedBytecode, at) : deployedBytecode);
    }
    const good = await options.client.read('code', (viem) => viem.getCode({ address: expected['singleton']! }));
    await chain.request('anvil_setCode', expected['singleton'], `${good}00`);
    await assert.rejects(deploy(options), missing, 'a byte more');
    await chain.request('anvil_setCode', expected['singleton'], good);
    assert.deepEqual(await canonicalSafeContracts(options.client), expected);
    const deployment = await deploy(options);
    assert.deepEqual(deployment.safeContracts, expected);
    assert.equal(deployment.chainId, 1n);
  });

  function withOwnAddress(code: Hex, at: Hex): Hex {
    const word = '00'.repeat(32);
    const place = code.indexOf(`7f${word}`);
    assert.ok(place > 0);
    return `${code.slice(0, place + 2)}${at.slice(2).padStart(64, '0')}${code.slice(place + 2 + 64)}` as Hex;
  }

  it('comes from a package that runs nothing when it is installed', () => {
    for (const name of ['protocol-kit', 'safe-smart-account', 'safe-deployments', 'safe-modules-deployments', 'types-kit']) {
      const { scripts = {} } = JSON.parse(readFileSync(join(PACKAGE, '..', name, 'package.json'), 'utf8')) as { scripts?: Record<string, string> };
      for (const script of ['preinstall', 'install', 'postinstall']) assert.equal(script in scripts, false, name);
    }
    assert.ok(existsSync(join(PACKAGE, 'LICENSE')));
  });
});
