import { Problem, type Clock, type TimeMs } from '#base';
import type { Database } from '#db';
import { sealedEnds } from './batchStore.ts';
import type { RecordSource } from './types.ts';

/** What is not in a block yet can still be rewritten by whoever owns the database: so its age is a stated figure. */
export const GREATEST_UNANCHORED_AGE_MS = 60_000;

export interface AgeOptions {
  readonly database: Database;
  readonly clock: Clock;
}

/** Age of the oldest record of these books that is in no block of the chain, in milliseconds; 0 when all are. */
export async function greatestUnanchoredAgeMs({ database, clock }: AgeOptions, sources: readonly RecordSource[]): Promise<number> {
  const ends = await sealedEnds(
    database.pool,
    sources.map(({ bookId }) => bookId),
  );
  const oldest = await Promise.all(sources.map((source) => oldestMs(source, ends.get(source.bookId))));
  const nowMs = clock.nowMs();
  return Math.max(0, ...oldest.map((ms) => (ms === null ? 0 : nowMs - ms)));
}

async function oldestMs(source: RecordSource, end: { readonly oldestMs: TimeMs | null; readonly lastSeq: bigint } | undefined): Promise<TimeMs | null> {
  if (end?.oldestMs != null) return end.oldestMs;
  const [first] = await source.records({ fromSeq: (end?.lastSeq ?? 0n) + 1n, limit: 1 });
  return first?.nowMs ?? null;
}

/** A block that is left behind makes records older at once: so it is looked again after this time, whatever was found. */
const BELIEVED_MS = 1_000;

/**
 * The enforcement: anchor/too-old while records wait longer than `limitMs`, so that nothing new is taken on top of them. It is asked before every request, and looks only where what
 * it found before no longer answers: the oldest record grows older by no more than the time that passes.
 */
export function freshness(options: AgeOptions, sources: readonly RecordSource[], limitMs: number): () => Promise<void> {
  let found: { readonly ageMs: number; readonly atMs: TimeMs } | null = null;
  let looking: Promise<void> | null = null;

  function isSurelyFresh(nowMs: TimeMs): boolean {
    if (!found || nowMs < found.atMs || nowMs - found.atMs >= BELIEVED_MS) return false;
    return found.ageMs + nowMs - found.atMs <= limitMs;
  }

  async function look(): Promise<void> {
    const atMs = options.clock.nowMs();
    const ageMs = await greatestUnanchoredAgeMs(options, sources);
    if (ageMs > limitMs)
      throw new Problem('anchor/too-old', `The oldest record has waited ${ageMs} ms for its anchor; ${limitMs} are allowed.`, { ageMs, limitMs });
    found = { ageMs, atMs };
  }

  return async () => {
    if (isSurelyFresh(options.clock.nowMs())) return;
    looking ??= look().finally(() => (looking = null));
    await looking;
  };
}
