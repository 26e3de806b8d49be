import { parentPort } from 'node:worker_threads';
import { assert } from '#base';
import { treeNodes } from './kernel/kernel.ts';

/** A question to a tree worker: the leaf hashes of one subtree, flat. The answer has the same number and all nodes. */
export interface SubtreeRequest {
  readonly no: number;
  readonly leaves: Uint8Array;
}

export interface SubtreeAnswer {
  readonly no: number;
  readonly nodes: Uint8Array<ArrayBuffer>;
}

assert(parentPort, 'a tree worker is started as a worker thread');
const port = parentPort;
port.on('message', ({ no, leaves }: SubtreeRequest) => {
  // A copy: the memory of a WebAssembly instance cannot change hands.
  const nodes = treeNodes(leaves).slice();
  port.postMessage({ no, nodes } satisfies SubtreeAnswer, [nodes.buffer]);
});
