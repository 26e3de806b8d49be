import { decodeEventLog, encodeFunctionData } from 'viem';
import type { Hex } from '#base';
import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import type { ChainClient, ChainLog } from '../client/types.ts';
import type { Deployment } from '../deploy/types.ts';
import { logsBackwards, topicOf } from './backwards.ts';

const ANCHORED = topicOf('Anchored(uint256,bytes32,bytes32,bytes32)');

/** A leaf of the log as the chain has it now. */
export interface AnchoredLeaf {
  readonly index: bigint;
  readonly leaf: Hex;
  /** The commitment it extends, and the one that it made. */
  readonly previous: Hex;
  readonly commitment: Hex;
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly isFinal: boolean;
}

/** The anchored log of the deployment: what the anchorer needs of the chain. */
export interface AnchorReader {
  readonly chainId: bigint;
  readonly anchorAddress: Hex;
  /** The leaves from this position of the log upwards, in order, as the chain has them now. */
  anchored(fromIndex: bigint): Promise<readonly AnchoredLeaf[]>;
  /** keccak(count, peaks) as of a block. */
  commitment(block: bigint): Promise<Hex>;
  /** Call data of LedgerAnchor.anchor(leaf, count, peaks, signature). */
  encodeAnchor(call: { readonly leaf: Hex; readonly count: bigint; readonly peaks: readonly Hex[]; readonly signature: Hex }): Hex;
}

export function createAnchorChain({ client, deployment }: { readonly client: ChainClient; readonly deployment: Deployment }): AnchorReader {
  const filter = { address: [deployment.anchor], topics: [ANCHORED] };
  /** The newest final leaf seen so far: nothing after it is in a block before its own. */
  let floor: { readonly index: bigint; readonly block: bigint } | undefined;

  async function anchored(fromIndex: bigint): Promise<readonly AnchoredLeaf[]> {
    const final = await client.finalBlock();
    const { number: head } = await client.head();
    const from = floor && floor.index < fromIndex ? floor.block : deployment.block.number;
    const found: AnchoredLeaf[] = [];
    for await (const logs of logsBackwards(client, filter, from, head)) {
      found.unshift(...logs.map((log) => toLeaf(log, final)));
      // Positions only grow, so whatever is older has a smaller one.
      if (found[0] && found[0].index <= fromIndex) break;
    }
    const newest = found.findLast(({ isFinal }) => isFinal);
    if (newest) floor = { index: newest.index, block: newest.blockNumber };
    return found.filter(({ index }) => index >= fromIndex);
  }

  return {
    chainId: client.chainId,
    anchorAddress: deployment.anchor,
    anchored,
    commitment: (block) =>
      client.read('the commitment', (viem) =>
        viem.readContract({ abi: LEDGER_ANCHOR_ABI, address: deployment.anchor, functionName: 'commitment', blockNumber: block }),
      ),
    encodeAnchor: ({ leaf, count, peaks, signature }) =>
      encodeFunctionData({ abi: LEDGER_ANCHOR_ABI, functionName: 'anchor', args: [leaf, count, [...peaks], signature] }),
  };
}

function toLeaf(log: ChainLog, finalBlock: bigint): AnchoredLeaf {
  const { args } = decodeEventLog({ abi: LEDGER_ANCHOR_ABI, eventName: 'Anchored', topics: log.topics as [Hex, ...Hex[]], data: log.data });
  const { blockNumber, transactionHash } = log;
  return { ...args, transactionHash, blockNumber, isFinal: blockNumber <= finalBlock };
}
