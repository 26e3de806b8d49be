import { estimateGas, getTransactionReceipt } from 'viem/actions';
import { TransactionReceiptNotFoundError } from 'viem';
import { Problem, type Hex } from '#base';
import { toChainLog } from '../client/logs.ts';
import type { ChainClient } from '../client/types.ts';
import type { FeeMarket } from './fees.ts';
import { describeRevert } from '../client/reverts.ts';
import type { MinedReceipt, OutboxTransaction, TransactionFailure } from './types.ts';

export const OUT_OF_GAS: TransactionFailure = { reason: 'outOfGas', error: null, revertData: '0x' };

// The words of geth and those after it for a call that takes more gas than there is.
const TOO_MUCH_GAS = /gas required exceeds|out of gas|exceeds block gas limit/i;

export async function receiptOf(client: ChainClient, hash: Hex): Promise<MinedReceipt | null> {
  const receipt = await client.read(`the receipt of ${hash}`, (viem) =>
    getTransactionReceipt(viem, { hash }).catch((error: unknown) => {
      if (error instanceof TransactionReceiptNotFoundError) return null;
      throw error;
    }),
  );
  if (!receipt?.blockHash) return null;
  return {
    hash,
    blockNumber: receipt.blockNumber,
    blockHash: receipt.blockHash,
    status: receipt.status,
    gasUsed: receipt.gasUsed,
    effectiveGasPrice: receipt.effectiveGasPrice,
    contractAddress: (receipt.contractAddress?.toLowerCase() as Hex | undefined) ?? null,
    logs: receipt.logs.map(toChainLog),
  };
}

/** Mined transactions of the relayer so far, as of a block: the next nonce. */
export async function nonceAt(client: ChainClient, relayer: Hex, block: bigint | 'latest'): Promise<bigint> {
  const at = block === 'latest' ? ({ blockTag: 'latest' } as const) : { blockNumber: block };
  return BigInt(await client.read(`the nonce of ${relayer}`, (viem) => viem.getTransactionCount({ address: relayer, ...at })));
}

/** Does the node still have this transaction, mined or waiting? */
export async function isKnown(client: ChainClient, hash: Hex): Promise<boolean> {
  const found = await client.read(`transaction ${hash}`, (viem) => viem.request({ method: 'eth_getTransactionByHash', params: [hash] }));
  return found !== null;
}

export async function feeMarket(client: ChainClient): Promise<FeeMarket> {
  const block = await client.read('the base fee', (viem) => viem.getBlock({ blockTag: 'latest' }));
  const tip = await client.read('the priority fee', (viem) => viem.estimateMaxPriorityFeePerGas());
  return { baseFee: block.baseFeePerGas ?? 0n, tip };
}

type Call = Pick<OutboxTransaction, 'to' | 'data' | 'value'>;

function asRequest(relayer: Hex, call: Call): { account: Hex; to?: Hex; data: Hex; value: bigint } {
  return { account: relayer, data: call.data, value: call.value, ...(call.to === null ? {} : { to: call.to }) };
}

/** Units of gas it would take on the newest block, or why it would fail. Not on what waits in the node: that may never be mined, and a first write costs more than a second. */
export async function estimate(client: ChainClient, relayer: Hex, call: Call, maxGas: bigint): Promise<{ gas: bigint } | { failure: TransactionFailure }> {
  try {
    const gas = await client.read('an estimate of gas', (viem) => estimateGas(viem, { ...asRequest(relayer, call), blockTag: 'latest' }));
    return gas > maxGas ? { failure: OUT_OF_GAS } : { gas };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code === 'chain/reverted') return { failure: describeRevert(error.facts['revertData'] as Hex) };
    if (/insufficient funds/i.test(error.detail))
      throw new Problem('chain/relayer-out-of-funds', `${relayer} cannot pay for its next transaction.`, { relayer }, error);
    if (error.code === 'chain/refused-by-node' && TOO_MUCH_GAS.test(error.detail)) return { failure: OUT_OF_GAS };
    throw error;
  }
}

/** Why a mined transaction reverted: a receipt does not say, so the call is made again on the state before its block. `none` where the call itself is fine there; `unknown` where the node has that state no more. */
export async function revertDataAt(client: ChainClient, relayer: Hex, call: Call, block: bigint): Promise<Hex | 'none' | 'unknown'> {
  try {
    await client.read('a revert', (viem) => viem.call({ ...asRequest(relayer, call), blockNumber: block - 1n }));
    return 'none';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.code === 'chain/reverted') return error.facts['revertData'] as Hex;
    if (error.code === 'chain/refused-by-node' || error.code === 'chain/state-lost') return 'unknown';
    throw error;
  }
}
