import { isDeepStrictEqual } from 'node:util';
import type { BookId, TransferId } from '#base';
import { encodeRecord, merkleTree, messageHashes, recordFieldsRoot, sameHash, type Hash } from '#anchor/core';
import type { BookReader } from '#ledger';
import { emptyState, replay, type LedgerRecord, type Seq, type WholeState } from '#ledger/core';

const PAGE_RECORDS = 4_096;
/** Past so many a replay forgets which ids it has seen: that none comes twice is the journal's own index. */
const MOST_IDS = 200_000;
/** The same at both ends, which is all that these roots are for: those that are anchored bind a chain and are salted by their subjects' keys. */
const NO_CHAIN = 0n;
const NO_SALT = new Uint8Array(32);

/**
 * Follows a copy: replays its records with the pure ledger, and compares their roots with the source's, which bind their evidence as well. What was looked at is not looked at again, so
 * that what is left when nobody writes any more is little.
 */
export interface Verifier {
  /** What is wrong with the records up to `toSeq` that were not looked at before; null where nothing is. */
  follow(toSeq: Seq): Promise<string | null>;
  /** What the copy's balances are that its records do not add up to, of the accounts that changed since this was last asked; null where nothing is. */
  balances(): Promise<string | null>;
  /** The holds that ended since this was last asked, page by page: from here on nobody changes them. */
  endedHolds(): readonly (readonly TransferId[])[];
  /** The holds that stand open, page by page. */
  openHolds(): readonly (readonly TransferId[])[];
  /** What these holds of the copy are that its records do not add up to; null where nothing is. */
  holds(ids: readonly TransferId[]): Promise<string | null>;
}

/** `onVerified`: told after each page up to which record. */
export function createVerifier(book: BookId, source: BookReader, target: BookReader, onVerified: (seq: Seq) => void): Verifier {
  const state = emptyState();
  const ended = new Set<TransferId>();
  let balancedSeq: Seq = 0n;

  async function follow(toSeq: Seq): Promise<string | null> {
    while (state.seq < toSeq) {
      const page = { fromSeq: state.seq + 1n, limit: Math.min(PAGE_RECORDS, Number(toSeq - state.seq)) };
      const [there, here] = await Promise.all([source.records(page), target.records(page)]);
      if (here.length !== page.limit || !sameHash(rootOf(book, there), rootOf(book, here))) return `the root of ${page.limit} records from ${page.fromSeq} on`;
      const contradiction = replay(state, here);
      if (contradiction) return `record ${contradiction.seq}: ${contradiction.what}`;
      forget(state);
      onVerified(state.seq);
    }
    return null;
  }

  async function balances(): Promise<string | null> {
    for (const ids of chunks([...state.accounts.values()].filter(({ seq }) => seq > balancedSeq).map(({ id }) => id))) {
      const accounts = await target.accounts(ids);
      const wrong = accounts.find((account) => !isDeepStrictEqual(account, state.accounts.get(account.id)));
      if (wrong || accounts.length !== ids.length) return `the balances of account ${wrong?.id ?? 'that is missing'}`;
    }
    balancedSeq = state.seq;
    return null;
  }

  function endedHolds(): TransferId[][] {
    const ids = [...state.holds.values()].filter(({ id, status }) => status !== 'open' && !ended.has(id)).map(({ id }) => id);
    for (const id of ids) ended.add(id);
    return [...chunks(ids)];
  }

  function openHolds(): TransferId[][] {
    return [...chunks([...state.holds.values()].filter(({ status }) => status === 'open').map(({ id }) => id))];
  }

  async function holds(ids: readonly TransferId[]): Promise<string | null> {
    const found = await target.holds(ids);
    const wrong = found.find((hold) => !isDeepStrictEqual(hold, state.holds.get(hold.id)));
    return wrong || found.length !== ids.length ? `the hold ${wrong?.id ?? 'that is missing'}` : null;
  }

  return { follow, balances, endedHolds, openHolds, holds };
}

function rootOf(book: BookId, records: readonly LedgerRecord[]): Hash {
  const context = { chainId: NO_CHAIN, book };
  return merkleTree(messageHashes(records.map((record) => encodeRecord(context, record, recordFieldsRoot(record, NO_SALT))))).root;
}

function forget({ transfers, refusals }: WholeState): void {
  for (const seen of [transfers, refusals]) if (seen.size > MOST_IDS) seen.clear();
}

function* chunks<Id>(ids: readonly Id[]): Generator<Id[]> {
  for (let i = 0; i < ids.length; i += PAGE_RECORDS) yield ids.slice(i, i + PAGE_RECORDS);
}
