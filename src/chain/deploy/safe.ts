import fallbackHandlerArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json' with { type: 'json' };
import multiSendArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/libraries/MultiSend.sol/MultiSend.json' with { type: 'json' };
import multiSendCallOnlyArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json' with { type: 'json' };
import proxyArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/proxies/SafeProxy.sol/SafeProxy.json' with { type: 'json' };
import factoryArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/proxies/SafeProxyFactory.sol/SafeProxyFactory.json' with { type: 'json' };
import singletonArtifact from '@safe-global/safe-smart-account/build/artifacts/contracts/SafeL2.sol/SafeL2.json' with { type: 'json' };
import {
  getCompatibilityFallbackHandlerDeployment,
  getMultiSendCallOnlyDeployment,
  getMultiSendDeployment,
  getProxyFactoryDeployment,
  getSafeL2SingletonDeployment,
} from '@safe-global/safe-deployments';
import { encodeFunctionData, encodePacked, getContractAddress, keccak256, stringToBytes } from 'viem';
import { concat, fromHex, Problem, toHex, uuidBytes, type BookId, type Hex } from '#base';
import { SAFE_ABI, SAFE_FACTORY_ABI } from '../abi/safe.ts';
import { lower } from '../client/logs.ts';
import type { ChainClient } from '../client/types.ts';
import type { SafeContracts } from './types.ts';

export const SAFE_VERSION = '1.5.0';
/** Of the group's owner key and two operators: the group with one operator, or both operators where the group is lost. */
export const SAFE_THRESHOLD = 2;

const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`;

interface Published {
  readonly name: keyof SafeContracts;
  readonly bytecode: Hex;
  readonly deployment: typeof getSafeL2SingletonDeployment;
}

/**
 * Safe's own published contracts. They are LGPL-3.0, so their bytecode is deployed as it was published, and no source of theirs is compiled into ours. SafeL2 is the one that tells in events who
 * signed what.
 */
export const SAFE_CONTRACTS: readonly Published[] = [
  { name: 'singleton', bytecode: singletonArtifact.bytecode as Hex, deployment: getSafeL2SingletonDeployment },
  { name: 'factory', bytecode: factoryArtifact.bytecode as Hex, deployment: getProxyFactoryDeployment },
  { name: 'fallbackHandler', bytecode: fallbackHandlerArtifact.bytecode as Hex, deployment: getCompatibilityFallbackHandlerDeployment },
  { name: 'multiSend', bytecode: multiSendArtifact.bytecode as Hex, deployment: getMultiSendDeployment },
  { name: 'multiSendCallOnly', bytecode: multiSendCallOnlyArtifact.bytecode as Hex, deployment: getMultiSendCallOnlyDeployment },
];

/** What a Safe is for ever: the owners it begins with, who answers calls it does not know, and where it is. */
export interface SafePlan {
  readonly owners: readonly Hex[];
  readonly book: BookId;
  readonly contracts: SafeContracts;
}

/** Safe.setup(...): the owners, two of whom act together; no module, no guard, no payment to whoever creates it. */
function initializerOf({ owners, contracts }: SafePlan): Hex {
  const args = [owners, BigInt(SAFE_THRESHOLD), ZERO_ADDRESS, '0x', contracts.fallbackHandler, ZERO_ADDRESS, 0n, ZERO_ADDRESS] as const;
  return encodeFunctionData({ abi: SAFE_ABI, functionName: 'setup', args });
}

/** One Safe a book. */
function saltNonceOf({ book }: SafePlan): bigint {
  return BigInt(keccak256(concat(stringToBytes('cairn.safe'), uuidBytes(book))));
}

export function createSafeCall(plan: SafePlan): { readonly to: Hex; readonly data: Hex } {
  const args = [plan.contracts.singleton, initializerOf(plan), saltNonceOf(plan)] as const;
  return { to: plan.contracts.factory, data: encodeFunctionData({ abi: SAFE_FACTORY_ABI, functionName: 'createProxyWithNonce', args }) };
}

/** Where the factory puts it: CREATE2 with salt = keccak(keccak(initializer) || saltNonce) (SafeProxyFactory 1.5.0, createProxyWithNonce). */
export function safeAddress(plan: SafePlan): Hex {
  const salt = keccak256(encodePacked(['bytes32', 'uint256'], [keccak256(initializerOf(plan)), saltNonceOf(plan)]));
  const bytecode = toHex(concat(fromHex(proxyArtifact.bytecode as Hex), new Uint8Array(12), fromHex(plan.contracts.singleton)));
  return lower(getContractAddress({ opcode: 'CREATE2', from: plan.contracts.factory, salt, bytecode }));
}

/** Safe's contracts where everybody has them, on a chain that is not a local one: looked up in Safe's own list, and their code compared with its hash there. Refused with chain/safe-contracts-missing. */
export async function canonicalSafeContracts(client: ChainClient): Promise<SafeContracts> {
  const found = new Map<keyof SafeContracts, Hex>();
  for (const { name, deployment } of SAFE_CONTRACTS) {
    const canonical = deployment({ version: SAFE_VERSION })?.deployments.canonical;
    const code = canonical && (await client.read(`the code of Safe's ${name}`, (viem) => viem.getCode({ address: canonical.address as Hex })));
    if (!canonical || !code || keccak256(code) !== canonical.codeHash)
      throw new Problem('chain/safe-contracts-missing', `Chain ${client.chainId} does not have the ${name} of Safe ${SAFE_VERSION} where every chain has it.`, {
        name,
      });
    found.set(name, lower(canonical.address as Hex));
  }
  return Object.fromEntries(found) as unknown as SafeContracts;
}
