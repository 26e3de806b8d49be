import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createTestClient, encodeDeployData, http, type TestClient } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { assert, toHex, type Hex } from '#base';
import { createRequire } from 'node:module';
import artifact from '../../src/chain/artifacts/TestStablecoin.json' with { type: 'json' };
import { TEST_STABLECOIN_ABI } from '../../src/chain/abi/test-stablecoin.ts';

/** anvil's accounts, all of them rich: 0 is the relayer of these tests, 1 the issuer of the token, the others are people. */
export function devKey(index: number): Hex {
  const account = mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: index });
  return toHex(account.getHdKey().privateKey!);
}

export interface TestChain {
  readonly rpcUrl: string;
  readonly node: TestClient<'anvil'>;
  mine(blocks?: number): Promise<void>;
  /** Replaces the newest `depth` blocks by empty ones; what was in them is gone, as when another miner's chain won and nobody sends it again. */
  reorg(depth: number): Promise<void>;
  request(method: string, ...params: unknown[]): Promise<unknown>;
  stop(): void;
}

function anvilBinary(): string {
  return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}/bin/anvil`);
}

/** A chain of its own that mines only when told: reorganisations and a stopped miner are no company for other tests. */
export async function startTestChain(...args: string[]): Promise<TestChain> {
  const child = spawn(anvilBinary(), ['--port', '0', '--no-mining', '--order', 'fifo', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ending = (): void => void child.kill('SIGKILL');
  process.once('exit', ending);
  const port = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new TypeError(`anvil ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  const rpcUrl = `http://127.0.0.1:${port}`;
  let miners = 0;
  const node = createTestClient({ mode: 'anvil', transport: http(rpcUrl, { retryCount: 0 }) });
  return {
    rpcUrl,
    node,
    mine: (blocks = 1) => node.mine({ blocks }),
    reorg: async (depth) => {
      // By another miner: an empty block in the place of an empty one would otherwise be the very same block wherever it has the same second.
      await node.setCoinbase({ address: `0x${(++miners).toString(16).padStart(40, '0')}` });
      await node.request({ method: 'anvil_reorg' as never, params: [depth, []] as never });
    },
    request: (method, ...params) => node.request({ method: method as never, params: params as never }),
    stop: () => {
      process.off('exit', ending);
      child.kill('SIGKILL');
    },
  };
}

/** A test stablecoin issued by dev account 1, deployed by the node's own account. */
export async function deployToken(chain: TestChain, issuer: Hex, decimals = 6): Promise<Hex> {
  const data = encodeDeployData({ abi: TEST_STABLECOIN_ABI, bytecode: artifact.bytecode as Hex, args: ['dollar', 'tUSD', decimals, issuer] });
  const hash = (await chain.request('eth_sendTransaction', { from: issuer, data })) as Hex;
  await chain.mine();
  const receipt = (await chain.request('eth_getTransactionReceipt', hash)) as { contractAddress: Hex } | null;
  assert(receipt, 'the token is deployed');
  return receipt.contractAddress.toLowerCase() as Hex;
}
