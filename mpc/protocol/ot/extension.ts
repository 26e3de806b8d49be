/**
 * OT extension (digest section 5): SoftSpokenOT with k = 1, that is IKNP with the per-column check, made non-interactive by Fiat-Shamir. Bob, who held both keys of every base OT, chooses; Alice, who holds
 * Delta, gets both pads of every row.
 */
import type { RandomBytes } from '#base';
import { shakes } from '../kernel/kernel.ts';
import { equal, wipe } from '../primitives/constantTime.ts';
import { encodeParts, H, list, u16, XOF } from '../primitives/hash.ts';
import type { PairId } from '../primitives/ids.ts';
import { BASE_OTS, COLUMN_BYTES, HASH_BYTES, SCALAR_BYTES, VOLE_WIDTH, XI } from '../primitives/parameters.ts';
import { drawn } from '../primitives/scalars.ts';
import { bitOf } from './baseOt.ts';
import { bytesOf, columnsOf, COLUMN_WORDS, rowsOf, ROW_WORDS, wordsOf, type Columns } from './columns.ts';
import { hashColumn, weights } from './gf128.ts';

const U_BYTES = BASE_OTS * COLUMN_BYTES;
const ELEMENT_BYTES = 16;
/** u_1..u_K 8,704 || xh 16 || T 32. */
export const EXTENSION_BYTES = U_BYTES + ELEMENT_BYTES + HASH_BYTES;

/** Both keys of every base OT of one direction: Bob's. */
export interface SenderKeys {
  readonly k0: Uint8Array;
  readonly k1: Uint8Array;
}

/** Delta and the key it chose of every base OT: Alice's. */
export interface ReceiverKeys {
  readonly delta: Uint8Array;
  readonly kDelta: Uint8Array;
}

export interface Extended {
  readonly message: Uint8Array;
  /** beta: the first 416 bits of x. */
  readonly beta: Uint8Array;
  /** gamma_{j,w} at 4j + w, 32 bytes each, below 2^256. */
  readonly gamma: Uint8Array;
}

/** PRG(k, i, b) = XOF("ote-prg/v1"; s, i, b, k) to 68 bytes, for every i, as a matrix: the bits choose which of the two keys of a base OT each one is. */
function prg(s: PairId, keys: Uint8Array, bit: (i: number) => number): Columns {
  const input = encodeParts('ote-prg/v1', [s, u16(0), u16(0), new Uint8Array(HASH_BYTES)]);
  // From the end: key 32, its length 4, b 2, its length 4, i 2.
  const [keyAt, bitAt, indexAt] = [input.length - HASH_BYTES, input.length - HASH_BYTES - 6, input.length - HASH_BYTES - 12];
  const columns = shakes(input, BASE_OTS, COLUMN_BYTES, (bytes, at, i) => {
    bytes[at + indexAt + 1] = i;
    bytes[at + bitAt + 1] = bit(i);
    for (let k = 0; k < HASH_BYTES; k++) bytes[at + keyAt + k] = keys[i * HASH_BYTES + k]!;
  });
  return columnsOf(columns);
}

/** chi = XOF("ote-chi/v1"; s, u_1..u_K) to four elements of F128, as the table of what each bit adds to h. */
function challenge(s: PairId, u: Uint8Array): Uint32Array {
  const columns = Array.from({ length: BASE_OTS }, (_, i) => u.subarray(i * COLUMN_BYTES, (i + 1) * COLUMN_BYTES));
  return weights(XOF('ote-chi/v1', 4 * ELEMENT_BYTES, s, list(columns, COLUMN_BYTES)));
}

/** T = H("ote-t/v1"; s, th_1..th_K) of 128 elements. */
function digestOf(s: PairId, th: Uint32Array): Uint8Array {
  const elements = bytesOf(th);
  return H(
    'ote-t/v1',
    s,
    list(
      Array.from({ length: BASE_OTS }, (_, i) => elements.subarray(i * ELEMENT_BYTES, (i + 1) * ELEMENT_BYTES)),
      ELEMENT_BYTES,
    ),
  );
}

