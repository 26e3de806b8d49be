import { assert, type Hex } from '#base';
import type { ChainLog } from './types.ts';

interface NodeLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: bigint | null;
  readonly blockHash: Hex | null;
  readonly transactionHash: Hex | null;
  readonly logIndex: number | null;
}

/** A log as a node gives it, in one spelling: lower case, and never of a pending block. */
export function toChainLog(log: NodeLog): ChainLog {
  const { blockNumber, blockHash, transactionHash, logIndex } = log;
  assert(blockNumber !== null && blockHash && transactionHash && logIndex !== null, 'a log of a mined block says where it is');
  return {
    address: lower(log.address),
    topics: log.topics.map(lower),
    data: lower(log.data),
    blockNumber,
    blockHash: lower(blockHash),
    transactionHash: lower(transactionHash),
    logIndex,
  };
}

/** Addresses come from nodes and client libraries in mixed case (EIP-55); here each has one spelling. */
export function lower(hex: Hex): Hex {
  return hex.toLowerCase() as Hex;
}
