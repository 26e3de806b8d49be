import { createPublicClient, createWalletClient, defineChain, http, type Account } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { assert, type Hex } from '#base';
import { SETTLEMENT_VAULT_ABI, TEST_STABLECOIN_ABI } from '#chain';
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

export function localWorld(rpcUrl: string, issuerKey: Hex): LocalWorld {
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
    const hash = await wallet.writeContract({ ...request, account, chain } as Parameters<typeof wallet.writeContract>[0]);
    const { status } = await viem.waitForTransactionReceipt({ hash });
    assert(status === 'success', `${request.functionName} of the local world reverted in ${hash}`);
    return hash;
  }

  return {
    tokenDomain: async (token) => {
      const [, name, version] = await viem.readContract({ address: token, abi, functionName: 'eip712Domain' });
      return { address: token, name, version };
    },
    balanceOf: (token, holder) => viem.readContract({ address: token, abi, functionName: 'balanceOf', args: [holder] }),
    permitNonce: (token, owner) => viem.readContract({ address: token, abi, functionName: 'nonces', args: [owner] }),
    mint: async (token, to, amount) => void (await send(issuer, { address: token, abi, functionName: 'mint', args: [to, amount] })),
    blockList: async (token, address) => {
      if (await viem.readContract({ address: token, abi, functionName: 'blocked', args: [address] })) return;
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
    nowS: async () => (await viem.getBlock()).timestamp,
  };
}
