/** `npm run bench -- tree`: Merkle trees by the batched kernel, by two libraries, and the floor of hashing alone, in one run. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { SimpleMerkleTree, StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { createKeccak } from 'hash-wasm';
import { MerkleTree } from 'merkletreejs';
import { openTreeBuilder, type TreeBuilder } from '#anchor';
import { merkleTree, messageHashes } from '#anchor/core';
import { assert, toHex, type Hex } from '#base';

export const title = 'Building Merkle trees';

const SIZES = [100_000, 1_000_000] as const;
/** The kernel is fast enough to be measured several times; of the others one run says enough. */
const RUNS = 5;

/** What stands in the leaves: hashes, which make the tree as they are, or items, which are hashed first. */
interface Material {
  readonly name: string;
  readonly itemBytes: number;
  readonly isHashed: boolean;
}

const MATERIALS: readonly Material[] = [
  { name: 'leaf hashes of 32 B', itemBytes: 32, isHashed: true },
  { name: 'items of 32 B', itemBytes: 32, isHashed: false },
  { name: 'items of 200 B', itemBytes: 200, isHashed: false },
];

/** The same leaves in the form that each contender takes; made before the clock starts. */
interface Leaves {
  readonly material: Material;
  readonly buffers: readonly Buffer[];
  readonly flat: Uint8Array;
  readonly hex: readonly Hex[];
}

type Millis = number;
type Keccak = (bytes: Uint8Array) => Uint8Array;

async function stopwatch(work: () => unknown): Promise<Millis> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function best(work: () => unknown): Promise<Millis> {
  let least = Infinity;
  for (let i = 0; i < RUNS; i++) least = Math.min(least, await stopwatch(work));
  return least;
}

function leavesOf(size: number, material: Material): Leaves {
  const flat = new Uint8Array(size * material.itemBytes);
  const view = new DataView(flat.buffer);
  for (let at = 0; at < flat.length; at += 4) view.setUint32(at, Math.imul(at + 1, 2_654_435_761));
  const buffers = Array.from({ length: size }, (_, i) => Buffer.from(flat.buffer, i * material.itemBytes, material.itemBytes));
  return { material, flat, buffers, hex: buffers.map(toHex) };
}

function hashesOf({ material, flat, buffers }: Leaves): Uint8Array {
  return material.isHashed ? flat : messageHashes(buffers);
}

function kernelTree(leaves: Leaves): Uint8Array {
  return merkleTree(hashesOf(leaves)).root;
}

/** Items are hashed on this thread; the tree over their hashes is built on two. */
async function kernelTreeOnTwoThreads(builder: TreeBuilder, leaves: Leaves): Promise<Uint8Array> {
  return (await builder.build(hashesOf(leaves))).root;
}

/** A tree level by level over one buffer, hash by hash: what batching is worth. */
function flatTree({ material, flat, buffers }: Leaves, keccak: Keccak): Uint8Array {
  let level = flat;
  if (!material.isHashed) {
    level = new Uint8Array(32 * buffers.length);
    buffers.forEach((item, i) => level.set(keccak(item), 32 * i));
  }
  const message = new Uint8Array(65);
  message[0] = 1;
  for (let count = buffers.length; count > 1; count = Math.ceil(count / 2)) {
    const next = new Uint8Array(32 * Math.ceil(count / 2));
    for (let i = 0; i + 1 < count; i += 2) {
      message.set(level.subarray(32 * i, 32 * i + 64), 1);
      next.set(keccak(message), 16 * i);
    }
    if (count % 2 === 1) next.set(level.subarray(32 * (count - 1), 32 * count), 16 * (count - 1));
    level = next;
  }
  return level;
}

/** Leaf hashes are taken as they are by the "simple" tree; of items the "standard" tree hashes the ABI encoding twice. */
function openZeppelinTree({ material, hex }: Leaves): void {
  if (material.isHashed) SimpleMerkleTree.of([...hex]);
  else
    StandardMerkleTree.of(
      hex.map((item) => [item]),
      [material.itemBytes === 32 ? 'bytes32' : 'bytes'],
    );
}

function merkleTreeJs({ material, buffers }: Leaves): void {
  const hash = (bytes: Buffer): Buffer => Buffer.from(keccak_256(bytes));
  new MerkleTree([...buffers], hash, { hashLeaves: !material.isHashed }).getRoot();
}

/** As many messages of the same lengths as the tree hashes, without the tree. */
function floorMessages({ material, buffers }: Leaves): Uint8Array[] {
  const nodes = Array.from({ length: buffers.length - 1 }, () => new Uint8Array(65));
  return material.isHashed ? nodes : [...buffers, ...nodes];
}

async function rootsAgree(builder: TreeBuilder, keccaks: readonly Keccak[]): Promise<void> {
  for (const material of MATERIALS) {
    const leaves = leavesOf(70_001, material);
    const roots = [kernelTree(leaves), await kernelTreeOnTwoThreads(builder, leaves), ...keccaks.map((keccak) => flatTree(leaves, keccak))];
    assert(new Set(roots.map(toHex)).size === 1, 'all trees of ours have one root');
  }
}

function seconds(ms: Millis): string {
  return (ms / 1_000).toFixed(ms < 10_000 ? 3 : 1);
}

async function row(size: number, material: Material, builder: TreeBuilder, hashWasm: Keccak): Promise<string> {
  const leaves = leavesOf(size, material);
  const messages = floorMessages(leaves);
  const floor = await best(() => messageHashes(messages));
  messages.length = 0;
  const kernel = await best(() => kernelTree(leaves));
  const threads = await best(() => kernelTreeOnTwoThreads(builder, leaves));
  const ours = Math.min(kernel, threads);
  const others = [
    await stopwatch(() => flatTree(leaves, hashWasm)),
    await stopwatch(() => flatTree(leaves, keccak_256)),
    await stopwatch(() => merkleTreeJs(leaves)),
    await stopwatch(() => openZeppelinTree(leaves)),
  ].map((ms) => `${seconds(ms)} (${(ms / ours).toFixed(ms / ours < 10 ? 1 : 0)}x)`);
  const line = `| ${size.toLocaleString('en')} ${material.name} | ${seconds(kernel)} | ${seconds(threads)} | ${seconds(floor)} | ${others.join(' | ')} |`;
  console.log(line);
  return line;
}

/** Markdown: one table, seconds and how many times slower than ours. */
export async function run(): Promise<string> {
  const hasher = await createKeccak(256);
  const hashWasm: Keccak = (bytes) => hasher.init().update(bytes).digest('binary');
  const builder = openTreeBuilder();
  await rootsAgree(builder, [keccak_256, hashWasm]);
  const rows: string[] = [];
  for (const size of SIZES) for (const material of MATERIALS) rows.push(await row(size, material, builder, hashWasm));
  await builder.close();
  return [
    `Seconds, and how many times longer than our faster one. Ours and the floor: best of ${RUNS}; the others: one run. Every contender gets the leaves in the form it takes them in (flat, buffers, hexadecimal), made`,
    'before the clock starts. Two threads: items are hashed on one, the tree is built on both. Floor: as many messages of the same lengths hashed by the same kernel, without a tree. merkletreejs hashes with noble. OpenZeppelin: SimpleMerkleTree for leaf hashes; StandardMerkleTree for',
    'items, which hashes each twice by design.',
    '',
    '| leaves | kernel, one thread | two threads | floor | flat + hash-wasm | flat + noble | merkletreejs | @openzeppelin/merkle-tree |',
    '|--|--|--|--|--|--|--|--|',
    ...rows,
  ].join('\n');
}
