// The long vectors of a signature: the row hashes of the OT extension and the arithmetic mod q of the multiplication (digest 5 and 6), in AssemblyScript; scripts/kernel.ts compiles it.
//
// All of it is one sequence of operations whatever the secrets are: nothing branches on them or addresses memory by them, and bits act as masks (digest 15).
// A number is ten limbs of 26 bits, lowest first, each in 64 bits: a product of two limbs has 52 bits, so that thousands add up before anything is carried.
import { pair, permute, STATE } from './permutation';

/** xi and W of digest 1; scalars in all. */
const XI: usize = 416;
const W: usize = 4;
const SCALARS: usize = XI * W;
/** Of one scalar: big-endian outside, ten limbs inside. */
const BYTES: usize = 32;
const NUMBER: usize = 80;
/** Of a sum of products: twenty columns. */
const SUM: usize = 160;
/** SHAKE256: a rate of 136 bytes, 17 words. */
const RATE: usize = 136;
const RATE_WORDS: usize = 17;

const BITS: u64 = 26;
const LIMB: u64 = 0x3ffffff;
/** The highest limb holds bits 234 to 255. */
const TOP_BITS: u64 = 22;
const TOP: u64 = 0x3fffff;

/** One message of one block each, padded by the caller, and what they hash to, one behind the other and once more a block for what the last one writes too much. */
export const BLOCKS: usize = memory.data(416 * 136, 16);
export const HASHES: usize = memory.data(416 * 128 + 136, 16);
/** Row-major j * W + w: alpha0, or gamma; alpha1; at. */
export const PADS: usize = memory.data(416 * 4 * 32, 16);
export const OTHERS: usize = memory.data(416 * 4 * 32, 16);
export const AT: usize = memory.data(416 * 4 * 32, 16);
/** a_1, a_2, ahat_1, ahat_2. */
export const INPUTS: usize = memory.data(4 * 32, 16);
/** beta, 416 bits; bit b of byte k is beta_(8k+b). */
export const BETA: usize = memory.data(52, 16);
/** theta_(1,1), theta_(1,2), theta_(2,1), theta_(2,2). */
export const THETA: usize = memory.data(4 * 32, 16);
/** -eta_1, -eta_2 mod q. */
export const MINUS_ETA: usize = memory.data(2 * 32, 16);
/** mu_(j,k) at 2j + k. */
export const MU: usize = memory.data(416 * 2 * 32, 16);
/** sum_j g_j dd_(j,1) and sum_j g_j dd_(j,2). */
export const SUMS: usize = memory.data(2 * 32, 16);
/** Numbers at work: the four inputs or thetas, the two -eta, four of a row, two more. */
const CONSTANTS: usize = memory.data(6 * 80, 16);
const ROW: usize = memory.data(4 * 80, 16);
const X: usize = memory.data(80, 16);
const Y: usize = memory.data(80, 16);
/** Sums of products: twenty columns of 26 bits and what is not carried yet. */
const PRODUCT: usize = memory.data(20 * 8, 16);
const TOTALS: usize = memory.data(2 * 20 * 8, 16);
/** g_1..g_xi. */
export const GADGET: usize = memory.data(416 * 32, 16);
const END: usize = GADGET + 416 * 32;

/** 2^256 - q, five limbs. */
const FOLD_256 = memory.data<u64>([0x3c9bebf, 0x3685ccb, 0x1fc4402, 0x06542dd, 0x1455123]);
/** 2^260 mod q, six limbs: sixteen times as much. */
const FOLD_260 = memory.data<u64>([0x09bebf0, 0x285ccbf, 0x3c4402d, 0x2542dd7, 0x0551231, 0x0000005]);
/** 2q, ten limbs. */
const DOUBLE_Q = memory.data<u64>([0x06c8282, 0x12f4668, 0x00777fa, 0x3357a45, 0x1755db9, 0x3ffffff, 0x3ffffff, 0x3ffffff, 0x3ffffff, 0x07fffff]);

/** Overwrites everything that was handed in or made (digest 14). */
export function wipe(): void {
  memory.fill(BLOCKS, 0, END - BLOCKS);
  memory.fill(STATE, 0, 25 * 16);
}

