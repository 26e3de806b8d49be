import { assert } from '#base';
import { BASE_OTS, COLUMN_BITS, COLUMN_BYTES } from '../primitives/parameters.ts';

/** Words of one column and of one row. */
export const COLUMN_WORDS = COLUMN_BYTES / 4;
export const ROW_WORDS = BASE_OTS / 32;

/**
 * A bit matrix of the OT extension (5): 128 columns of 544 bits one after the other, each in the bytes of its message, bit b of byte k the bit 8k + b. The words are the bytes four at a time, so that
 * bit b of word w is bit 32w + b: that needs a little-endian machine, as every one is that Node runs on but s390x.
 */
export type Columns = Uint32Array;

assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, 'the bit matrices of the OT extension are laid out for a little-endian machine');

/** The same bytes as words, in memory of their own: slice() would not do, because that of a Node Buffer is a view whose `buffer` begins elsewhere. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

export function columnsOf(bytes: Uint8Array): Columns {
  assert(bytes.length === BASE_OTS * COLUMN_BYTES, 'a matrix has 128 columns of 68 bytes');
  return wordsOf(bytes);
}

export function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/** The transpose: 544 rows of 128 bits, four words each, bit i of a row the bit of column i. */
export function rowsOf(columns: Columns): Uint32Array {
  const rows = new Uint32Array(COLUMN_BITS * ROW_WORDS);
  const block = new Uint32Array(32);
  for (let r = 0; r < COLUMN_WORDS; r++) {
    for (let c = 0; c < ROW_WORDS; c++) {
      for (let k = 0; k < 32; k++) block[k] = columns[(32 * c + k) * COLUMN_WORDS + r]!;
      transpose32(block);
      for (let k = 0; k < 32; k++) rows[(32 * r + k) * ROW_WORDS + c] = block[k]!;
    }
  }
  return rows;
}

/** 32 words by 32 bits in place: ever smaller blocks off the diagonal change places (Warren, Hacker's Delight, section 7-3). */
function transpose32(a: Uint32Array): void {
  for (let j = 16, mask = 0xffff; j !== 0; j >>= 1, mask ^= mask << j) {
    for (let k = 0; k < 32; k = ((k | j) + 1) & ~j) {
      const moved = ((a[k]! >>> j) ^ a[k | j]!) & mask;
      a[k]! ^= moved << j;
      a[k | j]! ^= moved;
    }
  }
}
