import type { AccountId } from '#base';
import type { Account } from '#ledger/core';
import type { LedgerService } from '../services.ts';

/** What never changes of an account: whose it is and what it is for. */
export type Party = Pick<Account, 'owner' | 'code'>;

/** Those of the given accounts that exist. */
export type Parties = (ids: readonly AccountId[]) => Promise<ReadonlyMap<AccountId, Party>>;

/** So many accounts are remembered; then all are asked for anew. */
const REMEMBERED = 200_000;

/** Asks the book for each account once, because nothing of a party ever changes; for what is not there yet every time. */
export function rememberParties({ accounts }: Pick<LedgerService, 'accounts'>): Parties {
  let known = new Map<AccountId, Party>();
  return async (ids) => {
    // Whoever waits for an answer keeps the map that he looked into, also where another is begun meanwhile.
    const mine = known;
    const missing = [...new Set(ids.filter((id) => !mine.has(id)))];
    if (missing.length > 0) for (const { id, owner, code } of await accounts(missing)) mine.set(id, { owner, code });
    if (mine.size > REMEMBERED) known = new Map();
    return mine;
  };
}