/** The first `length` bytes, a multiple of four, of SHAKE256 of each of `count` messages, an even number: 24 rounds each, for a message is one padded block. */
export function shake(count: usize, length: usize): void {
  const words = (length + 7) / 8;
  for (let i: usize = 0; i < count; i += 2) {
    const block = BLOCKS + RATE * i;
    for (let w: usize = 0; w < RATE_WORDS; w++) v128.store(STATE + 16 * w, pair(block + 8 * w, block + RATE + 8 * w));
    for (let w: usize = RATE_WORDS; w < 25; w++) v128.store(STATE + 16 * w, i64x2.splat(0));
    permute();
    const out = HASHES + length * i;
    // Whole words; what is too much is overwritten by the next message.
    for (let w: usize = 0; w < words; w++) v128.store_lane<u64>(out + 8 * w, v128.load(STATE + 16 * w), 0);
    for (let w: usize = 0; w < words; w++) v128.store_lane<u64>(out + length + 8 * w, v128.load(STATE + 16 * w), 1);
  }
}

/** Limbs of 32 bytes big-endian. */
function read(bytes: usize, to: usize): void {
  const w3 = bswap<u64>(load<u64>(bytes));
  const w2 = bswap<u64>(load<u64>(bytes, 8));
  const w1 = bswap<u64>(load<u64>(bytes, 16));
  const w0 = bswap<u64>(load<u64>(bytes, 24));
  store<u64>(to, w0 & LIMB);
  store<u64>(to, (w0 >> 26) & LIMB, 8);
  store<u64>(to, ((w0 >> 52) | (w1 << 12)) & LIMB, 16);
  store<u64>(to, (w1 >> 14) & LIMB, 24);
  store<u64>(to, ((w1 >> 40) | (w2 << 24)) & LIMB, 32);
  store<u64>(to, (w2 >> 2) & LIMB, 40);
  store<u64>(to, (w2 >> 28) & LIMB, 48);
  store<u64>(to, ((w2 >> 54) | (w3 << 10)) & LIMB, 56);
  store<u64>(to, (w3 >> 16) & LIMB, 64);
  store<u64>(to, w3 >> 42, 72);
}

/** 32 bytes big-endian of a number below 2^256 whose limbs are carried. */
function write(from: usize, bytes: usize): void {
  const l2 = load<u64>(from, 16);
  const l4 = load<u64>(from, 32);
  const l7 = load<u64>(from, 56);
  store<u64>(bytes, bswap<u64>((l7 >> 10) | (load<u64>(from, 64) << 16) | (load<u64>(from, 72) << 42)));
  store<u64>(bytes, bswap<u64>((l4 >> 24) | (load<u64>(from, 40) << 2) | (load<u64>(from, 48) << 28) | (l7 << 54)), 8);
  store<u64>(bytes, bswap<u64>((l2 >> 12) | (load<u64>(from, 24) << 14) | (l4 << 40)), 16);
  store<u64>(bytes, bswap<u64>(load<u64>(from) | (load<u64>(from, 8) << 26) | (l2 << 52)), 24);
}

/** Limbs below `last` down to 26 bits, what is above them into the next one; signed, so that a limb below zero borrows. */
function carry(number: usize, last: usize): void {
  let over: i64 = 0;
  for (let k: usize = 0; k < last; k++) {
    const limb = load<i64>(number + 8 * k) + over;
    store<u64>(number + 8 * k, <u64>limb & LIMB);
    over = limb >> BITS;
  }
  store<i64>(number + 8 * last, load<i64>(number + 8 * last) + over);
}

/** number[to..] += factor * constant[0..limbs]. */
// @ts-ignore: decorator
@inline
function addMultiple(number: usize, factor: u64, constant: usize, limbs: usize): void {
  for (let k: usize = 0; k < limbs; k++) store<u64>(number + 8 * k, load<u64>(number + 8 * k) + factor * load<u64>(constant + 8 * k));
}

