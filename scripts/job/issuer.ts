import { createPublicClient, createWalletClient, defineChain, http, WaitForTransactionReceiptTimeoutError, type Account } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { assert, Problem, type Hex } from '#base';
import { SETTLEMENT_VAULT_ABI, TEST_STABLECOIN_ABI, type ChainClient } from '#chain';
import type { AuthorizationDeposit, PermitDeposit, TokenDomain } from '../example/merchant.ts';

/** The world around us on a local chain: who issues the test stablecoins, and the merchants' own wallets. A simulated counterparty: no money of anybody's. */
export interface LocalWorld {
  tokenDomain(token: Hex): Promise<TokenDomain>;
  balanceOf(token: Hex, holder: Hex): Promise<bigint>;
  permitNonce(token: Hex, owner: Hex): Promise<bigint>;
  mint(token: Hex, to: Hex, amount: bigint): Promise<void>;
  blockList(token: Hex, address: Hex): Promise<void>;
  /** Ether for a wallet that sends its own transaction. */
  fundGas(to: Hex, wei: bigint): Promise<void>;
  /** A plain transfer from the wallet itself. */
  transfer(wallet: Account, token: Hex, to: Hex, amount: bigint): Promise<Hex>;
  /** Relayed by the issuer's account: anybody may, the signatures decide. */
  depositWithPermit(vault: Hex, deposit: PermitDeposit): Promise<Hex>;
  depositWithAuthorization(vault: Hex, deposit: AuthorizationDeposit): Promise<Hex>;
  /** Seconds, of the newest block. */
  nowS(): Promise<bigint>;
}

/** How long a transaction may take into a block of the local chain, which mines at once: one that takes longer went with a killed node. */
const MINED_WITHIN_MS = 10_000;

export function localWorld(client: ChainClient, issuerKey: Hex): LocalWorld {
  const { rpcUrl } = client;
  const chain = defineChain({
    id: 31337,
    name: 'local',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });
  const viem = createPublicClient({ chain, transport: http(rpcUrl), pollingInterval: 50, cacheTime: 0 });
  const issuer = privateKeyToAccount(issuerKey);
  const abi = TEST_STABLECOIN_ABI;

  async function send(account: Account, request: { address: Hex; abi: unknown; functionName: string; args: readonly unknown[] }): Promise<Hex> {
    const wallet = createWalletClient({ account, chain, transport: http(rpcUrl) });
    const what = `${request.functionName} of the local world`;
    const hash = await client.read(what, () => wallet.writeContract({ ...request, account, chain } as Parameters<typeof wallet.writeContract>[0]));
    const { status } = await client.read(what, () => mined(hash));
    assert(status === 'success', `${request.functionName} of the local world reverted in ${hash}`);
    return hash;
  }

  async function mined(hash: Hex) {
    try {
      return await viem.waitForTransactionReceipt({ hash, timeout: MINED_WITHIN_MS });
    } catch (error) {
      if (!(error instanceof WaitForTransactionReceiptTimeoutError)) throw error;
      throw new Problem('chain/unreachable', `The local chain lost transaction ${hash}.`, { hash }, error);
    }
  }

  return {
    tokenDomain: async (token) => {
      const [, name, version] = await client.read('a token’s domain', () => viem.readContract({ address: token, abi, functionName: 'eip712Domain' }));
      return { address: token, name, version };
    },
    balanceOf: (token, holder) => client.read('a balance', () => viem.readContract({ address: token, abi, functionName: 'balanceOf', args: [holder] })),
    permitNonce: (token, owner) => client.read('a permit nonce', () => viem.readContract({ address: token, abi, functionName: 'nonces', args: [owner] })),
    mint: async (token, to, amount) => void (await send(issuer, { address: token, abi, functionName: 'mint', args: [to, amount] })),
    blockList: async (token, address) => {
      if (await client.read('a block list', () => viem.readContract({ address: token, abi, functionName: 'blocked', args: [address] }))) return;
      await send(issuer, { address: token, abi, functionName: 'setBlocked', args: [address, true] });
    },
    fundGas: async (to, wei) => {
      const wallet = createWalletClient({ account: issuer, chain, transport: http(rpcUrl) });
      await viem.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to, value: wei }) });
    },
    transfer: (wallet, token, to, amount) => send(wallet, { address: token, abi, functionName: 'transfer', args: [to, amount] }),
    depositWithPermit: (vault, deposit) => send(issuer, { address: vault, abi: SETTLEMENT_VAULT_ABI, functionName: 'depositWithPermit', args: deposit }),
    depositWithAuthorization: (vault, deposit) =>
      send(issuer, { address: vault, abi: SETTLEMENT_VAULT_ABI, functionName: 'depositWithAuthorization', args: deposit }),
    nowS: async () => (await client.read('the newest block', () => viem.getBlock())).timestamp,
  };
}
