import { createPublicClient, http, type PublicClient } from 'viem';
import { Problem, type Hex } from '#base';
import { shownHost, toChainProblem, toSendResult } from './failures.ts';
import type { BlockRef, ChainClient, Finality, SendResult } from './types.ts';

export interface ConnectOptions {
  readonly rpcUrl: string;
  /** Refused with chain/wrong-chain where the endpoint serves another. */
  readonly expectedChainId?: bigint;
  readonly finality: Finality;
  /** A request that takes longer counts as unanswered; 10 s unless said. */
  readonly timeoutMs?: number;
  /** How often an idempotent read is tried again after a transient failure, with growing pauses; 3 unless said. */
  readonly retries?: number;
}

interface RawBlock {
  readonly number: bigint | null;
  readonly hash: Hex | null;
  readonly timestamp: bigint;
}

function blockRef(block: RawBlock): BlockRef {
  return { number: block.number ?? 0n, hash: block.hash ?? '0x', timestampS: block.timestamp };
}

/** Asks the endpoint once who it is, so that a wrong or dead address is told at start and not in the middle of a settlement. */
export async function connectChain(options: ConnectOptions): Promise<ChainClient> {
  const { rpcUrl, finality, timeoutMs = 10_000, retries = 3 } = options;
  if (!URL.canParse(rpcUrl) || !/^https?:$/.test(new URL(rpcUrl).protocol)) {
    throw new Problem('chain/unreachable', 'RPC_URL is not an http or https address.');
  }
  const reader = createPublicClient({ transport: http(rpcUrl, { timeout: timeoutMs, retryCount: retries }), cacheTime: 0 });
  const sender = createPublicClient({ transport: http(rpcUrl, { timeout: timeoutMs, retryCount: 0 }) });

  async function read<T>(what: string, action: (viem: PublicClient) => Promise<T>): Promise<T> {
    try {
      return await action(reader);
    } catch (error) {
      throw toChainProblem(what, rpcUrl, error);
    }
  }

  async function finalBlock(): Promise<bigint> {
    if (finality.kind === 'provider') return finality.finalBlock();
    if (finality.kind === 'tag') {
      const { tag } = finality;
      return blockRef(await read(`the ${tag} block`, (viem) => viem.getBlock({ blockTag: tag }))).number;
    }
    const head = await read('the block number', (viem) => viem.getBlockNumber());
    return head > BigInt(finality.blocks) ? head - BigInt(finality.blocks) : 0n;
  }

  async function sendRaw(raw: Hex): Promise<SendResult> {
    try {
      await sender.request({ method: 'eth_sendRawTransaction', params: [raw] });
      return { kind: 'accepted' };
    } catch (error) {
      return toSendResult(error);
    }
  }

  const chainId = BigInt(await read('the chain id', (viem) => viem.getChainId()));
  if (options.expectedChainId !== undefined && chainId !== options.expectedChainId) {
    throw new Problem('chain/wrong-chain', `${shownHost(rpcUrl)} serves chain ${chainId}, not ${options.expectedChainId}.`, {
      expected: String(options.expectedChainId),
      found: String(chainId),
    });
  }
  const block = async (number: bigint): Promise<BlockRef> => blockRef(await read(`block ${number}`, (viem) => viem.getBlock({ blockNumber: number })));
  return {
    chainId,
    rpcUrl,
    genesisHash: (await block(0n)).hash,
    finality,
    head: async () => blockRef(await read('the newest block', (viem) => viem.getBlock({ blockTag: 'latest' }))),
    finalBlock,
    block,
    read,
    sendRaw,
  };
}
