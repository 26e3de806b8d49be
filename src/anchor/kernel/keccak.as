// The hashes of a Merkle tree over flat memory, two at once (AssemblyScript; scripts/kernel.ts compiles it). The caller lays out the memory above HEAP.
import { pair, permute, STATE } from './permutation';

/** Keccak-256: a rate of 136 bytes, 17 words. */
const RATE_WORDS: u32 = 17;
const RATE_BYTES: u32 = 136;
/** The last bit of pad10*1, in the last byte of the rate; the first is the byte 0x01 behind the message. */
const LAST_BIT: u64 = 0x8000000000000000;

/** Where the caller's memory begins. */
export function heapStart(): usize {
  return (__heap_base + 15) & ~15;
}

/** Both digests (32 bytes each, one behind the other) from the state's first four lanes. */
// @ts-ignore: decorator
@inline
function storeDigests(out: usize): void {
  for (let i: usize = 0; i < 4; i++) {
    v128.store_lane<u64>(out + 8 * i, v128.load(STATE + 16 * i), 0);
    v128.store_lane<u64>(out + 8 * i, v128.load(STATE + 16 * i), 1, 32);
  }
}

/** The word in which the message ends: what is left of it (0 to 7 bytes), then the byte 0x01. */
function lastWord(p: usize, left: u32): u64 {
  let word: u64 = (<u64>1) << (8 * left);
  for (let i: u32 = 0; i < left; i++) word |= (<u64>load<u8>(p + i)) << (8 * i);
  return word;
}

/** keccak(0x01 || left || right) of two neighbouring pairs of nodes: 64 bytes at p0 and at p1, RFC 9162 section 2.1.1. One block: 65 bytes. */
function hashNodePair(p0: usize, p1: usize, out: usize): void {
  v128.store(STATE, v128.or(i64x2.shl(pair(p0, p1), 8), i64x2.splat(0x01)));
  for (let i: usize = 1; i < 8; i++) v128.store(STATE + 16 * i, pair(p0 + 8 * i - 1, p1 + 8 * i - 1));
  v128.store(STATE, i64x2(<i64>load<u8>(p0, 63) | 0x0100, <i64>load<u8>(p1, 63) | 0x0100), 128);
  for (let i: usize = 9; i < 16; i++) v128.store(STATE + 16 * i, i64x2.splat(0));
  v128.store(STATE, i64x2.splat(LAST_BIT), 256);
  for (let i: usize = 17; i < 25; i++) v128.store(STATE + 16 * i, i64x2.splat(0));
  permute();
  storeDigests(out);
}

/** One level: ceil(count / 2) hashes to `out` from `count` at `nodes`; a node without a sibling moves up as it is. `out` has room for one more. */
function hashLevel(nodes: usize, count: u32, out: usize): void {
  const parents = count >> 1;
  let i: u32 = 0;
  for (; i + 1 < parents; i += 2) hashNodePair(nodes + 64 * i, nodes + 64 * i + 64, out + 32 * i);
  // An odd one out is hashed twice; its copy lands in the room behind and is overwritten.
  if (i < parents) hashNodePair(nodes + 64 * i, nodes + 64 * i, out + 32 * i);
  if (count & 1) memory.copy(out + 32 * parents, nodes + 64 * parents, 32);
}

/** All levels above `count` leaf hashes at `leaves`, one behind the other; returns where the root is. */
export function hashTree(leaves: usize, count: u32): usize {
  let level = leaves;
  for (let n = count; n > 1; n = (n + 1) >> 1) {
    const next = level + 32 * n;
    hashLevel(level, n, next);
    level = next;
  }
  return level;
}

/** Absorbs block `block` of a message into its half of the state, if the message has so many. */
function absorb(p: usize, length: u32, block: u32, half: usize): void {
  const blocks = length / RATE_BYTES + 1;
  if (block >= blocks) return;
  const full = length >> 3;
  for (let i: u32 = 0; i < RATE_WORDS; i++) {
    const g = block * RATE_WORDS + i;
    if (g > full) break;
    const lane = STATE + 16 * i + half;
    store<u64>(lane, load<u64>(lane) ^ (g < full ? load<u64>(p + 8 * g) : lastWord(p + 8 * g, length & 7)));
  }
  if (block == blocks - 1) store<u64>(STATE + half, load<u64>(STATE + half, 16 * (RATE_WORDS - 1)) ^ LAST_BIT, 16 * (RATE_WORDS - 1));
}

/** keccak of two messages of their own lengths; each digest is taken after its own last block. */
function hashMessagePair(p0: usize, length0: u32, p1: usize, length1: u32, out0: usize, out1: usize): void {
  const blocks0 = length0 / RATE_BYTES + 1;
  const blocks1 = length1 / RATE_BYTES + 1;
  for (let i: usize = 0; i < 25; i++) v128.store(STATE + 16 * i, i64x2.splat(0));
  for (let block: u32 = 0; block < max(blocks0, blocks1); block++) {
    absorb(p0, length0, block, 0);
    absorb(p1, length1, block, 8);
    permute();
    if (block == blocks0 - 1) for (let i: usize = 0; i < 4; i++) store<u64>(out0 + 8 * i, load<u64>(STATE + 16 * i));
    if (block == blocks1 - 1) for (let i: usize = 0; i < 4; i++) store<u64>(out1 + 8 * i, load<u64>(STATE + 16 * i, 8));
  }
}

/** keccak of `count` messages: message i is at messages + ends[i - 1] up to messages + ends[i], u32 each. */
export function hashMessages(messages: usize, ends: usize, count: u32, out: usize): void {
  let start: u32 = 0;
  for (let i: u32 = 0; i < count; i += 2) {
    const middle = load<u32>(ends + 4 * i);
    if (i + 1 == count) {
      hashMessagePair(messages + start, middle - start, messages + start, middle - start, out + 32 * i, out + 32 * i);
      return;
    }
    const end = load<u32>(ends + 4 * i, 4);
    hashMessagePair(messages + start, middle - start, messages + middle, end - middle, out + 32 * i, out + 32 * i + 32);
    start = end;
  }
}
