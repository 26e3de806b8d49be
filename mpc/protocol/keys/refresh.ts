/**
 * Refresh (digest section 10.1): new shares of the same key for the same parties. Every party deals a polynomial with f_i(0) = 0, so X and with it every address stays; cc is carried over, never made
 * anew. No K, z or cc: there is nothing to know about a zero. Afterwards all of section 4 afresh, and the switch of 10.3.
 */
import { Problem, utf8, type RandomBytes } from '#base';
import { abort, attempt, type Aborted, type Once } from '../primitives/abort.ts';
import { H, list, u32 } from '../primitives/hash.ts';
import { contextOf } from '../primitives/keyShare.ts';
import { HASH_BYTES } from '../primitives/parameters.ts';
import { allParties, type PartyId } from '../primitives/parties.ts';
import { O } from '../primitives/points.ts';
import { commitments as inExponent, evaluate, evaluateInExponent, randomPolynomial, type Polynomial } from '../primitives/polynomials.ts';
import { drawn, mod, scalarBytes } from '../primitives/scalars.ts';
import {
  checkEcho,
  checkShare,
  commitmentMessage,
  commitmentTo,
  echoOf,
  openingMessage,
  openingOf,
  readCommitments,
  readOpenings,
  readShares,
  shareMessage,
  sumOfVectors,
  type Dealing,
  type Opening,
} from './dealing.ts';
import { epochOf, isConsistent, recordOf, secretScalar, storedPoint, type KeyRecord } from './epoch.ts';
import { checkInbox, frame, others, sent, unframe, type Done, type Inbox, type Sent } from './rounds.ts';

export interface RefreshBegun {
  /** Of the epoch that is refreshed. */
  readonly record: KeyRecord;
  /** The number of the new epoch: above that of every epoch that a party has confirmed, so that a later attempt stands above an earlier one (switch/switch.ts). */
  readonly next: number;
  readonly proposal: Uint8Array;
  readonly nonce: Uint8Array;
}

export interface RefreshCommitted {
  readonly record: KeyRecord;
  readonly next: number;
  readonly deal: Dealing;
  readonly f: Polynomial;
  readonly opening: Opening;
  readonly commitment: Uint8Array;
}

export interface RefreshOpened extends RefreshCommitted {
  readonly commitments: ReadonlyMap<PartyId, Uint8Array>;
}

export interface RefreshEchoed {
  readonly record: KeyRecord;
  readonly next: number;
  readonly deal: Dealing;
  readonly openings: ReadonlyMap<PartyId, Opening>;
  readonly x: bigint;
  readonly echo: Uint8Array;
}

const SALT_BYTES = 32;

/** N_i of a new attempt to refresh `record`. */
export function refreshBegin(record: KeyRecord, next: number, random: RandomBytes): Sent<RefreshBegun> {
  if (!Number.isInteger(next) || next <= record.epoch || next >= 2 ** 32)
    throw new Problem('mpc/bad-parameters', `Epoch ${next} does not come after epoch ${record.epoch}.`);
  const proposal = H('proposal/v1', utf8('refresh'), contextOf(record), u32(next));
  const nonce = drawn(HASH_BYTES, random);
  return sent({ record, next, proposal, nonce }, 'The commitment of this refresh', frame({ kind: 'refresh/nonce', sid: proposal, from: record.id }, nonce));
}

/** D1 with f_i(0) = 0: the t - 1 coefficients k = 1..t-1 are committed to. */
export function refreshCommit(state: Once<RefreshBegun>, nonces: Inbox, random: RandomBytes): Sent<RefreshCommitted> | Aborted {
  return attempt(() => {
    const { record, next, proposal, nonce } = state.take(({ record }) => checkInbox(nonces, peers(record), 'Nonces'));
    const { id: own, n, t } = record;
    const N = allParties(n).map((j) =>
      j === own ? nonce : unframe(nonces.get(j)!, { kind: 'refresh/nonce', sid: proposal, from: j }, HASH_BYTES).bytes(HASH_BYTES),
    );
    const sid = H('refresh-sid/v1', contextOf(record), u32(next), list(N, HASH_BYTES)); // ctx names the epoch that is refreshed
    const deal: Dealing = { name: 'refresh', sid, dealers: allParties(n), coefficients: t - 1, rest: [SALT_BYTES] };
    const f = randomPolynomial(t, random, 0n); // f_i(0) = 0 (10.1)
    const opening = openingOf(inExponent(f).slice(1), [drawn(SALT_BYTES, random)]); // exactly t-1 coefficients, no cc_i, K_i
    const commitment = commitmentTo(deal, own, opening);
    return sent({ record, next, deal, f, opening, commitment }, 'The opening of this refresh', commitmentMessage(deal, own, commitment));
  });
}

