import type { Exported } from './export/read.ts';

/** What is contradicted: a part of the system that somebody has to look at. */
export type FindingKind =
  | 'record'
  | 'sequence'
  | 'rules'
  | 'balance'
  | 'fields'
  | 'leaf'
  | 'batch'
  | 'anchor'
  | 'merchant'
  | 'wallet'
  | 'payee'
  | 'order'
  | 'payment'
  | 'price'
  | 'window'
  | 'payout'
  | 'deposit'
  | 'unauthorised'
  | 'reserve';

/** One contradiction: where it shows, and what it is, in one sentence. */
export interface Finding {
  /** The record; null where it is about no single one. */
  readonly seq: bigint | null;
  /** The batch that the record is in; null where it is in none yet. */
  readonly batch: bigint | null;
  readonly kind: FindingKind;
  readonly sentence: string;
}

/** Collects what the checks find, each with its batch. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #ranges: readonly { readonly batchNo: bigint; readonly firstSeq: bigint; readonly lastSeq: bigint }[];

  constructor({ batches }: Pick<Exported, 'batches'>) {
    this.#ranges = batches;
  }

  /** `sentence` without its full stop. */
  add(kind: FindingKind, seq: bigint | null, sentence: string): void {
    this.all.push({ seq, batch: seq === null ? null : this.batchOf(seq), kind, sentence: `${sentence}.` });
  }

  addToBatch(kind: FindingKind, batch: bigint, sentence: string): void {
    this.all.push({ seq: null, batch, kind, sentence: `${sentence}.` });
  }

  batchOf(seq: bigint): bigint | null {
    return this.#ranges.find(({ firstSeq, lastSeq }) => firstSeq <= seq && seq <= lastSeq)?.batchNo ?? null;
  }
}
