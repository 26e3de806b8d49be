import { normaliseName, type ComparableName } from './normalise.ts';
import { soundOf, trigramsOf, wordSimilarity } from './similarity.ts';
import type { ListedName, ListEntry } from './types.ts';

/** One name of one entry, ready to be compared. */
export interface IndexedName {
  readonly entry: ListEntry;
  readonly listed: ListedName;
  readonly comparable: ComparableName;
}

interface AlikeWord {
  readonly word: string;
  readonly similarity: number;
}

function push<Key>(map: Map<Key, number[]>, key: Key, value: number): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function pairsOf(words: readonly string[]): readonly string[] {
  return words.slice(1).map((word, i) => words[i]! + word);
}

const MOST_WEIGHT = 14;
const LEAST_WEIGHT = 2;
/** Words remembered with their look-alikes; a payment run repeats the same few thousand. */
const REMEMBERED_WORDS = 20_000;

/**
 * Finds, among tens of thousands of listed names, the few that could reach a score: by the words they share or nearly share. It proposes and never decides, and
 * leaves out only names whose covered weight is below what is asked for.
 */
export class NameIndex {
  readonly names: readonly IndexedName[];
  readonly #namesByWord = new Map<string, number[]>();
  readonly #namesByPair = new Map<string, number[]>();
  readonly #namesBySquashed = new Map<string, number[]>();
  readonly #words: string[] = [];
  readonly #wordsByTrigram = new Map<string, number[]>();
  readonly #wordsBySound = new Map<string, number[]>();
  readonly #remembered = new Map<string, readonly AlikeWord[]>();

  constructor(entries: readonly ListEntry[]) {
    this.names = entries.flatMap((entry) => entry.names.map((listed) => ({ entry, listed, comparable: normaliseName(listed.name) })));
    this.names.forEach(({ comparable }, i) => {
      for (const word of new Set(comparable.words)) push(this.#namesByWord, word, i);
      for (const pair of new Set(pairsOf(comparable.words))) push(this.#namesByPair, pair, i);
      push(this.#namesBySquashed, comparable.squashed, i);
    });
    for (const word of this.#namesByWord.keys()) {
      const id = this.#words.push(word) - 1;
      for (const trigram of new Set(trigramsOf(word))) push(this.#wordsByTrigram, trigram, id);
      push(this.#wordsBySound, soundOf(word), id);
    }
  }

  /** What meeting this word is worth: 14 for one no name on the lists has, one less for every doubling of how many have it, at least 2. An initial says little. */
  weightOf(word: string): number {
    const names = this.#namesByWord.get(word)?.length ?? 0;
    if (word.length === 1 || (word.length === 2 && names === 0)) return LEAST_WEIGHT;
    return Math.max(LEAST_WEIGHT, MOST_WEIGHT - (names === 0 ? 0 : names.toString(2).length));
  }

  #alike(word: string): readonly AlikeWord[] {
    const known = this.#remembered.get(word);
    if (known) return known;
    const ids = new Set<number>(this.#wordsBySound.get(soundOf(word)));
    for (const trigram of trigramsOf(word)) for (const id of this.#wordsByTrigram.get(trigram) ?? []) ids.add(id);
    const alike = [...ids]
      .map((id) => ({ word: this.#words[id]!, similarity: wordSimilarity(word, this.#words[id]!) }))
      .filter(({ similarity }) => similarity > 0)
      .sort((a, b) => b.similarity - a.similarity);
    if (this.#remembered.size >= REMEMBERED_WORDS) this.#remembered.clear();
    this.#remembered.set(word, alike);
    return alike;
  }

  /** Names that the subject's words cover to at least `share` of their weight, or that are the same when written in one word. In the order of the lists. */
  candidates(subject: ComparableName, share: number): readonly IndexedName[] {
    const covered = new Map<number, number>();
    const found = new Set<number>(this.#namesBySquashed.get(subject.squashed));
    const total = subject.words.reduce((sum, word) => sum + this.weightOf(word), 0);
    for (const word of subject.words) {
      const weight = this.weightOf(word);
      const seen = new Set<number>();
      for (const { word: listed, similarity } of this.#alike(word)) {
        for (const name of this.#namesByWord.get(listed)!) {
          if (seen.has(name)) continue;
          seen.add(name);
          covered.set(name, (covered.get(name) ?? 0) + weight * similarity);
        }
      }
      // A word of the subject that the list writes as two, and two that it writes as one: both are looked at more closely.
      for (const name of this.#namesByPair.get(word) ?? []) found.add(name);
    }
    for (const pair of pairsOf(subject.words)) for (const name of this.#namesByWord.get(pair) ?? []) found.add(name);
    for (const [name, weight] of covered) if (weight >= share * total) found.add(name);
    return [...found].sort((a, b) => a - b).map((name) => this.names[name]!);
  }
}
