import { Worker } from 'node:worker_threads';
import { joinTrees, largestPowerBelow, merkleTree, treeOfNodes, type MerkleTree } from './core/core.ts';
import type { SubtreeAnswer, SubtreeRequest } from './treeWorker.ts';

/** Below this a second thread costs more than it gives. */
const WORTH_A_THREAD = 65_536;
/** What the worker takes is a multiple of this, so that it is made of whole subtrees: a power of two. */
const CHUNK = 8_192;
const HASH_BYTES = 32;

/** Builds large trees on two threads: this one and a worker of its own. */
export interface TreeBuilder {
  /** The tree over leaf hashes laid out one behind the other, 32 bytes each. */
  build(leaves: Uint8Array): Promise<MerkleTree>;
  close(): Promise<void>;
}

export function openTreeBuilder(): TreeBuilder {
  const worker = new Worker(new URL('./treeWorker.ts', import.meta.url));
  const waiting = new Map<number, { resolve: (nodes: Uint8Array) => void; reject: (error: Error) => void }>();
  let last = 0;
  worker.on('message', ({ no, nodes }: SubtreeAnswer) => {
    waiting.get(no)?.resolve(nodes);
    waiting.delete(no);
  });
  worker.on('error', (error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });

  function nodesElsewhere(leaves: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const no = ++last;
    worker.postMessage({ no, leaves } satisfies SubtreeRequest, [leaves.buffer]);
    return new Promise((resolve, reject) => waiting.set(no, { resolve, reject }));
  }

  /** The tree over these leaves, of which the first `share` are the worker's. All of its subtrees lie before ours, so it has them all before this thread begins. */
  async function treeOf(leaves: Uint8Array, share: number): Promise<MerkleTree> {
    const size = leaves.length / HASH_BYTES;
    if (share === 0) return merkleTree(leaves);
    if (share === size) return treeOfNodes(await nodesElsewhere(leaves.slice()), size);
    const half = largestPowerBelow(size);
    const left = treeOf(leaves.subarray(0, half * HASH_BYTES), Math.min(share, half));
    const right = treeOf(leaves.subarray(half * HASH_BYTES), Math.max(share - half, 0));
    return joinTrees(await left, await right);
  }

  return {
    build: async (leaves) => {
      const size = leaves.length / HASH_BYTES;
      return size < WORTH_A_THREAD ? merkleTree(leaves) : treeOf(leaves, Math.round(size / 2 / CHUNK) * CHUNK);
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
