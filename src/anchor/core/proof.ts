import type { BookId } from '#base';
import { bookRecordHash } from './book.ts';
import { commitment, isLogHead, peakOver, verifyInHead } from './log.ts';
import { rootFromPath, type Hash } from './merkle.ts';

/** The way from a record leaf to the commitment: record, batch, book record, anchor leaf, peak. ILedgerAnchor.LogProof, member by member. */
export interface LogProof {
  readonly firstSeq: bigint;
  readonly lastSeq: bigint;
  readonly previousHead: Hash;
  readonly batchPath: readonly Hash[];
  readonly bookIndex: number;
  readonly bookCount: number;
  readonly bookPath: readonly Hash[];
  readonly anchorIndex: bigint;
  readonly count: bigint;
  readonly peaks: readonly Hash[];
  readonly peakPath: readonly Hash[];
}

/** What is wrong with a proof, first fault first; the chain alone can say that the peaks are stale. */
export type LogFault = 'malformed' | 'outsideBatch' | 'batchPath' | 'bookPath' | 'peakPath';

/** What a sound proof says: this record is in the log that has this commitment. */
export type LogVerdict =
  { readonly fault: LogFault } | { readonly fault: null; readonly bookRecord: Hash; readonly anchorLeaf: Hash; readonly commitment: Hash };

/** Follows a proof from the record leaf up. The size of the batch comes from the hashed book record, that of the log from the commitment. */
export function checkLogProof(leaf: Hash, book: BookId, seq: bigint, proof: LogProof): LogVerdict {
  const head = { count: proof.count, peaks: proof.peaks };
  if (!isLogHead(head) || proof.previousHead.length !== 32 || proof.firstSeq < 1n) return { fault: 'malformed' };
  if (seq < proof.firstSeq || seq > proof.lastSeq) return { fault: 'outsideBatch' };
  const batchRoot = rootFromPath(leaf, seq - proof.firstSeq, proof.lastSeq - proof.firstSeq + 1n, proof.batchPath);
  if (!batchRoot) return { fault: 'batchPath' };
  const { firstSeq, lastSeq, previousHead } = proof;
  const bookRecord = bookRecordHash({ book, firstSeq, lastSeq, previousHead, batchRoot });
  const anchorLeaf = rootFromPath(bookRecord, BigInt(proof.bookIndex), BigInt(proof.bookCount), proof.bookPath);
  if (!anchorLeaf) return { fault: 'bookPath' };
  if (!verifyInHead(anchorLeaf, proof.anchorIndex, proof.peakPath, head)) return { fault: 'peakPath' };
  return { fault: null, bookRecord, anchorLeaf, commitment: commitment(head) };
}

/** Where the leaves under the peak over `index` are, for whoever fetches them to make a peak path. */
export function leavesUnderPeak(index: bigint, count: bigint): { readonly from: bigint; readonly to: bigint } {
  const { start, size } = peakOver(index, count);
  return { from: start, to: start + size };
}
