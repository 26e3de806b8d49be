import type { PublicClient } from 'viem';
import type { Hex } from '#base';

/** When a block can be built upon for good. */
export type Finality =
  /** `blocks` more were mined on top: head - blocks. */
  | { readonly kind: 'depth'; readonly blocks: number }
  /** What the node itself calls final. */
  | { readonly kind: 'tag'; readonly tag: 'finalized' | 'safe' }
  /** Somebody else knows: on the local chain a block is final once it is in a dump. */
  | { readonly kind: 'provider'; readonly finalBlock: () => Promise<bigint> };

export interface BlockRef {
  readonly number: bigint;
  readonly hash: Hex;
  /** Seconds since 1970, the chain's own clock. */
  readonly timestampS: bigint;
}

/** One log of a mined transaction, hexadecimal in lower case. */
export interface ChainLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  /** Position in the block, as in the identity of a deposit. */
  readonly logIndex: number;
}

export interface ChainClient {
  readonly chainId: bigint;
  readonly rpcUrl: string;
  readonly genesisHash: Hex;
  readonly finality: Finality;
  head(): Promise<BlockRef>;
  /** Number of the newest block that is final; 0 (genesis) while nothing else is. */
  finalBlock(): Promise<bigint>;
  /** chain/state-lost where the chain has no such block. */
  block(number: bigint): Promise<BlockRef>;
  /** An idempotent read, retried on the usual transient failures; failures come out as chain/... problems. For this folder, custody and scripts. */
  read<T>(what: string, action: (viem: PublicClient) => Promise<T>): Promise<T>;
  /** eth_sendRawTransaction, once: whoever calls it has stored the bytes and knows what to do with each refusal. */
  sendRaw(raw: Hex): Promise<SendResult>;
}

/** What a node says to a raw transaction. `known`: it has it already. `nonceUsed`: a transaction with this nonce is mined. `underpriced`: it has another of this nonce and wants a higher fee. */
export type SendResult =
  { readonly kind: 'accepted' | 'known' | 'nonceUsed' } | { readonly kind: 'underpriced' | 'outOfFunds' | 'refused' | 'unreachable'; readonly message: string };