/** D2: after all n commitments, the opening to everybody and f_i(j) to each P_j alone. */
export function refreshOpen(state: Once<RefreshCommitted>, inbox: Inbox): Sent<RefreshOpened> | Aborted {
  return attempt(() => {
    const committed = state.take(({ record }) => checkInbox(inbox, peers(record), 'Commitments'));
    const { record, deal, f, opening, commitment } = committed;
    const commitments = readCommitments(deal, inbox).set(record.id, commitment);
    const direct = new Map(peers(record).map((j) => [j, shareMessage(deal, record.id, j, evaluate(f, j))]));
    return sent({ ...committed, commitments }, 'The echo of this refresh', openingMessage(deal, record.id, opening), direct);
  });
}

/** D3 without proofs: every opening and share is checked, and the echo of all that was broadcast is sent. */
export function refreshEcho(state: Once<RefreshOpened>, openingInbox: Inbox, shareInbox: Inbox): Sent<RefreshEchoed> | Aborted {
  return attempt(() => {
    const { record, next, deal, f, opening, commitments } = state.take(({ record }) => {
      checkInbox(openingInbox, peers(record), 'Openings');
      checkInbox(shareInbox, peers(record), 'Shares');
    });
    const own = record.id;
    const openings = readOpenings(deal, commitments, openingInbox);
    const shares = readShares(deal, own, shareInbox);
    for (const j of peers(record)) checkShare(j, [O, ...openings.get(j)!.A], own, shares.get(j)!.s); // the constant term is 0 by form, not by trust
    openings.set(own, opening);
    const dealt = peers(record).reduce((total, j) => total + shares.get(j)!.s, evaluate(f, own));
    const x = mod(secretScalar(record) + dealt); // x_i' = x_i + sum_j f_j(i)
    const echo = echoOf(deal, commitments, openings);
    return sent({ record, next, deal, openings, x, echo }, 'The end of this refresh', frame({ kind: 'refresh/echo', sid: deal.sid, from: own }, echo));
  });
}

/** D4: all echoes agree; then the record of the next epoch, which goes to the disk as PENDING beside the old one. */
export function refreshFinish(state: Once<RefreshEchoed>, inbox: Inbox): Done<KeyRecord> | Aborted {
  return attempt(() => {
    const { record, next, deal, openings, x, echo } = state.take(({ record }) => checkInbox(inbox, peers(record), 'Echoes'));
    for (const from of peers(record)) {
      const reader = unframe(inbox.get(from)!, { kind: 'refresh/echo', sid: deal.sid, from }, HASH_BYTES);
      checkEcho(echo, from, reader.bytes(HASH_BYTES));
    }
    const { keyId, n, t, identities, chainCode } = record; // cc carries over: made anew, it would orphan every derived address
    const sums = [O, ...sumOfVectors(deal.dealers.map((dealer) => openings.get(dealer)!.A))];
    const X = storedPoint(record.publicKey);
    const Xs = deal.dealers.map((j) => storedPoint(record.publicShares[j - 1]!).add(evaluateInExponent(sums, j))); // X_j' = X_j + sum_{k>=1} j^k sum_m A_{m,k}
    if (Xs.some((point) => point.is0())) throw abort('mpc/key-differs', null, 'A new share would be zero.'); // x_i' != 0
    if (!isConsistent({ n, t, X, Xs })) throw abort('mpc/key-differs', null, 'The new public shares are not of the key.'); // the X_j' interpolate to X
    const epoch = epochOf({ origin: 'refresh', keyId, n, t, epoch: next, attempt: deal.sid, identities, X, Xs, chainCode });
    const refreshed = recordOf(epoch, record.id, scalarBytes(x)); // x_i' G == X_i'
    if (!refreshed) throw abort('mpc/key-differs', null, 'The own share does not belong to the epoch that was refreshed.');
    return { kind: 'done', result: refreshed };
  });
}

function peers({ id, n }: KeyRecord): PartyId[] {
  return others(allParties(n), id);
}
