import { sha256 } from '@noble/hashes/sha2.js';
import { concat, fromHex, Problem, toHex } from '#base';
import { NameIndex, type IndexedName } from './name-index.ts';
import { normaliseName, type ComparableName } from './normalise.ts';
import { SAME, scoreName } from './score.ts';
import type { Decision, Hit, ListEntry, Screener, Screening, ScreeningList, Subject } from './types.ts';

/** From this score on a name is taken for the listed one (test/risk/threshold.test.ts shows what it finds and what it spares). */
export const REFUSE_AT = 9500;
/** From this score on a person has to look. */
export const REVIEW_AT = 8800;
const SHOWN_HITS = 10;
/** A score of REVIEW_AT needs at least this share of the subject covered, even where the listed name is covered whole: (share + 1) / 2 = REVIEW_AT / SAME. */
const LEAST_SHARE = (2 * REVIEW_AT) / SAME - 1;

const SEVERITY: Readonly<Record<Decision, number>> = { clear: 0, review: 1, refuse: 2 };

function byWeight(a: Hit, b: Hit): number {
  return (
    SEVERITY[b.decision] - SEVERITY[a.decision] || b.score - a.score || (a.list < b.list ? -1 : Number(a.list > b.list)) || Number(a.entry) - Number(b.entry)
  );
}

/** Ships, aircraft and nicknames share their names with honest people: they are looked at, never refused unseen. */
function nameHit({ entry, listed }: IndexedName, score: number): Hit | null {
  const isWeak = listed.source === 'weak alias' || entry.kind === 'vessel' || entry.kind === 'aircraft';
  if (score < REVIEW_AT || (isWeak && score < SAME)) return null;
  const decision = score >= REFUSE_AT && !isWeak ? 'refuse' : 'review';
  return { list: entry.list, entry: entry.id, matched: listed.name, score, decision, reason: `${entry.reason}: ${listed.source} name` };
}

function applies(entry: ListEntry, subject: Subject): boolean {
  return entry.country === null || subject.country === null || entry.country === subject.country;
}

function sameFormAddress(address: string): string {
  return /^0x[0-9a-fA-F]{40}$/i.test(address) ? address.toLowerCase() : address;
}

function exactHit(entry: ListEntry, matched: string, reason: string): Hit {
  return { list: entry.list, entry: entry.id, matched, score: SAME, decision: 'refuse', reason: `${entry.reason}: ${reason}` };
}

/** A name that cannot be compared is nobody's clearance. */
function unreadable(subject: Subject): Hit {
  return {
    list: 'none',
    entry: '0',
    matched: subject.name.slice(0, 140),
    score: 0,
    decision: 'review',
    reason: 'The name is empty or in a script that cannot be compared',
  };
}

function nameHits(index: NameIndex, comparable: ComparableName, subject: Subject): readonly Hit[] {
  const weightOf = (word: string): number => index.weightOf(word);
  const best = new Map<ListEntry, Hit>();
  for (const candidate of index.candidates(comparable, LEAST_SHARE)) {
    if (!applies(candidate.entry, subject)) continue;
    const hit = nameHit(candidate, scoreName(comparable, candidate, weightOf));
    const known = best.get(candidate.entry);
    if (hit && (!known || byWeight(hit, known) < 0)) best.set(candidate.entry, hit);
  }
  return [...best.values()];
}

/**
 * Builds the index over all lists once (a quarter of a second for OFAC's). Exact address and barred country refuse; a name refuses or asks for a person's look by
 * its score. Throws `risk/empty-list` where there is no list, or one without entries.
 */
export function createScreener(lists: readonly ScreeningList[]): Screener {
  const empty = lists.find((list) => list.entries.length === 0);
  if (empty) throw new Problem('risk/empty-list', `The list "${empty.name}" holds not one entry.`, { list: empty.name });
  if (lists.length === 0) throw new Problem('risk/empty-list', 'No list is loaded.');
  const entries = lists.flatMap((list) => list.entries);
  const index = new NameIndex(entries);
  const listHash = toHex(sha256(concat(...lists.map((list) => fromHex(list.hash)))));
  const byAddress = Map.groupBy(
    entries.flatMap((entry) => entry.addresses.map((address) => ({ entry, address: sameFormAddress(address) }))),
    ({ address }) => address,
  );
  const barred = Map.groupBy(
    entries.filter((entry) => entry.country !== null && entry.names.length === 0 && entry.addresses.length === 0),
    (entry) => entry.country!,
  );

  function screen(subject: Subject): Screening {
    const comparable = normaliseName(subject.name);
    const atAddress = subject.address === null ? [] : (byAddress.get(sameFormAddress(subject.address)) ?? []);
    const hits = [
      ...atAddress.map(({ entry, address }) => exactHit(entry, address, 'listed address')),
      ...(subject.country === null ? [] : (barred.get(subject.country) ?? [])).map((entry) => exactHit(entry, subject.country!, 'barred country')),
      ...(comparable.isComparable ? [] : [unreadable(subject)]),
      ...nameHits(index, comparable, subject),
    ].sort(byWeight);
    return { decision: hits[0]?.decision ?? 'clear', hits: hits.slice(0, SHOWN_HITS), listHash };
  }

  return { listHash, entryCount: entries.length, screen };
}