/** Row(j, y) = XOF("ote-row/v1"; s, j, y) to W numbers of 256 bits, big-endian, of rows 0..415; the last 128 serve only the check. Session, direction and index are in the hash. */
function hashRows(s: PairId, rows: Uint32Array): Uint8Array {
  const input = encodeParts('ote-row/v1', [s, u16(0), new Uint8Array(ELEMENT_BYTES)]);
  const [rowAt, indexAt] = [input.length - ELEMENT_BYTES, input.length - ELEMENT_BYTES - 6];
  const elements = bytesOf(rows);
  return shakes(input, XI, SCALAR_BYTES * VOLE_WIDTH, (bytes, at, j) => {
    bytes[at + indexAt] = j >> 8;
    bytes[at + indexAt + 1] = j & 0xff;
    for (let k = 0; k < ELEMENT_BYTES; k++) bytes[at + rowAt + k] = elements[j * ELEMENT_BYTES + k]!;
  });
}

/** Bob's only message and what he keeps: x = (beta || beta_chk) uniform, u_i = t0_i xor t1_i xor x. */
export function extend(s: PairId, { k0, k1 }: SenderKeys, random: RandomBytes): Extended {
  const x = wordsOf(drawn(COLUMN_BYTES, random));
  const t0 = prg(s, k0, () => 0);
  const u = prg(s, k1, () => 1);
  for (let i = 0, at = 0; i < BASE_OTS; i++) for (let w = 0; w < COLUMN_WORDS; w++, at++) u[at]! ^= t0[at]! ^ x[w]!;

  const table = challenge(s, bytesOf(u));
  const xh = new Uint32Array(4);
  hashColumn(table, x, 0, xh, 0); // xh = h(x)
  const th = new Uint32Array(4 * BASE_OTS);
  for (let i = 0; i < BASE_OTS; i++) hashColumn(table, t0, i * COLUMN_WORDS, th, 4 * i); // th_i = h(t0_i)

  const message = new Uint8Array(EXTENSION_BYTES);
  message.set(bytesOf(u));
  message.set(bytesOf(xh), U_BYTES);
  message.set(digestOf(s, th), U_BYTES + ELEMENT_BYTES);
  const rows = rowsOf(t0);
  const extended = { message, beta: bytesOf(x).slice(0, XI / 8), gamma: hashRows(s, rows) }; // gamma_j = Row(j, row_j)
  // The rows of the check tell the rest of x to whoever has u, and so does x itself.
  wipe(bytesOf(x), bytesOf(t0), bytesOf(rows));
  return extended;
}

/**
 * Alice's verdict: q_i = tb_i xor Delta_i * u_i, and whether H("ote-t/v1"; s, (h(q_i) + Delta_i * xh)_i) == T, over all columns at once in constant time. Null where it is not: the peer has then learned a
 * bit of Delta, and the pair is to be poisoned before anything else happens (12).
 */
export function checkExtension(s: PairId, { delta, kDelta }: ReceiverKeys, message: Uint8Array): Columns | null {
  const u = columnsOf(message.subarray(0, U_BYTES));
  const xh = wordsOf(message.subarray(U_BYTES, U_BYTES + ELEMENT_BYTES));
  const columns = prg(s, kDelta, (i) => bitOf(delta, i)); // tb_i = PRG(k_{Delta_i, i}, i, Delta_i)
  for (let i = 0, at = 0; i < BASE_OTS; i++) {
    const mask = -bitOf(delta, i);
    for (let w = 0; w < COLUMN_WORDS; w++, at++) columns[at]! ^= u[at]! & mask;
  }
  const table = challenge(s, message.subarray(0, U_BYTES));
  const hashes = new Uint32Array(4 * BASE_OTS);
  for (let i = 0; i < BASE_OTS; i++) {
    hashColumn(table, columns, i * COLUMN_WORDS, hashes, 4 * i);
    const mask = -bitOf(delta, i);
    for (let w = 0; w < 4; w++) hashes[4 * i + w]! ^= xh[w]! & mask;
  }
  return equal(digestOf(s, hashes), message.subarray(U_BYTES + ELEMENT_BYTES)) ? columns : null;
}

/** Uses up the columns: alpha0_j = Row(j, qrow_j) and alpha1_j = Row(j, qrow_j xor Delta); gamma_j is one of them, by beta_j. */
export function pads(s: PairId, delta: Uint8Array, columns: Columns): { readonly alpha0: Uint8Array; readonly alpha1: Uint8Array } {
  const rows = rowsOf(columns);
  const alpha0 = hashRows(s, rows);
  const difference = wordsOf(delta);
  for (let j = 0, at = 0; j < XI; j++) for (let w = 0; w < ROW_WORDS; w++, at++) rows[at]! ^= difference[w]!;
  const alpha1 = hashRows(s, rows);
  wipe(bytesOf(rows), bytesOf(columns));
  return { alpha0, alpha1 };
}
