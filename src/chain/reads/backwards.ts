import { toEventSelector } from 'viem';
import type { Hex } from '#base';
import { toChainLog } from '../client/logs.ts';
import type { ChainClient, ChainLog } from '../client/types.ts';

/** Blocks a request: what public endpoints allow at least. */
export const BLOCKS_A_REQUEST = 2_000n;

export interface LogFilter {
  readonly address: readonly Hex[];
  /** topic 0, 1, ...; null matches anything, a list any of it. */
  readonly topics: readonly (Hex | readonly Hex[] | null)[];
}

/** topic 0 of an event, from its Solidity signature. */
export function topicOf(signature: string): Hex {
  return toEventSelector(signature);
}

/** An address as a topic: 32 bytes, padded on the left. */
export function addressTopic(address: Hex): Hex {
  return `0x${address.slice(2).padStart(64, '0')}`;
}

export function topicAddress(topic: Hex): Hex {
  return `0x${topic.slice(-40)}`;
}

/** The matching logs of blocks from..to, in the order of the chain, in one request. */
export async function logsOf(client: ChainClient, filter: LogFilter, from: bigint, to: bigint): Promise<ChainLog[]> {
  const logs = await client.read(`the logs of blocks ${from} to ${to}`, (viem) =>
    viem.request({
      method: 'eth_getLogs',
      params: [
        {
          address: [...filter.address],
          topics: filter.topics.map((topic) => (Array.isArray(topic) ? [...(topic as readonly Hex[])] : (topic as Hex | null))),
          fromBlock: `0x${from.toString(16)}`,
          toBlock: `0x${to.toString(16)}`,
        },
      ],
    }),
  );
  const seen = logs.map((log) =>
    toChainLog({ ...log, blockNumber: log.blockNumber && BigInt(log.blockNumber), logIndex: log.logIndex === null ? null : Number(log.logIndex) }),
  );
  return seen.sort((a, b) => (a.blockNumber === b.blockNumber ? a.logIndex - b.logIndex : a.blockNumber < b.blockNumber ? -1 : 1));
}

/** The matching logs of blocks from..to, newest range first, each range in the order of the chain: whoever finds what he looks for stops asking. */
export async function* logsBackwards(client: ChainClient, filter: LogFilter, from: bigint, to: bigint): AsyncGenerator<ChainLog[]> {
  for (let end = to; end >= from; end -= BLOCKS_A_REQUEST) {
    const begin = end - BLOCKS_A_REQUEST + 1n;
    yield await logsOf(client, filter, begin > from ? begin : from, end);
  }
}
