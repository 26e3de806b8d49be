import type { Hex } from '#base';

/** Someone nobody may be paid through us, as one list has him. */
export interface ListEntry {
  /** Which list: "ofac" or "own". */
  readonly list: string;
  /** The list's own number of the entry, or its line. */
  readonly id: string;
  readonly kind: 'individual' | 'entity' | 'vessel' | 'aircraft';
  readonly names: readonly ListedName[];
  /** Ethereum addresses in lower case; those of other chains as written. */
  readonly addresses: readonly string[];
  /** ISO 3166-1 alpha-2 of a row of our own list: alone it bars the country; beside a name it narrows the name to it. */
  readonly country: string | null;
  /** Programme, or why we listed him. */
  readonly reason: string;
}

export interface ListedName {
  /** As written on the list. */
  readonly name: string;
  readonly source: 'primary' | 'alias' | 'weak alias';
}

export interface ScreeningList {
  readonly name: string;
  /** SHA-256 of the files it was read from. */
  readonly hash: Hex;
  readonly entries: readonly ListEntry[];
}

export interface Subject {
  readonly name: string;
  /** Where the money would go, in any spelling of hexadecimal; null where there is none yet. */
  readonly address: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly country: string | null;
}

export type Decision = 'clear' | 'review' | 'refuse';

export interface Hit {
  readonly list: string;
  readonly entry: string;
  /** The name or address on the list that was met. */
  readonly matched: string;
  /** Ten-thousandths: 10000 is the very same name or address. An integer, so that it can stand in canonical JSON. */
  readonly score: number;
  readonly decision: 'review' | 'refuse';
  readonly reason: string;
}

/** Canonical-JSON-ready: the `screening` field of a payment's first leg. */
export interface Screening {
  readonly decision: Decision;
  /** The worst first, then by score, list and entry; at most ten. */
  readonly hits: readonly Hit[];
  /** SHA-256 over the hashes of all lists, in their order. */
  readonly listHash: Hex;
}

/** Answers the same for the same subject and the same lists, always. */
export interface Screener {
  readonly listHash: Hex;
  /** Entries of all lists. */
  readonly entryCount: number;
  screen(subject: Subject): Screening;
}
