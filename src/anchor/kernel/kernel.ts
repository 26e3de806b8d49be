import { assert } from '#base';
import { KERNEL_WASM } from './wasm.ts';

/** The functions of keccak.as: addresses and counts are of WebAssembly memory. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  heapStart(): number;
  hashTree(leaves: number, count: number): number;
  hashMessages(messages: number, ends: number, count: number, out: number): void;
}

const PAGE_BYTES = 65_536;
/** A kernel that has grown beyond this is given away with its result: WebAssembly memory never shrinks, and a copy of so much costs a fifth of the hashing. */
const KEPT_BYTES = 32 * 1024 * 1024;
const HASH_BYTES = 32;

let compiled: object | undefined;
let kept: KernelExports | undefined;

function instantiate(): KernelExports {
  compiled ??= new WebAssembly.Module(Buffer.from(KERNEL_WASM, 'base64'));
  return new WebAssembly.Instance(compiled).exports as KernelExports;
}

/** Lends a kernel with room for `bytes` behind its own data. The hashes that the work leaves are copied out of a kernel that stays, and are a view into one that does not. */
function withKernel(bytes: number, work: (kernel: KernelExports, heap: number) => Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const kernel = kept ?? instantiate();
  kept = undefined;
  const heap = kernel.heapStart();
  const missing = heap + bytes - kernel.memory.buffer.byteLength;
  if (missing > 0) kernel.memory.grow(Math.ceil(missing / PAGE_BYTES));
  const hashes = work(kernel, heap);
  if (kernel.memory.buffer.byteLength > KEPT_BYTES) return hashes;
  kept = kernel;
  return hashes.slice();
}

/** How many hashes a tree over `count` leaves has, all levels from the leaves up, one behind the other. */
export function nodeCount(count: number): number {
  let total = count;
  for (let level = count; level > 1;) total += level = Math.ceil(level / 2);
  return total;
}

function bytesAt(kernel: KernelExports, from: number, count: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(kernel.memory.buffer, from, count * HASH_BYTES);
}

/** All nodes of the tree over these leaf hashes (32 bytes each, flat): the levels one behind the other, leaves first, root last. */
export function treeNodes(leaves: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = leaves.length / HASH_BYTES;
  assert(Number.isInteger(count) && count >= 1, 'leaf hashes have 32 bytes each, and a tree at least one');
  const total = nodeCount(count);
  return withKernel((total + 1) * HASH_BYTES, (kernel, heap) => {
    bytesAt(kernel, heap, count).set(leaves);
    kernel.hashTree(heap, count);
    return bytesAt(kernel, heap, total);
  });
}

/** keccak of each message, flat, 32 bytes each. */
export function messageHashes(messages: readonly Uint8Array[]): Uint8Array {
  const text = messages.reduce((total, message) => total + message.length, 0);
  const out = (messages.length + 1) * HASH_BYTES;
  const table = messages.length * 4;
  return withKernel(out + table + text, (kernel, heap) => {
    const ends = new Uint32Array(kernel.memory.buffer, heap + out, messages.length);
    const bytes = new Uint8Array(kernel.memory.buffer, heap + out + table, text);
    messages.reduce((start, message, i) => {
      bytes.set(message, start);
      return (ends[i] = start + message.length);
    }, 0);
    kernel.hashMessages(heap + out + table, heap + out, messages.length, heap);
    return bytesAt(kernel, heap, messages.length);
  });
}
