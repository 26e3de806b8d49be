import { setTimeout as sleep } from 'node:timers/promises';
import { keccak256 } from 'viem';
import { Problem, type Hex } from '#base';
import { revertInWords, type ChainClient } from '#chain';
import { signedTransaction, type Signature, type UnsignedTransaction } from '#custody/intents';

const MINED_WITHIN_MS = 120_000;
const LOOK_MS = 250;

/** The chain's own clock, seconds: of the block to come, because a chain without traffic may stand still; of the newest one where the node tells of no other. */
export async function chainTimeS(client: ChainClient): Promise<bigint> {
  const { timestampS } = await client.head();
  const next = await client
    .read('the pending block', (viem) => viem.request({ method: 'eth_getBlockByNumber', params: ['pending', false] }))
    .catch((error: unknown) => {
      if (error instanceof Problem && error.code === 'chain/refused-by-node') return null;
      throw error;
    });
  return next && BigInt(next.timestamp) > timestampS ? BigInt(next.timestamp) : timestampS;
}

/** A fifth more than the estimate: the state may move a little until it is mined. */
function withMargin(gas: bigint): bigint {
  return (gas * 6n) / 5n;
}

/** Why the chain would refuse this call from this account in the next block, in the contract's own words; null where it would not. */
export async function refusalOf(client: ChainClient, from: Hex, to: Hex, data: Hex): Promise<string | null> {
  try {
    await client.read('a call', (viem) => viem.call({ account: from, to, data, blockTag: 'pending' }));
    return null;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'chain/reverted') throw error;
    return revertInWords((error.facts['revertData'] ?? '0x') as Hex);
  }
}

/** A transaction as the account would send it now: tried first, so that nothing is paid for a refusal. chain/reverted. */
export async function prepareTransaction(client: ChainClient, from: Hex, to: Hex, data: Hex): Promise<UnsignedTransaction> {
  const refusal = await refusalOf(client, from, to, data);
  if (refusal !== null) throw new Problem('chain/reverted', `The contract would refuse it: ${refusal}.`, { to, from });
  return client.read('what a transaction costs', async (viem) => {
    const { maxFeePerGas, maxPriorityFeePerGas } = await viem.estimateFeesPerGas();
    return {
      chainId: client.chainId,
      nonce: BigInt(await viem.getTransactionCount({ address: from, blockTag: 'pending' })),
      maxPriorityFeePerGas,
      maxFeePerGas,
      gas: withMargin(await viem.estimateGas({ account: from, to, data, blockTag: 'pending' })),
      to,
      value: 0n,
      data,
    };
  });
}

/** Hands the signed bytes to the chain and waits for their block. Its number, and the transaction's hash. */
export async function sendTransaction(
  client: ChainClient,
  transaction: UnsignedTransaction,
  signature: Signature,
): Promise<{ readonly hash: Hex; readonly block: bigint }> {
  const raw = signedTransaction(transaction, signature);
  const hash = keccak256(raw);
  const result = await client.sendRaw(raw);
  if (result.kind === 'outOfFunds') throw new Problem('chain/relayer-out-of-funds', `The account that sends cannot pay the gas: ${result.message}.`);
  if (result.kind !== 'accepted' && result.kind !== 'known')
    throw new Problem('chain/refused-by-node', `The node did not take the transaction: ${'message' in result ? result.message : 'its nonce was used'}.`, {
      hash,
    });
  for (let waitedMs = 0; waitedMs < MINED_WITHIN_MS; waitedMs += LOOK_MS) {
    const receipt = await client.read('a receipt', (viem) => viem.request({ method: 'eth_getTransactionReceipt', params: [hash] }));
    if (receipt?.blockNumber) {
      if (receipt.status !== '0x1') throw new Problem('chain/reverted', `Transaction ${hash} was mined and refused.`, { hash });
      return { hash, block: BigInt(receipt.blockNumber) };
    }
    await sleep(LOOK_MS);
  }
  throw new Problem('governance/not-mined', `Transaction ${hash} was handed over and is in no block after ${MINED_WITHIN_MS / 1000} s.`, { hash });
}
