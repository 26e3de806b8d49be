// Keccak-f[1600] on two states at once (AssemblyScript), for every kernel that hashes; scripts/kernel.ts compiles them.
//
// A lane of the state is one i64x2: word i of message 0 in its low half, of message 1 in its high half.
// Names are those of the Keccak reference (keccak.team, "The Keccak reference", sections 1.2 and 2.3): A state, C column parities, D theta effect, B after rho and pi.

const ROUND_CONSTANTS = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
  0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
  0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]);
const ROUNDS: usize = 24;
export const STATE = memory.data(25 * 16, 16);

// @ts-ignore: decorator
@inline
function rotate(x: v128, n: i32): v128 {
  return v128.or(i64x2.shl(x, n), i64x2.shr_u(x, 64 - n));
}

// Whole bytes move with one shuffle.
// @ts-ignore: decorator
@inline
function rotate8(x: v128): v128 {
  return i8x16.shuffle(x, x, 7, 0, 1, 2, 3, 4, 5, 6, 15, 8, 9, 10, 11, 12, 13, 14);
}

// @ts-ignore: decorator
@inline
function rotate56(x: v128): v128 {
  return i8x16.shuffle(x, x, 1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 11, 12, 13, 14, 15, 8);
}

/** The 24 rounds on both states at STATE: theta, rho and pi, chi, iota; two rounds a turn, so that A and E change roles instead of being copied. */
export function permute(): void {
  let a0 = v128.load(STATE, 0);
  let a1 = v128.load(STATE, 16);
  let a2 = v128.load(STATE, 32);
  let a3 = v128.load(STATE, 48);
  let a4 = v128.load(STATE, 64);
  let a5 = v128.load(STATE, 80);
  let a6 = v128.load(STATE, 96);
  let a7 = v128.load(STATE, 112);
  let a8 = v128.load(STATE, 128);
  let a9 = v128.load(STATE, 144);
  let a10 = v128.load(STATE, 160);
  let a11 = v128.load(STATE, 176);
  let a12 = v128.load(STATE, 192);
  let a13 = v128.load(STATE, 208);
  let a14 = v128.load(STATE, 224);
  let a15 = v128.load(STATE, 240);
  let a16 = v128.load(STATE, 256);
  let a17 = v128.load(STATE, 272);
  let a18 = v128.load(STATE, 288);
  let a19 = v128.load(STATE, 304);
  let a20 = v128.load(STATE, 320);
  let a21 = v128.load(STATE, 336);
  let a22 = v128.load(STATE, 352);
  let a23 = v128.load(STATE, 368);
  let a24 = v128.load(STATE, 384);
  let e0: v128, e1: v128, e2: v128, e3: v128, e4: v128, e5: v128, e6: v128, e7: v128, e8: v128, e9: v128, e10: v128, e11: v128, e12: v128, e13: v128, e14: v128, e15: v128, e16: v128, e17: v128, e18: v128, e19: v128, e20: v128, e21: v128, e22: v128, e23: v128, e24: v128;
  let b0: v128, b1: v128, b2: v128, b3: v128, b4: v128;
  let c0: v128, c1: v128, c2: v128, c3: v128, c4: v128;
  let d0: v128, d1: v128, d2: v128, d3: v128, d4: v128;
  for (let round: usize = 0; round < ROUNDS; round += 2) {
    c0 = v128.xor(v128.xor(v128.xor(a0, a5), v128.xor(a10, a15)), a20);
    c1 = v128.xor(v128.xor(v128.xor(a1, a6), v128.xor(a11, a16)), a21);
    c2 = v128.xor(v128.xor(v128.xor(a2, a7), v128.xor(a12, a17)), a22);
    c3 = v128.xor(v128.xor(v128.xor(a3, a8), v128.xor(a13, a18)), a23);
    c4 = v128.xor(v128.xor(v128.xor(a4, a9), v128.xor(a14, a19)), a24);
    d0 = v128.xor(c4, rotate(c1, 1));
    d1 = v128.xor(c0, rotate(c2, 1));
    d2 = v128.xor(c1, rotate(c3, 1));
    d3 = v128.xor(c2, rotate(c4, 1));
    d4 = v128.xor(c3, rotate(c0, 1));
    b0 = v128.xor(a0, d0);
    b1 = rotate(v128.xor(a6, d1), 44);
    b2 = rotate(v128.xor(a12, d2), 43);
    b3 = rotate(v128.xor(a18, d3), 21);
    b4 = rotate(v128.xor(a24, d4), 14);
    e0 = v128.xor(v128.xor(b0, v128.andnot(b2, b1)), v128.load_splat<u64>(ROUND_CONSTANTS + (round << 3)));
    e1 = v128.xor(b1, v128.andnot(b3, b2));
    e2 = v128.xor(b2, v128.andnot(b4, b3));
    e3 = v128.xor(b3, v128.andnot(b0, b4));
    e4 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(a3, d3), 28);
    b1 = rotate(v128.xor(a9, d4), 20);
    b2 = rotate(v128.xor(a10, d0), 3);
    b3 = rotate(v128.xor(a16, d1), 45);
    b4 = rotate(v128.xor(a22, d2), 61);
    e5 = v128.xor(b0, v128.andnot(b2, b1));
    e6 = v128.xor(b1, v128.andnot(b3, b2));
    e7 = v128.xor(b2, v128.andnot(b4, b3));
    e8 = v128.xor(b3, v128.andnot(b0, b4));
    e9 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(a1, d1), 1);
    b1 = rotate(v128.xor(a7, d2), 6);
    b2 = rotate(v128.xor(a13, d3), 25);
    b3 = rotate8(v128.xor(a19, d4));
    b4 = rotate(v128.xor(a20, d0), 18);
    e10 = v128.xor(b0, v128.andnot(b2, b1));
    e11 = v128.xor(b1, v128.andnot(b3, b2));
    e12 = v128.xor(b2, v128.andnot(b4, b3));
    e13 = v128.xor(b3, v128.andnot(b0, b4));
    e14 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(a4, d4), 27);
    b1 = rotate(v128.xor(a5, d0), 36);
    b2 = rotate(v128.xor(a11, d1), 10);
    b3 = rotate(v128.xor(a17, d2), 15);
    b4 = rotate56(v128.xor(a23, d3));
    e15 = v128.xor(b0, v128.andnot(b2, b1));
    e16 = v128.xor(b1, v128.andnot(b3, b2));
    e17 = v128.xor(b2, v128.andnot(b4, b3));
    e18 = v128.xor(b3, v128.andnot(b0, b4));
    e19 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(a2, d2), 62);
    b1 = rotate(v128.xor(a8, d3), 55);
    b2 = rotate(v128.xor(a14, d4), 39);
    b3 = rotate(v128.xor(a15, d0), 41);
    b4 = rotate(v128.xor(a21, d1), 2);
    e20 = v128.xor(b0, v128.andnot(b2, b1));
    e21 = v128.xor(b1, v128.andnot(b3, b2));
    e22 = v128.xor(b2, v128.andnot(b4, b3));
    e23 = v128.xor(b3, v128.andnot(b0, b4));
    e24 = v128.xor(b4, v128.andnot(b1, b0));

    c0 = v128.xor(v128.xor(v128.xor(e0, e5), v128.xor(e10, e15)), e20);
    c1 = v128.xor(v128.xor(v128.xor(e1, e6), v128.xor(e11, e16)), e21);
    c2 = v128.xor(v128.xor(v128.xor(e2, e7), v128.xor(e12, e17)), e22);
    c3 = v128.xor(v128.xor(v128.xor(e3, e8), v128.xor(e13, e18)), e23);
    c4 = v128.xor(v128.xor(v128.xor(e4, e9), v128.xor(e14, e19)), e24);
    d0 = v128.xor(c4, rotate(c1, 1));
    d1 = v128.xor(c0, rotate(c2, 1));
    d2 = v128.xor(c1, rotate(c3, 1));
    d3 = v128.xor(c2, rotate(c4, 1));
    d4 = v128.xor(c3, rotate(c0, 1));
    b0 = v128.xor(e0, d0);
    b1 = rotate(v128.xor(e6, d1), 44);
    b2 = rotate(v128.xor(e12, d2), 43);
    b3 = rotate(v128.xor(e18, d3), 21);
    b4 = rotate(v128.xor(e24, d4), 14);
    a0 = v128.xor(v128.xor(b0, v128.andnot(b2, b1)), v128.load_splat<u64>(ROUND_CONSTANTS + (round << 3), 8));
    a1 = v128.xor(b1, v128.andnot(b3, b2));
    a2 = v128.xor(b2, v128.andnot(b4, b3));
    a3 = v128.xor(b3, v128.andnot(b0, b4));
    a4 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(e3, d3), 28);
    b1 = rotate(v128.xor(e9, d4), 20);
    b2 = rotate(v128.xor(e10, d0), 3);
    b3 = rotate(v128.xor(e16, d1), 45);
    b4 = rotate(v128.xor(e22, d2), 61);
    a5 = v128.xor(b0, v128.andnot(b2, b1));
    a6 = v128.xor(b1, v128.andnot(b3, b2));
    a7 = v128.xor(b2, v128.andnot(b4, b3));
    a8 = v128.xor(b3, v128.andnot(b0, b4));
    a9 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(e1, d1), 1);
    b1 = rotate(v128.xor(e7, d2), 6);
    b2 = rotate(v128.xor(e13, d3), 25);
    b3 = rotate8(v128.xor(e19, d4));
    b4 = rotate(v128.xor(e20, d0), 18);
    a10 = v128.xor(b0, v128.andnot(b2, b1));
    a11 = v128.xor(b1, v128.andnot(b3, b2));
    a12 = v128.xor(b2, v128.andnot(b4, b3));
    a13 = v128.xor(b3, v128.andnot(b0, b4));
    a14 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(e4, d4), 27);
    b1 = rotate(v128.xor(e5, d0), 36);
    b2 = rotate(v128.xor(e11, d1), 10);
    b3 = rotate(v128.xor(e17, d2), 15);
    b4 = rotate56(v128.xor(e23, d3));
    a15 = v128.xor(b0, v128.andnot(b2, b1));
    a16 = v128.xor(b1, v128.andnot(b3, b2));
    a17 = v128.xor(b2, v128.andnot(b4, b3));
    a18 = v128.xor(b3, v128.andnot(b0, b4));
    a19 = v128.xor(b4, v128.andnot(b1, b0));
    b0 = rotate(v128.xor(e2, d2), 62);
    b1 = rotate(v128.xor(e8, d3), 55);
    b2 = rotate(v128.xor(e14, d4), 39);
    b3 = rotate(v128.xor(e15, d0), 41);
    b4 = rotate(v128.xor(e21, d1), 2);
    a20 = v128.xor(b0, v128.andnot(b2, b1));
    a21 = v128.xor(b1, v128.andnot(b3, b2));
    a22 = v128.xor(b2, v128.andnot(b4, b3));
    a23 = v128.xor(b3, v128.andnot(b0, b4));
    a24 = v128.xor(b4, v128.andnot(b1, b0));
  }
  v128.store(STATE, a0, 0);
  v128.store(STATE, a1, 16);
  v128.store(STATE, a2, 32);
  v128.store(STATE, a3, 48);
  v128.store(STATE, a4, 64);
  v128.store(STATE, a5, 80);
  v128.store(STATE, a6, 96);
  v128.store(STATE, a7, 112);
  v128.store(STATE, a8, 128);
  v128.store(STATE, a9, 144);
  v128.store(STATE, a10, 160);
  v128.store(STATE, a11, 176);
  v128.store(STATE, a12, 192);
  v128.store(STATE, a13, 208);
  v128.store(STATE, a14, 224);
  v128.store(STATE, a15, 240);
  v128.store(STATE, a16, 256);
  v128.store(STATE, a17, 272);
  v128.store(STATE, a18, 288);
  v128.store(STATE, a19, 304);
  v128.store(STATE, a20, 320);
  v128.store(STATE, a21, 336);
  v128.store(STATE, a22, 352);
  v128.store(STATE, a23, 368);
  v128.store(STATE, a24, 384);
}

/** Words of two messages side by side. */
// @ts-ignore: decorator
@inline
export function pair(p0: usize, p1: usize): v128 {
  return v128.load_lane<u64>(p1, v128.load_zero<u64>(p0), 1);
}