/** Ten carried limbs of a number below 2^261 into [0, q). */
function finish(number: usize): void {
  // What stands above 2^256 comes back as so many times 2^256 - q: below 2^256 + 2^135 after the first turn, below 2^256 after the second.
  for (let turn = 0; turn < 2; turn++) {
    const over = load<u64>(number, 72) >> TOP_BITS;
    store<u64>(number, load<u64>(number, 72) & TOP, 72);
    addMultiple(number, over, FOLD_256, 5);
    carry(number, 9);
  }
  // It is q or more exactly if 2^256 - q more reaches 2^256, and then that is, without its highest bit, q less.
  memory.copy(Y, number, NUMBER);
  addMultiple(Y, 1, FOLD_256, 5);
  carry(Y, 9);
  const mask = -(load<u64>(Y, 72) >> TOP_BITS);
  store<u64>(Y, load<u64>(Y, 72) & TOP, 72);
  for (let k: usize = 0; k < NUMBER; k += 8) {
    const kept = load<u64>(number + k);
    store<u64>(number + k, kept ^ ((kept ^ load<u64>(Y + k)) & mask));
  }
}

/** sum += a * b, columns not carried. */
function addProduct(sum: usize, a: usize, b: usize): void {
  const a0 = load<u64>(a);
  const a1 = load<u64>(a, 8);
  const a2 = load<u64>(a, 16);
  const a3 = load<u64>(a, 24);
  const a4 = load<u64>(a, 32);
  const a5 = load<u64>(a, 40);
  const a6 = load<u64>(a, 48);
  const a7 = load<u64>(a, 56);
  const a8 = load<u64>(a, 64);
  const a9 = load<u64>(a, 72);
  const b0 = load<u64>(b);
  const b1 = load<u64>(b, 8);
  const b2 = load<u64>(b, 16);
  const b3 = load<u64>(b, 24);
  const b4 = load<u64>(b, 32);
  const b5 = load<u64>(b, 40);
  const b6 = load<u64>(b, 48);
  const b7 = load<u64>(b, 56);
  const b8 = load<u64>(b, 64);
  const b9 = load<u64>(b, 72);
  store<u64>(sum, load<u64>(sum, 0) + a0 * b0, 0);
  store<u64>(sum, load<u64>(sum, 8) + a0 * b1 + a1 * b0, 8);
  store<u64>(sum, load<u64>(sum, 16) + a0 * b2 + a1 * b1 + a2 * b0, 16);
  store<u64>(sum, load<u64>(sum, 24) + a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0, 24);
  store<u64>(sum, load<u64>(sum, 32) + a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0, 32);
  store<u64>(sum, load<u64>(sum, 40) + a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0, 40);
  store<u64>(sum, load<u64>(sum, 48) + a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0, 48);
  store<u64>(sum, load<u64>(sum, 56) + a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0, 56);
  store<u64>(sum, load<u64>(sum, 64) + a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0, 64);
  store<u64>(sum, load<u64>(sum, 72) + a0 * b9 + a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1 + a9 * b0, 72);
  store<u64>(sum, load<u64>(sum, 80) + a1 * b9 + a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2 + a9 * b1, 80);
  store<u64>(sum, load<u64>(sum, 88) + a2 * b9 + a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3 + a9 * b2, 88);
  store<u64>(sum, load<u64>(sum, 96) + a3 * b9 + a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4 + a9 * b3, 96);
  store<u64>(sum, load<u64>(sum, 104) + a4 * b9 + a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5 + a9 * b4, 104);
  store<u64>(sum, load<u64>(sum, 112) + a5 * b9 + a6 * b8 + a7 * b7 + a8 * b6 + a9 * b5, 112);
  store<u64>(sum, load<u64>(sum, 120) + a6 * b9 + a7 * b8 + a8 * b7 + a9 * b6, 120);
  store<u64>(sum, load<u64>(sum, 128) + a7 * b9 + a8 * b8 + a9 * b7, 128);
  store<u64>(sum, load<u64>(sum, 136) + a8 * b9 + a9 * b8, 136);
  store<u64>(sum, load<u64>(sum, 144) + a9 * b9, 144);
}

/** A sum of products, below 2^523, into [0, q) as 32 bytes; uses the sum up. */
function reduce(sum: usize, bytes: usize): void {
  // Each limb from the tenth up stands for so many times 2^260, which is 133 bits mod q: 2^523 becomes less than 2^398, that 2^271, that 2^260 + 2^145.
  carry(sum, 19);
  fold(sum, 19);
  carry(sum, 15);
  fold(sum, 15);
  carry(sum, 10);
  fold(sum, 10);
  carry(sum, 9);
  finish(sum);
  write(sum, bytes);
}

