import assert from 'node:assert/strict';
import { appendLeaf, commitment, EMPTY_LOG, mth } from '#anchor/core';
import { auditExport, type AuditResult } from '#audit';
import { fromHex, toHex, type BookId, type Hex } from '#base';
import type { AnchoredFact } from '../../src/audit/chain/facts.ts';
import { exportOf, hashOf, recordedChain, recordedLines, type StoredBookRecord } from './recorded.ts';

/** 32 bytes of one value. */
const bytes = (value: string): Hex => `0x${value.repeat(32)}`;

function assertFinds({ findings }: AuditResult, sentence: RegExp, batch: bigint | null): void {
  const found = findings.some((one) => one.kind === 'anchor' && one.batch === batch && sentence.test(one.sentence));
  assert.ok(found, `none of batch ${batch} like ${sentence} among:\n${findings.map((one) => `${one.kind} ${one.batch}: ${one.sentence}`).join('\n')}`);
}

describe('an audit of a log that other books are in', () => {
  const LOW = { book: '00000000-0000-8000-8000-000000000001' as BookId, firstSeq: '1', lastSeq: '9', previousHead: bytes('00'), batchRoot: bytes('dd') };
  const HIGH = { ...LOW, book: 'ffffffff-ffff-8fff-bfff-fffffffffff2' as BookId, firstSeq: '4', previousHead: bytes('ee') };

  /** The recorded log with other records under its leaves, and a chain that has it. `ours`: the book's own record of the anchor. */
  async function auditOf(change: (ours: StoredBookRecord, index: number) => readonly StoredBookRecord[]): Promise<AuditResult> {
    const lines = recordedLines();
    const chain = recordedChain();
    const anchored: AnchoredFact[] = [];
    let head = EMPTY_LOG;
    for (const [index, anchor] of lines.filter(({ type }) => type === 'anchor').entries()) {
      const books = change((anchor['books'] as StoredBookRecord[])[0]!, index);
      const leaf = mth(books.map((record) => fromHex(hashOf(record))));
      const previous = toHex(commitment(head));
      head = appendLeaf(head, leaf);
      anchored.push({ ...chain.anchored[index]!, leaf: toHex(leaf), previous, commitment: toHex(commitment(head)) });
      [anchor['books'], anchor['leaf']] = [books, toHex(leaf)];
    }
    return auditExport(await exportOf(lines), { ...chain, anchored, commitment: toHex(commitment(head)) });
  }

  it('agrees with a book that shares its anchors with others', async () => {
    const { findings } = await auditOf((ours) => [LOW, ours, HIGH]);
    assert.deepEqual(findings, []);
  });

  it('names a leaf whose books are out of order, or in which a book is twice', async () => {
    const swapped = await auditOf((ours, index) => (index === 1 ? [HIGH, ours] : [ours]));
    assertFinds(swapped, /^Anchor leaf 1 is not the root .*: the books are not in the order of their ids/, 2n);
    const twice = await auditOf((ours, index) => (index === 1 ? [LOW, { ...LOW, lastSeq: '10' }, ours] : [ours]));
    assertFinds(twice, /^Anchor leaf 1 is not the root .*: a book is there twice/, 2n);
  });

  it('names a later record of the book for a position that is taken, and goes by the first', async () => {
    let first: StoredBookRecord | undefined;
    const result = await auditOf((ours, index) => {
      first ??= ours;
      return index === 2 ? [LOW, { ...first, batchRoot: bytes('cc') }] : [ours];
    });
    assertFinds(result, /^Anchor 2 carries a record of the book for records 1 to \d+, which follows nothing: the log has/, null);
    // What the database says to be in that anchor is not in it.
    assertFinds(result, /said to be in anchor 2, which does not carry its book record/, 3n);
  });

  it('names the book’s own batch where another record took its position before it', async () => {
    const result = await auditOf((ours, index) => [index === 0 ? { ...ours, batchRoot: bytes('cc') } : ours]);
    for (const batch of [1n, 2n]) assertFinds(result, /does not carry its book record/, batch);
  });

  it('names a leaf of which the export opens fewer records than it has', async () => {
    const lines = recordedLines();
    const chain = recordedChain();
    const anchor = lines.findLast(({ type }) => type === 'anchor')!;
    const hidden = mth([...(anchor['books'] as StoredBookRecord[]), HIGH].map((record) => fromHex(hashOf(record))));
    anchor['leaf'] = toHex(hidden);
    const result = auditExport(await exportOf(lines), chain);
    assertFinds(result, /^Anchor leaf \d+ is not the root of the book records under it, of which batch/, 5n);
  });
});
