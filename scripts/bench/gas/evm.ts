import { createHardhatRuntimeEnvironment } from 'hardhat/hre';
import { decodeFunctionResult, encodeDeployData, encodeFunctionData, type Abi } from 'viem';
import { sign } from 'viem/accounts';
import { assert, toHex, type Hex } from '#base';
import { compile, SOLC_SETTINGS, type SolcOutput } from '../../solc.ts';

/** An EVM in this process, at a fixed date with fixed accounts, so that the same code costs the same gas on every run. */
export interface Evm {
  readonly chainId: bigint;
  readonly account: Hex;
  deploy(contract: Compiled, args: readonly unknown[]): Promise<Deployed>;
  /** A deployed contract, seen through its ABI. */
  at(address: Hex, abi: Abi): Deployed;
  /** Sends a transaction and answers with its gas, all of it: base, calldata, execution. */
  send(to: Hex, data: Hex): Promise<bigint>;
  setStorage(address: Hex, slot: bigint, word: Hex): Promise<void>;
  close(): Promise<void>;
}

export interface Compiled {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

export interface Deployed {
  readonly address: Hex;
  data(functionName: string, args: readonly unknown[]): Hex;
  /** Calls by transaction; answers with its gas. */
  gas(functionName: string, args: readonly unknown[]): Promise<bigint>;
  /** Asks without a transaction. */
  read(functionName: string, args: readonly unknown[]): Promise<unknown>;
}

/** 2025-10-09: a fixed date, so that bytes of timestamps do not change what calldata costs. */
export const START_S = 1_760_000_000;
const GAS_LIMIT = 90_000_000n;

/** Opens the EVM. Osaka, as anvil runs it; no cap on a transaction's gas, so that references can be measured beyond EIP-7825. */
export async function openEvm(): Promise<Evm> {
  const hre = await createHardhatRuntimeEnvironment({
    networks: {
      gas: {
        type: 'edr-simulated',
        chainId: 31337,
        hardfork: 'osaka',
        initialBaseFeePerGas: 0,
        initialDate: new Date(START_S * 1000).toISOString(),
        transactionGasCap: false,
        blockGasLimit: 100_000_000n,
      },
    },
  });
  const connection = await hre.network.create('gas');
  const request = (method: string, params: readonly unknown[]): Promise<unknown> => connection.provider.request({ method, params: [...params] });
  const [account] = (await request('eth_accounts', [])) as Hex[];
  assert(account, 'the EVM has accounts');

  const receipt = async (transaction: Readonly<Record<string, unknown>>): Promise<{ gasUsed: Hex; status: Hex; contractAddress: Hex | null }> => {
    const hash = await request('eth_sendTransaction', [{ from: account, gas: `0x${GAS_LIMIT.toString(16)}`, gasPrice: '0x0', ...transaction }]);
    const mined = (await request('eth_getTransactionReceipt', [hash])) as { gasUsed: Hex; status: Hex; contractAddress: Hex | null };
    assert(mined.status === '0x1', 'what is measured goes through');
    return mined;
  };
  const send = async (to: Hex, data: Hex): Promise<bigint> => BigInt((await receipt({ to, data })).gasUsed);
  const at = (address: Hex, abi: Abi): Deployed => {
    const data = (functionName: string, args: readonly unknown[]): Hex => encodeFunctionData({ abi, functionName, args });
    return {
      address,
      data,
      gas: (functionName, args) => send(address, data(functionName, args)),
      read: async (functionName, args) => {
        const answer = (await request('eth_call', [{ from: account, to: address, data: data(functionName, args) }, 'latest'])) as Hex;
        return decodeFunctionResult({ abi, functionName, data: answer });
      },
    };
  };
  return {
    chainId: 31337n,
    account,
    at,
    send,
    deploy: async ({ abi, bytecode }, args) => {
      const { contractAddress } = await receipt({ data: encodeDeployData({ abi, bytecode, args: [...args] }) });
      assert(contractAddress, 'a deployment has an address');
      return at(contractAddress, abi);
    },
    setStorage: async (address, slot, word) => {
      await request('hardhat_setStorageAt', [address, `0x${slot.toString(16)}`, word]);
    },
    close: () => connection.close(),
  };
}

const SOURCES = [
  'contracts/LedgerAnchor.sol',
  'contracts/SettlementVault.sol',
  'contracts/mocks/AnchorReferences.sol',
  'contracts/mocks/PayoutReferences.sol',
  'contracts/mocks/TestStablecoin.sol',
  'contracts/mocks/VerificationGas.sol',
];

/** Our contracts and the references, freshly compiled. */
export function contracts(): (name: string) => Compiled {
  const output: SolcOutput = compile(SOURCES, { ...SOLC_SETTINGS, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } });
  const all = new Map(Object.values(output.contracts).flatMap((file) => Object.entries(file)));
  return (name) => {
    const contract = all.get(name);
    assert(contract, `${name} is compiled`);
    return { abi: contract.abi as unknown as Abi, bytecode: `0x${contract.evm.bytecode.object}` };
  };
}

/** 65 bytes r || s || v over a digest. */
export function signDigest(privateKey: Hex, digest: Uint8Array): Promise<Hex> {
  return sign({ hash: toHex(digest), privateKey, to: 'hex' });
}
