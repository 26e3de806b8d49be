import { assert } from '#base';
import { nodeCount, treeNodes } from '../kernel/kernel.ts';
import { largestPowerBelow, nodeHash, type Hash } from './merkle.ts';

/** A tree kept whole over flat memory: for batches, where every leaf may be asked for its path. */
export interface MerkleTree {
  readonly size: number;
  readonly root: Hash;
  leaf(index: number): Hash;
  /** PATH(index, D[size]) of RFC 9162 section 2.1.3.1. */
  path(index: number): Hash[];
}

const HASH_BYTES = 32;

/** The tree over leaf hashes laid out one behind the other, 32 bytes each; built by the batched kernel. */
export function merkleTree(leaves: Uint8Array): MerkleTree {
  return treeOfNodes(treeNodes(leaves), leaves.length / HASH_BYTES);
}

/** The tree whose nodes are these: the levels one behind the other, leaves first. */
export function treeOfNodes(nodes: Uint8Array, size: number): MerkleTree {
  const at = (position: number): Hash => nodes.slice(position * HASH_BYTES, (position + 1) * HASH_BYTES);
  const checked = (index: number): number => {
    assert(Number.isInteger(index) && index >= 0 && index < size, `no leaf ${index} among ${size}`);
    return index;
  };
  return {
    size,
    root: at(nodeCount(size) - 1),
    leaf: (index) => at(checked(index)),
    path: (index) => siblings(checked(index), size).map(at),
  };
}

/** Two trees under one root: MTH of all their leaves if the left one has the largest power of two that is smaller than their number (RFC 9162 section 2.1.1). */
export function joinTrees(left: MerkleTree, right: MerkleTree): MerkleTree {
  assert(left.size === largestPowerBelow(left.size + right.size), `${left.size} and ${right.size} leaves are no two halves of a tree`);
  return {
    size: left.size + right.size,
    root: nodeHash(left.root, right.root),
    leaf: (index) => (index < left.size ? left.leaf(index) : right.leaf(index - left.size)),
    path: (index) => (index < left.size ? [...left.path(index), right.root] : [...right.path(index - left.size), left.root]),
  };
}

/** Positions of the siblings on the way up; where a node has none it moves up alone, and the path has no hash for that level. */
function siblings(index: number, size: number): number[] {
  const positions: number[] = [];
  let start = 0;
  for (let [at, width] = [index, size]; width > 1; [at, width] = [Math.floor(at / 2), Math.ceil(width / 2)]) {
    const sibling = at % 2 === 0 ? at + 1 : at - 1;
    if (sibling < width) positions.push(start + sibling);
    start += width;
  }
  return positions;
}
