import { Worker } from 'node:worker_threads';
import { joinTrees, largestPowerBelow, merkleTree, treeOfNodes, type MerkleTree } from './core/core.ts';
import type { SubtreeAnswer, SubtreeRequest } from './treeWorker.ts';

/** Below this a second thread costs more than it gives. */
const WORTH_A_THREAD = 65_536;
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

  return {
    build: async (leaves) => {
      const size = leaves.length / HASH_BYTES;
      if (size < WORTH_A_THREAD) return merkleTree(leaves);
      const half = largestPowerBelow(size);
      // The left half is copied and handed over; the right one is built here meanwhile.
      const left = nodesElsewhere(leaves.slice(0, half * HASH_BYTES));
      const right = merkleTree(leaves.subarray(half * HASH_BYTES));
      return joinTrees(treeOfNodes(await left, half), right);
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