/** Limbs 10 to `last` of a carried number, from the lowest up: what one of them adds is below all that come after it. */
function fold(number: usize, last: usize): void {
  for (let k: usize = 10; k <= last; k++) {
    const limb = load<u64>(number + 8 * k);
    store<u64>(number + 8 * k, 0);
    addMultiple(number + 8 * (k - 10), limb, FOLD_260, 6);
  }
}

/** at_(j,w) = alpha0_(j,w) - alpha1_(j,w) + (a_1, a_2, ahat_1, ahat_2)_w mod q (digest 6.2). 2q keeps it positive, for alpha1 < 2^256 < 2q. */
export function mask(): void {
  for (let w: usize = 0; w < W; w++) {
    const input = CONSTANTS + NUMBER * w;
    read(INPUTS + BYTES * w, input);
    addMultiple(input, 1, DOUBLE_Q, 10);
  }
  for (let at: usize = 0; at < SCALARS; at++) {
    read(PADS + BYTES * at, X);
    read(OTHERS + BYTES * at, ROW);
    const input = CONSTANTS + NUMBER * (at % W);
    for (let k: usize = 0; k < NUMBER; k += 8) store<u64>(X + k, load<u64>(X + k) - load<u64>(ROW + k) + load<u64>(input + k));
    carry(X, 9);
    finish(X);
    write(X, AT + BYTES * at);
  }
}

/**
 * With dd_(j,w) = pad_(j,w) + beta_j at_(j,w): mu_(j,k) = dd_(j,2+k) + theta_(1,k) dd_(j,1) + theta_(2,k) dd_(j,2) - beta_j eta_k, and the sums of g_j dd_(j,1) and g_j dd_(j,2), mod q (digest 6.3). For
 * beta = 0 it is what Alice needs of her alpha0 (6.2).
 */
export function weigh(): void {
  for (let k: usize = 0; k < 4; k++) read(THETA + BYTES * k, CONSTANTS + NUMBER * k);
  for (let k: usize = 0; k < 2; k++) read(MINUS_ETA + BYTES * k, CONSTANTS + NUMBER * (4 + k));
  memory.fill(TOTALS, 0, 2 * SUM);
  for (let j: usize = 0; j < XI; j++) {
    const bit = -((<u64>load<u8>(BETA + (j >> 3)) >> (j & 7)) & 1);
    for (let w: usize = 0; w < W; w++) {
      const dd = ROW + NUMBER * w;
      read(PADS + BYTES * (W * j + w), dd);
      read(AT + BYTES * (W * j + w), X);
      for (let k: usize = 0; k < NUMBER; k += 8) store<u64>(dd + k, load<u64>(dd + k) + (load<u64>(X + k) & bit));
      carry(dd, 9);
    }
    for (let k: usize = 0; k < 2; k++) {
      const eta = CONSTANTS + NUMBER * (4 + k);
      const added = ROW + NUMBER * (2 + k);
      memory.fill(PRODUCT, 0, SUM);
      for (let limb: usize = 0; limb < NUMBER; limb += 8) store<u64>(PRODUCT + limb, load<u64>(added + limb) + (load<u64>(eta + limb) & bit));
      addProduct(PRODUCT, CONSTANTS + NUMBER * k, ROW);
      addProduct(PRODUCT, CONSTANTS + NUMBER * (2 + k), ROW + NUMBER);
      reduce(PRODUCT, MU + BYTES * (2 * j + k));
    }
    read(GADGET + BYTES * j, X);
    addProduct(TOTALS, X, ROW);
    addProduct(TOTALS + SUM, X, ROW + NUMBER);
    // A column gets at most ten products of 52 bits a row: after 128 rows it is still below 2^63.
    if (j % 128 == 127) {
      carry(TOTALS, 19);
      carry(TOTALS + SUM, 19);
    }
  }
  reduce(TOTALS, SUMS);
  reduce(TOTALS + SUM, SUMS + BYTES);
}
