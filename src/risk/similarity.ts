/** How alike two words are, from 0 to 1. */

/** Jaro's measure: matching characters within half the longer length, and half of those out of order (M. A. Jaro, JASA 84, 1989). */
function jaro(a: string, b: string): number {
  const reach = Math.max(0, Math.floor(Math.max(a.length, b.length) / 2) - 1);
  const taken = new Uint8Array(b.length);
  const matchedA: number[] = [];
  for (let i = 0; i < a.length; i++) {
    const end = Math.min(b.length - 1, i + reach);
    for (let j = Math.max(0, i - reach); j <= end; j++) {
      if (taken[j] === 0 && a.charCodeAt(i) === b.charCodeAt(j)) {
        taken[j] = 1;
        matchedA.push(i);
        break;
      }
    }
  }
  const matches = matchedA.length;
  if (matches === 0) return 0;
  let outOfOrder = 0;
  let next = 0;
  for (let j = 0; j < b.length; j++) {
    if (taken[j] === 1 && a.charCodeAt(matchedA[next++]!) !== b.charCodeAt(j)) outOfOrder++;
  }
  return (matches / a.length + matches / b.length + (matches - outOfOrder / 2) / matches) / 3;
}

/** Winkler's addition: a common beginning of up to four characters counts more, in tenths of what is missing (W. E. Winkler, 1990). */
export function jaroWinkler(a: string, b: string): number {
  const base = jaro(a, b);
  let prefix = 0;
  while (prefix < 4 && prefix < a.length && a[prefix] === b[prefix]) prefix++;
  return base + prefix * 0.1 * (1 - base);
}

/** The consonants as they sound: MOHAMMED, MUHAMMAD and MOHAMED are one. The first letter stays what it is. */
export function soundOf(word: string): string {
  const spelled = word
    .replaceAll('ph', 'f')
    .replaceAll('kh', 'k')
    .replaceAll('ck', 'k')
    .replaceAll('q', 'k')
    .replaceAll('dzh', 'j')
    .replaceAll('dj', 'j')
    .replaceAll('w', 'v');
  return (
    spelled.slice(0, 1) +
    spelled
      .slice(1)
      .replaceAll(/[aeiouyh]/g, '')
      .replaceAll(/(.)\1+/g, '$1')
  );
}

/** The letters of a word in threes, with its ends marked: two words are compared only where they share one, which is what the index can look up. */
export function trigramsOf(word: string): readonly string[] {
  const padded = `^${word}$`;
  return Array.from({ length: padded.length - 2 }, (_, i) => padded.slice(i, i + 3));
}

/** One letter wrong, missing, too many or changed with its neighbour (F. J. Damerau, CACM 7, 1964: four of five typing errors). */
function isOneEdit(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) [endA, endB] = [endA - 1, endB - 1];
  const [restA, restB] = [a.slice(start, endA), b.slice(start, endB)];
  const isSwap = restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0];
  return isSwap || (restA.length <= 1 && restB.length <= 1);
}

/** Below it two words are strangers. */
const ALIKE = 0.88;
/** Words this short have to be the same: one letter of three is another name. */
const SHORT = 3;
const SAME_SOUND = 0.95;
/** In a word long enough that one letter is a slip, not another word; the longer, the surer. */
const ONE_EDIT: readonly (readonly [length: number, similarity: number])[] = [
  [8, 0.95],
  [5, 0.92],
];

/** 0 where the words are strangers. */
export function wordSimilarity(a: string, b: string): number {
  if (a === b) return 1;
  if (a.length <= SHORT || b.length <= SHORT) return 0;
  const spelling = jaroWinkler(a, b);
  const sounds = soundOf(a).length >= SHORT && soundOf(a) === soundOf(b) ? SAME_SOUND : 0;
  const slip = isOneEdit(a, b) ? (ONE_EDIT.find(([length]) => Math.min(a.length, b.length) >= length)?.[1] ?? 0) : 0;
  const best = Math.max(spelling, sounds, slip);
  return best >= ALIKE ? best : 0;
}
