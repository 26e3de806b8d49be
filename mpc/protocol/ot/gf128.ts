/** The linear hash of the consistency check, over F128 = GF(2)[x]/(x^128 + x^7 + x^2 + x + 1), little-endian bit order (digest 1 and 5). */
import { XI } from '../primitives/parameters.ts';
import { wordsOf } from './columns.ts';

/** One element: four words, bit b of word w the coefficient of x^(32w + b). */
const WORDS = 4;
/** Where v^c, the check bits, begin in a column. */
const CHECK_WORD = XI / 32;
/** x^7 + x^2 + x + 1. */
const REDUCTION = 0x87;

/**
 * chi_m * x^(j mod 128) for every row bit j of a column, m = floor(j / 128): what bit j adds to h. chi is 4 elements of 16 bytes, public.
 */
export function weights(chi: Uint8Array): Uint32Array {
  const elements = wordsOf(chi);
  const table = new Uint32Array(XI * WORDS);
  for (let j = 0; j < XI; j++) {
    const at = j * WORDS;
    if (j % 128 === 0) table.set(elements.subarray((j / 128) * WORDS, (j / 128 + 1) * WORDS), at);
    else timesX(table, at - WORDS, at);
  }
  return table;
}

/** table[to..] = x * table[from..]. */
function timesX(table: Uint32Array, from: number, to: number): void {
  const carry = table[from + 3]! >>> 31;
  for (let w = 3; w > 0; w--) table[to + w] = (table[from + w]! << 1) | (table[from + w - 1]! >>> 31);
  table[to] = (table[from]! << 1) ^ (-carry & REDUCTION);
}

/**
 * h(v) = v^c + sum_m chi_m * v^m (5) of the column that begins at word `at`, into four words of `out`. Every bit of v acts as a mask. v^4 has 32 bits; its padding with zeros adds nothing.
 */
export function hashColumn(table: Uint32Array, columns: Uint32Array, at: number, out: Uint32Array, outAt: number): void {
  let h0 = columns[at + CHECK_WORD]!;
  let h1 = columns[at + CHECK_WORD + 1]!;
  let h2 = columns[at + CHECK_WORD + 2]!;
  let h3 = columns[at + CHECK_WORD + 3]!;
  for (let w = 0, entry = 0; w < CHECK_WORD; w++) {
    let word = columns[at + w]!;
    for (let b = 0; b < 32; b++, entry += WORDS, word >>>= 1) {
      const mask = -(word & 1);
      h0 ^= table[entry]! & mask;
      h1 ^= table[entry + 1]! & mask;
      h2 ^= table[entry + 2]! & mask;
      h3 ^= table[entry + 3]! & mask;
    }
  }
  out[outAt] = h0;
  out[outAt + 1] = h1;
  out[outAt + 2] = h2;
  out[outAt + 3] = h3;
}
