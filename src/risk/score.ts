import type { IndexedName } from './name-index.ts';
import type { ComparableName } from './normalise.ts';
import { wordSimilarity } from './similarity.ts';

/** How far one name is another, in ten-thousandths, so that the figure can stand in canonical JSON. */

export const SAME = 10_000;

/** A name of one word has nothing beside it to confirm a likeness: PETROBRAS is not PETROPARS. */
const LONE_WORD = 0.94;

/** Joins neighbours that the other name writes as one word. */
function joinLike(words: readonly string[], other: readonly string[]): readonly string[] {
  const joined: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const pair = words[i]! + (words[i + 1] ?? '');
    const isOneThere = i + 1 < words.length && other.includes(pair);
    joined.push(isOneThere ? pair : words[i]!);
    if (isOneThere) i++;
  }
  return joined;
}

interface Alignment {
  readonly a: number;
  readonly b: number;
  readonly similarity: number;
}

/** Pairs words with their best partners, whatever the order: surnames first or last. Ties fall to the earlier words, so that the result is always the same. */
function align(a: readonly string[], b: readonly string[]): readonly Alignment[] {
  const possible = a.flatMap((word, i) => b.map((other, j) => ({ a: i, b: j, similarity: wordSimilarity(word, other) })));
  const ordered = possible.filter(({ similarity }) => similarity > 0).sort((x, y) => y.similarity - x.similarity || x.a - y.a || x.b - y.b);
  const [usedA, usedB] = [new Set<number>(), new Set<number>()];
  return ordered.filter((pair) => {
    if (usedA.has(pair.a) || usedB.has(pair.b)) return false;
    usedA.add(pair.a);
    usedB.add(pair.b);
    return true;
  });
}

function coverage(words: readonly string[], pairs: readonly (readonly [word: number, similarity: number])[], weightOf: (word: string) => number): number {
  const total = words.reduce((sum, word) => sum + weightOf(word), 0);
  return pairs.reduce((sum, [word, similarity]) => sum + weightOf(words[word]!) * similarity, 0) / total;
}

/**
 * A person is often paid under fewer names than the list has for him, so what the subject leaves out costs little, if at least two words meet; a company's name is
 * whole or another one, so both sides count the same. Words are weighed by how rare they are on the lists.
 */
export function scoreName(subject: ComparableName, { entry, comparable }: IndexedName, weightOf: (word: string) => number): number {
  if (subject.squashed === comparable.squashed) return SAME;
  const mine = joinLike(subject.words, comparable.words);
  const theirs = joinLike(comparable.words, mine);
  const aligned = align(mine, theirs);
  const isLone = mine.length === 1 || theirs.length === 1;
  const pairs = isLone ? aligned.filter(({ similarity }) => similarity >= LONE_WORD) : aligned;
  const [covered, coveredThere] = [
    coverage(
      mine,
      pairs.map(({ a, similarity }) => [a, similarity] as const),
      weightOf,
    ),
    coverage(
      theirs,
      pairs.map(({ b, similarity }) => [b, similarity] as const),
      weightOf,
    ),
  ];
  const isPartialPerson = entry.kind === 'individual' && pairs.length >= 2;
  const score = isPartialPerson ? covered * (0.75 + 0.25 * coveredThere) : (covered + coveredThere) / 2;
  // Only names that are the same to the letter are 10000.
  return Math.min(SAME - 1, Math.round(score * SAME));
}
