/**
 * Sections 5 and 6 of the digest a second time, by the letter and slowly: bits are the bits of BigInts, columns are 544-bit numbers, nothing is packed, masked or batched. What the product sends must be
 * what this sends; and what a cheat would send is this with one line changed.
 */
import type { PairId } from '../../../../mpc/protocol/primitives/ids.ts';
import { H, H512, list, u16, XOF } from '../../../../mpc/protocol/primitives/hash.ts';
import { mod, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import { concat } from '#base';

/** Bit 8k + b of the number is bit b of byte k. */
export function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function littleBytes(value: bigint, length: number): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex').reverse());
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

const bit = (value: bigint, index: number): bigint => (value >> BigInt(index)) & 1n;

/** The product in GF(2)[x] / (x^128 + x^7 + x^2 + x + 1). */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let k = 127; k >= 0; k--) {
    product <<= 1n;
    if (product >> 128n) product ^= (1n << 128n) | 0x87n;
    if (bit(b, k)) product ^= a;
  }
  return product;
}

/** h(v) = v^c + sum_m chi_m v^m. */
export function h(v: bigint, chi: readonly bigint[]): bigint {
  const block = (1n << 128n) - 1n;
  return chi.reduce((total, weight, m) => total ^ multiply(weight, ((m === 3 ? v & ((1n << 416n) - 1n) : v) >> BigInt(128 * m)) & block), v >> 416n);
}

function prg(s: PairId, key: Uint8Array, i: number, b: number): bigint {
  return littleEndian(XOF('ote-prg/v1', 68, s, u16(i), u16(b), key));
}

const at = (keys: Uint8Array, i: number): Uint8Array => keys.slice(32 * i, 32 * i + 32);

/** Bob's message of section 5 for given x. `errors[i]` is what a cheat adds to column u_i, everything else being made to fit: it passes exactly if Delta_i = 0 (12). */
export function extension(s: PairId, k0: Uint8Array, k1: Uint8Array, x: bigint, errors: ReadonlyMap<number, bigint> = new Map()): Uint8Array {
  const t0 = Array.from({ length: 128 }, (_, i) => prg(s, at(k0, i), i, 0));
  const u = t0.map((t, i) => littleBytes(t ^ prg(s, at(k1, i), i, 1) ^ x ^ (errors.get(i) ?? 0n), 68));
  const xof = XOF('ote-chi/v1', 64, s, list(u, 68));
  const chi = [0, 1, 2, 3].map((m) => littleEndian(xof.slice(16 * m, 16 * m + 16)));
  const th = t0.map((t) => littleBytes(h(t, chi), 16));
  return concat(...u, littleBytes(h(x, chi), 16), H('ote-t/v1', s, list(th, 16)));
}

/** gamma, or with `delta` the other pad of every row: Row(j, row_j of the columns [xor delta]) as 4 numbers each. */
export function pads(s: PairId, columns: readonly bigint[], delta = 0n): bigint[][] {
  return Array.from({ length: 416 }, (_, j) => {
    const row = columns.reduce((total, column, i) => total | (bit(column, j) << BigInt(i)), 0n) ^ delta;
    const bytes = XOF('ote-row/v1', 128, s, u16(j), littleBytes(row, 16));
    return [0, 1, 2, 3].map((w) => bigEndian(bytes.slice(32 * w, 32 * w + 32)));
  });
}

export function columnsOfBob(s: PairId, k0: Uint8Array): bigint[] {
  return Array.from({ length: 128 }, (_, i) => prg(s, at(k0, i), i, 0));
}

export function columnsOfAlice(s: PairId, delta: bigint, kDelta: Uint8Array, message: Uint8Array): bigint[] {
  return Array.from({ length: 128 }, (_, i) => {
    const b = Number(bit(delta, i));
    return prg(s, at(kDelta, i), i, b) ^ (b ? littleEndian(message.slice(68 * i, 68 * i + 68)) : 0n);
  });
}

export const gadget = Array.from({ length: 416 }, (_, j) => H512('gadget/v1', u16(j)));

export interface AliceInput {
  readonly s: PairId;
  readonly delta: bigint;
  readonly kDelta: Uint8Array;
  readonly otMessage: Uint8Array;
  readonly a: readonly [bigint, bigint];
  readonly ahat: readonly [bigint, bigint];
}

/** Alice's message of 6.2. `error(j, i)` is what a cheat adds to at_{j,i}, everything else being made to fit: one such error passes exactly if beta_j = 0 (6.4). */
export function multiplication(
  { s, delta, kDelta, otMessage, a, ahat }: AliceInput,
  error: (j: number, i: number) => bigint = () => 0n,
): { readonly message: Uint8Array; readonly c: readonly [bigint, bigint] } {
  const columns = columnsOfAlice(s, delta, kDelta, otMessage);
  const [alpha0, alpha1] = [pads(s, columns), pads(s, columns, delta)];
  const added = [...a, ...ahat];
  const masked = alpha0.map((row, j) => row.map((value, w) => scalarBytes(mod(value - alpha1[j]![w]! + added[w]! + error(j, w)))));
  const hashes = [H('rvole-ot/v1', otMessage), H('rvole-at/v1', list(masked.flat(), 32))] as const;
  const theta = [0, 1].map((i) => [0, 1].map((k) => H512('rvole-theta/v1', s, ...hashes, u16(i), u16(k))));
  const eta = [0, 1].map((k) => scalarBytes(mod(ahat[k]! + theta[0]![k]! * a[0] + theta[1]![k]! * a[1])));
  const mu = alpha0.flatMap((row) => [0, 1].map((k) => scalarBytes(mod(row[2 + k]! + theta[0]![k]! * row[0]! + theta[1]![k]! * row[1]!))));
  const c = [0, 1].map((i) => mod(-alpha0.reduce((total, row, j) => total + gadget[j]! * row[i]!, 0n)));
  return { message: concat(...masked.flat(), ...eta, H('rvole-mu/v1', s, list(mu, 32))), c: [c[0]!, c[1]!] };
}
