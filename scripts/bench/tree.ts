/** `npm run bench -- tree`: Merkle trees over 100,000 and 1,000,000 leaves by the batched kernel, by two libraries, and the floor of hashing alone, in one run. */
import { SimpleMerkleTree } from '@openzeppelin/merkle-tree';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { createKeccak } from 'hash-wasm';
import { MerkleTree } from 'merkletreejs';
import { merkleTree, messageHashes } from '#anchor/core';
import { assert, concat, toHex } from '#base';

export const title = 'Building Merkle trees';

const SIZES = [100_000, 1_000_000] as const;
const LENGTHS = [32, 200] as const;
/** The kernel is fast enough to be measured several times; of the others one run says enough. */
const RUNS = 3;

type Millis = number;

function stopwatch(work: () => void): Millis {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function best(work: () => void): Millis {
  return Math.min(...Array.from({ length: RUNS }, () => stopwatch(work)));
}

/** Distinct leaves: 32 bytes are leaf hashes as they are; longer ones are hashed first, with the leaf prefix 0x00 (RFC 9162 section 2.1.1). */
function leavesOf(size: number, length: number): Uint8Array[] {
  return Array.from({ length: size }, (_, i) => {
    const leaf = new Uint8Array(length === 32 ? 32 : length + 1);
    const view = new DataView(leaf.buffer);
    for (let at = 1; at + 4 <= leaf.length; at += 4) view.setUint32(at, Math.imul(i + 1, 2_654_435_761 + at));
    return leaf;
  });
}

interface Contender {
  readonly name: string;
  readonly build: (leaves: readonly Uint8Array[], length: number) => Uint8Array | null;
}

/** The best single-hash WebAssembly library, message by message: what the kernel's batching is worth. */
async function hashWasm(): Promise<Contender> {
  const hasher = await createKeccak(256);
  const keccak = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest('binary');
  return { name: 'flat buffer + hash-wasm', build: (leaves, length) => flatTree(leaves, length, keccak) };
}

/** A tree level by level over one buffer, with any keccak. */
function flatTree(leaves: readonly Uint8Array[], length: number, keccak: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  let level = length === 32 ? concatAll(leaves) : concatAll(leaves.map(keccak));
  const message = new Uint8Array(65);
  message[0] = 1;
  for (let count = leaves.length; count > 1; count = Math.ceil(count / 2)) {
    const next = new Uint8Array(32 * Math.ceil(count / 2));
    for (let i = 0; i + 1 < count; i += 2) {
      message.set(level.subarray(32 * i, 32 * i + 64), 1);
      next.set(keccak(message), 16 * i);
    }
    if (count % 2 === 1) next.set(level.subarray(32 * (count - 1)), 16 * (count - 1));
    level = next;
  }
  return level;
}

function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.length * 32);
  parts.forEach((part, i) => whole.set(part, 32 * i));
  return whole;
}

const KERNEL: Contender = {
  name: '**our kernel**',
  build: (leaves, length) => merkleTree(length === 32 ? concatAll(leaves) : messageHashes(leaves)).root,
};

const NOBLE: Contender = { name: 'flat buffer + noble', build: (leaves, length) => flatTree(leaves, length, keccak_256) };

/** Sorted pairs and another prefix: another root, the same number of node hashes. Of longer leaves it is given the hashes, as its users do. */
const OPENZEPPELIN: Contender = {
  name: '@openzeppelin/merkle-tree',
  build: (leaves, length) => {
    SimpleMerkleTree.of(
      leaves.map((leaf) => (length === 32 ? leaf : keccak_256(leaf))),
      { sortLeaves: false },
    );
    return null;
  },
};

const MERKLETREEJS: Contender = {
  name: 'merkletreejs + noble',
  build: (leaves, length) => {
    const hash = (bytes: Buffer): Buffer => Buffer.from(keccak_256(bytes));
    new MerkleTree(
      leaves.map((leaf) => Buffer.from(leaf)),
      hash,
      { hashLeaves: length !== 32 },
    ).getRoot();
    return null;
  },
};

/** The hashes of such a tree and nothing else, by the same kernel: every message is there, flat, before the clock starts. */
function floor(size: number, length: number): Millis {
  const nodes = Array.from({ length: size - 1 }, () => new Uint8Array(65));
  const leaves = length === 32 ? [] : leavesOf(size, length);
  return best(() => void messageHashes([...leaves, ...nodes]));
}

function rootsAgree(contenders: readonly Contender[]): void {
  const leaves = leavesOf(1_001, 200);
  const roots = contenders.map(({ build }) => build(leaves, 200)).map((root) => root && toHex(root));
  assert(new Set(roots).size === 1, 'our kernel, noble and hash-wasm build the same tree');
  assert(concat(...leaves).length === 1_001 * 201, 'leaves carry their prefix');
}

function seconds(ms: Millis): string {
  return (ms / 1_000).toFixed(ms < 1_000 ? 3 : 1);
}

/** Markdown: one table, seconds and how many times slower than the kernel. */
export async function run(): Promise<string> {
  const flat = [KERNEL, NOBLE, await hashWasm()];
  rootsAgree(flat);
  const rows: string[] = [];
  for (const size of SIZES) {
    for (const length of LENGTHS) {
      const leaves = leavesOf(size, length);
      const kernel = best(() => void KERNEL.build(leaves, length));
      const others = [...flat.slice(1), MERKLETREEJS, OPENZEPPELIN].map((contender) => stopwatch(() => void contender.build(leaves, length)));
      const cells = others.map((ms) => `${seconds(ms)} (${(ms / kernel).toFixed(1)}x)`);
      rows.push(`| ${size.toLocaleString('en')} x ${length} B | **${seconds(kernel)}** | ${seconds(floor(size, length))} | ${cells.join(' | ')} |`);
      console.log(rows.at(-1));
    }
  }
  return [
    `Seconds, and how many times longer than the kernel. Kernel and floor: best of ${RUNS}; the others: one run. Leaves of 32 bytes are leaf hashes as they are; longer leaves are hashed first.`,
    'The floor is the hashing of as many messages of the same lengths by the same kernel, without a tree.',
    '',
    '| leaves | **our kernel** | floor | flat buffer + noble | flat buffer + hash-wasm | merkletreejs + noble | @openzeppelin/merkle-tree |',
    '|--|--|--|--|--|--|--|',
    ...rows,
  ].join('\n');
}
