import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { bookRecordHash } from '#anchor/core';
import { fromHex, toHex, type BookId, type Hex } from '#base';
import type { ChainFacts } from '../../src/audit/chain/facts.ts';
import { collect, type Exported } from '../../src/audit/export/read.ts';

const at = (name: string): string => fileURLToPath(new URL(`./recorded/${name}`, import.meta.url));

/** One real run of the example, as `record.ts` wrote it down: its export, what the chain said, and a receipt of a payment that was paid. */
export const RECORDED = { export: at('export.ndjson.gz'), chain: at('chain.json'), receipt: at('receipt.json') } as const;

export type RecordedChain = Omit<ChainFacts, 'holdings'> & {
  readonly holdings: readonly (readonly [token: Hex, units: bigint])[];
};

/** The lines of the recorded export, parsed, for a test to change. */
export type Line = Record<string, unknown> & { type: string };

export function recordedLines(): Line[] {
  const text = gunzipSync(readFileSync(RECORDED.export)).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

/** A book record as an anchor line opens it. */
export interface StoredBookRecord {
  readonly book: BookId;
  readonly firstSeq: string;
  readonly lastSeq: string;
  readonly previousHead: Hex;
  readonly batchRoot: Hex;
}

/** That of a batch line. */
export function bookRecordOf([header]: readonly Line[], { firstSeq, lastSeq, previousHead, batchRoot }: Line): StoredBookRecord {
  return { book: header!['book'], firstSeq, lastSeq, previousHead, batchRoot } as StoredBookRecord;
}

export function hashOf({ book, firstSeq, lastSeq, previousHead, batchRoot }: StoredBookRecord): Hex {
  const range = { firstSeq: BigInt(firstSeq), lastSeq: BigInt(lastSeq) };
  return toHex(bookRecordHash({ book, ...range, previousHead: fromHex(previousHead), batchRoot: fromHex(batchRoot) }));
}

/** Read again as an audit reads them; the last line counts what is there. */
export function exportOf(lines: readonly Line[]): Promise<Exported> {
  const body = lines.filter(({ type }) => type !== 'end');
  return collect([...body, { type: 'end', lines: body.length }].map((line) => JSON.stringify(line)));
}

export function recordedChain(): ChainFacts {
  const revive = (_: string, value: unknown): unknown => (typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value);
  const { holdings, ...facts } = JSON.parse(readFileSync(RECORDED.chain, 'utf8'), revive) as RecordedChain;
  return { ...facts, holdings: new Map(holdings) };
}

export function recordedReceipt(): string {
  return readFileSync(RECORDED.receipt, 'utf8');
}
