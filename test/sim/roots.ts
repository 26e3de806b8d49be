import { keccak_256 } from '@noble/hashes/sha3.js';
import { appendLeaf, EMPTY_LOG, encodeRecord, merkleTree, messageHashes, mth, recordFieldsRoot, recordSalt, type LogHead } from '#anchor/core';
import { concat, utf8, type BookId } from '#base';
import type { LedgerRecord } from '#ledger/core';
import { demand } from './finding.ts';

const CHAIN_ID = 31337n;
const HASH_BYTES = 32;

/** Leaf hashes of records, one behind the other. The keys that salt evidence follow from their subjects. */
function leavesOf(book: BookId, records: readonly LedgerRecord[]): Uint8Array {
  const context = { chainId: CHAIN_ID, book };
  return messageHashes(
    records.map((record) => {
      const salt = record.fields && record.subject ? recordSalt(keccak_256(utf8(record.subject)), book, record.seq) : null;
      return encodeRecord(context, record, recordFieldsRoot(record, salt));
    }),
  );
}

/** Batches of records and the log of their roots, made while the journal grows, as a sealer makes them. */
export class Roots {
  readonly #book: BookId;
  readonly #size: number;
  #waiting: LedgerRecord[] = [];
  readonly #roots: Uint8Array[] = [];
  #head: LogHead = EMPTY_LOG;

  constructor(book: BookId, size: number) {
    this.#book = book;
    this.#size = size;
  }

  append(records: readonly LedgerRecord[]): void {
    for (const record of records) {
      if (this.#waiting.push(record) === this.#size) this.#seal();
    }
  }

  #seal(): void {
    const { root } = merkleTree(leavesOf(this.#book, this.#waiting));
    this.#waiting = [];
    this.#roots.push(root);
    this.#head = appendLeaf(this.#head, root);
  }

  /** Demands that the whole journal, as it is read in the end, gives every root once more, each batch by the definition of a tree. */
  compare(journal: readonly LedgerRecord[]): string {
    if (this.#waiting.length > 0) this.#seal();
    let head = EMPTY_LOG;
    for (const [i, root] of this.#roots.entries()) {
      const records = journal.slice(i * this.#size, (i + 1) * this.#size);
      const leaves = leavesOf(this.#book, records);
      const byDefinition = i % 16 === 0;
      const again = byDefinition ? mth(records.map((_, at) => leaves.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES))) : merkleTree(leaves).root;
      demand(Buffer.compare(root, again) === 0, 'roots are recomputed roots', () => `batch ${i}, from record ${i * this.#size + 1}`);
      head = appendLeaf(head, again);
    }
    const digest = (log: LogHead): string => Buffer.from(keccak_256(concat(...log.peaks))).toString('hex');
    demand(digest(head) === digest(this.#head), 'roots are recomputed roots', () => 'the log of batches');
    return digest(head);
  }
}
