import type { RandomBytes } from '#base';
import {
  dkgBegin,
  dkgCommit,
  dkgFinish,
  dkgOpen,
  dkgProve,
  refreshBegin,
  refreshCommit,
  refreshEcho,
  refreshFinish,
  refreshOpen,
  type DkgFacts,
  type KeyRecord,
} from '#mpc/protocol';
import { value, type Talk } from './talk.ts';

/** Rounds of a dealing: nonce, commitment, opening, share, and the proof or echo. */
export const DEALING_ROUNDS = 5;

/** Digest section 3, D0 to D4. */
export async function generateKey(facts: DkgFacts, talk: Talk, random: RandomBytes): Promise<KeyRecord> {
  const begun = dkgBegin(facts, random);
  const nonces = await talk.all(0, begun.broadcast);
  const committed = value(dkgCommit(begun.next, nonces, random));
  // Only now that all n commitments are here does anybody open.
  const commitments = await talk.all(1, committed.broadcast);
  const opened = value(dkgOpen(committed.next, commitments));
  const [openings, shares] = await Promise.all([talk.all(2, opened.broadcast), talk.each(3, opened.direct!)]);
  const proved = value(dkgProve(opened.next, openings, shares));
  const proofs = await talk.all(4, proved.broadcast);
  return value(dkgFinish(proved.next, proofs)).result;
}

/** Digest 10.1: the same with f_i(0) = 0. */
export async function refreshShares(record: KeyRecord, next: number, talk: Talk, random: RandomBytes): Promise<KeyRecord> {
  const begun = refreshBegin(record, next, random);
  const nonces = await talk.all(0, begun.broadcast);
  const committed = value(refreshCommit(begun.next, nonces, random));
  const commitments = await talk.all(1, committed.broadcast);
  const opened = value(refreshOpen(committed.next, commitments));
  const [openings, shares] = await Promise.all([talk.all(2, opened.broadcast), talk.each(3, opened.direct!)]);
  const echoed = value(refreshEcho(opened.next, openings, shares));
  const echoes = await talk.all(4, echoed.broadcast);
  return value(refreshFinish(echoed.next, echoes)).result;
}
