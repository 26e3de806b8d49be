import { newId, Problem, type RandomBytes, type TimeMs, type Uuid } from '#base';
import { execute, loadSql, query, type Database } from '#db';
import { CLAIM_MS, judge, type IdempotencyScope, type Remembered } from './idempotency.ts';

const sql = loadSql(new URL('./sql/idempotency.sql', import.meta.url), ['claim', 'find', 'takeOver', 'answer', 'release', 'purge']);

interface Row {
  fingerprint: Buffer;
  claim: Uuid<'claim'>;
  claimed_ms: bigint;
  status: number | null;
  body: string | null;
}

/** Either this request is the one to act (and must settle its claim), or an answer is there already. */
export type Claim = { readonly kind: 'mine'; readonly claim: Uuid<'claim'> } | { readonly kind: 'replay'; readonly status: number; readonly body: string };

/**
 * Remembers requests by their Idempotency-Key. The effect itself commits in the ledger's own transaction, before the answer is stored here: a crash
 * in between leaves a claim without an answer, the retry takes it over after CLAIM_MS, and the ids derived from the key make its effect the same one.
 */
export interface IdempotencyStore {
  claim(scope: IdempotencyScope, fingerprint: Uint8Array, nowMs: TimeMs): Promise<Claim>;
  /** Stores the answer. A claim that was taken over in the meantime stores nothing: the other one answers the same. */
  answer(scope: IdempotencyScope, claim: Uuid<'claim'>, status: number, body: string): Promise<void>;
  /** Gives a claim up, for the same request to take over at once. */
  release(scope: IdempotencyScope, claim: Uuid<'claim'>): Promise<void>;
  /** Deletes what was claimed before `beforeMs`; gives how many. */
  purge(beforeMs: TimeMs): Promise<number>;
}

export function openIdempotency(database: Database, random: RandomBytes): IdempotencyStore {
  const { pool } = database;
  const find = async (where: readonly string[]): Promise<Remembered | null> => {
    const [row] = await query<Row>(pool, sql.find, where);
    return row ? rememberedOf(row) : null;
  };
  return {
    async claim(scope, fingerprint, nowMs) {
      const where = columns(scope);
      const claim = newId<Uuid<'claim'>>(nowMs, random);
      const claimed = await execute(pool, sql.claim, [...where, Buffer.from(fingerprint), claim, nowMs]);
      if (claimed === 1) return { kind: 'mine', claim };
      const remembered = await find(where);
      // The claim that stood in the way was released in this moment: as if its request were still running.
      if (!remembered) throw inFlight();
      const verdict = judge(remembered, fingerprint, nowMs);
      if (verdict.kind === 'replay') return verdict;
      const taken = await execute(pool, sql.takeOver, [...where, verdict.claim, claim, nowMs]);
      if (taken === 0) throw inFlight();
      return { kind: 'mine', claim };
    },
    async answer(scope, claim, status, body) {
      await execute(pool, sql.answer, [...columns(scope), claim, status, body]);
    },
    async release(scope, claim) {
      await execute(pool, sql.release, [...columns(scope), claim, CLAIM_MS]);
    },
    async purge(beforeMs) {
      return execute(pool, sql.purge, [beforeMs]);
    },
  };
}

function columns(scope: IdempotencyScope): string[] {
  return [scope.caller, scope.method, scope.path, scope.key];
}

function inFlight(): Problem {
  return new Problem('http/idempotency-in-flight', 'Another request with this Idempotency-Key runs at this moment.', { retryAfterS: 1 });
}

function rememberedOf(row: Row): Remembered {
  return {
    fingerprint: new Uint8Array(row.fingerprint),
    claim: row.claim,
    claimedMs: Number(row.claimed_ms),
    answer: row.status === null || row.body === null ? null : { status: row.status, body: row.body },
  };
}
