import { BaseError, ContractFunctionRevertedError, ContractFunctionZeroDataError, encodeFunctionData, parseAbi } from 'viem';
import { fromHex, toHex, type Hex } from '#base';
import { sweepNonce, sweepSalt, tokenSeparator, UNASSIGNED_REFERENCE, type AuthorisationIntent } from '#custody/intents';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import type { ChainClient } from '../client/types.ts';
import type { Deployment } from '../deploy/types.ts';

/** ERC-20, EIP-2612, EIP-3009, EIP-5267, and what USDC has instead of the last. */
const TOKEN = parseAbi([
  'function balanceOf(address account) view returns (uint256)',
  'function name() view returns (string)',
  'function version() view returns (string)',
  'function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',
  'function DOMAIN_SEPARATOR() view returns (bytes32)',
  'function authorizationState(address authorizer, bytes32 nonce) view returns (bool)',
]);

/** What a token calls itself where it is signed for. */
export interface TokenDomain {
  readonly name: string;
  readonly version: string;
}

/** Tokens at addresses that nobody is to pay to, as of a final block. */
export interface StrayReader {
  finalBlock(): Promise<bigint>;
  /** Minor units. */
  balanceOf(token: Hex, holder: Hex, block: bigint): Promise<bigint>;
  /** How many authorisations into the vault the token took of this address. */
  takenOf(token: Hex, holder: Hex, block: bigint): Promise<number>;
  /** Checked against the separator that the token has; null where it has no such domain, so that nothing can be signed for it. */
  domainOf(token: Hex): Promise<TokenDomain | null>;
}

export function createStrayReader({ client, deployment }: { readonly client: ChainClient; readonly deployment: Pick<Deployment, 'vault'> }): StrayReader {
  const { chainId } = client;
  const { vault } = deployment;

  function isTaken(token: Hex, holder: Hex, index: number, blockNumber: bigint): Promise<boolean> {
    const nonce = sweepNonce({ chainId, vault, token, from: holder, index });
    return client.read('an authorisation', (viem) =>
      viem.readContract({ abi: TOKEN, address: token, functionName: 'authorizationState', args: [holder, nonce], blockNumber }),
    );
  }

  return {
    finalBlock: () => client.finalBlock(),
    balanceOf: (token, holder, blockNumber) =>
      client.read('a balance', (viem) => viem.readContract({ abi: TOKEN, address: token, functionName: 'balanceOf', args: [holder], blockNumber })),
    // They are taken in their order, so it is found by doubling and halving.
    takenOf: async (token, holder, block) => {
      let end = 1;
      while (await isTaken(token, holder, end - 1, block)) end *= 2;
      let begin = Math.floor(end / 2);
      end -= 1;
      while (begin < end) {
        const middle = Math.floor((begin + end) / 2);
        if (await isTaken(token, holder, middle, block)) begin = middle + 1;
        else end = middle;
      }
      return begin;
    },
    domainOf: (token) =>
      client.read('the domain of a token', async (viem) => {
        const at = { abi: TOKEN, address: token } as const;
        const separator = await unlessAbsent(viem.readContract({ ...at, functionName: 'DOMAIN_SEPARATOR' }));
        const told = await unlessAbsent(viem.readContract({ ...at, functionName: 'eip712Domain' }));
        const name = told?.[1] ?? (await unlessAbsent(viem.readContract({ ...at, functionName: 'name' }))) ?? '';
        const version = told?.[2] ?? (await unlessAbsent(viem.readContract({ ...at, functionName: 'version' }))) ?? '1';
        return separator === tokenSeparator({ name, version, chainId, token }) ? { name, version } : null;
      }),
  };
}

async function unlessAbsent<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    const isAbsent = (cause: unknown): boolean => cause instanceof ContractFunctionRevertedError || cause instanceof ContractFunctionZeroDataError;
    if (error instanceof BaseError && error.walk(isAbsent)) return null;
    throw error;
  }
}

/** Call data of SettlementVault.depositWithAuthorization, with what this authorisation is bound to. `signature`: 65 bytes, of the key whose address has the tokens. */
export function encodeSweep(intent: AuthorisationIntent, signature: Hex): Hex {
  const { token, from, value, validBeforeS } = intent;
  const bytes = fromHex(signature);
  const parts = { v: bytes[64]!, r: toHex(bytes.slice(0, 32)), s: toHex(bytes.slice(32, 64)) };
  return encodeFunctionData({
    abi: SETTLEMENT_VAULT_ABI,
    functionName: 'depositWithAuthorization',
    args: [token, from, value, 0n, BigInt(validBeforeS), UNASSIGNED_REFERENCE, sweepSalt(intent), parts],
  });
}
