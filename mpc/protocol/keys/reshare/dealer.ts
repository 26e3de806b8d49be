/** The old parties' steps of a reshare (digest section 11.1): nonce, commit, open and deal, echo, finish. What comes out is the new epoch without a share: by it an old party knows the bundle that lets it erase its own (10.3). */
import { Problem, type RandomBytes } from '#base';
import { attempt, type Aborted, type Once } from '../../primitives/abort.ts';
import { equal } from '../../primitives/constantTime.ts';
import { HASH_BYTES } from '../../primitives/parameters.ts';
import { allParties, lagrange, type PartyId } from '../../primitives/parties.ts';
import { commitments as inExponent, evaluate, randomPolynomial, type Polynomial } from '../../primitives/polynomials.ts';
import { drawn, mod } from '../../primitives/scalars.ts';
import { commitmentMessage, commitmentTo, echoOf, openingMessage, openingOf, readCommitments, shareMessage, type Dealing, type Opening } from '../dealing.ts';
import { chainCodeHash, secretScalar, type Epoch, type KeyRecord } from '../epoch.ts';
import {
  anchorHash,
  checkEchoes,
  checkFacts,
  checkInboxes,
  dealingOf,
  epochDealt,
  proposalOf,
  readDealt,
  SALT_BYTES,
  type Anchor,
  type Inboxes,
  type ReshareFacts,
  type Seat,
} from './reshare.ts';
import { checkInbox, frame, others, sent, type Done, type Inbox, type Sent } from '../rounds.ts';

export interface DealerBegun {
  readonly facts: ReshareFacts;
  readonly record: KeyRecord;
  readonly nonce: Uint8Array;
}

export interface DealerCommitted {
  readonly facts: ReshareFacts;
  readonly record: KeyRecord;
  readonly dealing: Dealing;
  readonly g: Polynomial;
  readonly opening: Opening;
  readonly commitment: Uint8Array;
}

export interface DealerOpened {
  readonly facts: ReshareFacts;
  readonly record: KeyRecord;
  readonly dealing: Dealing;
  readonly opening: Opening;
  readonly commitments: ReadonlyMap<PartyId, Uint8Array>;
}

export interface DealerEchoed {
  readonly facts: ReshareFacts;
  readonly record: KeyRecord;
  readonly dealing: Dealing;
  readonly openings: ReadonlyMap<PartyId, Opening>;
  readonly echo: Uint8Array;
}

const seat = ({ record }: { readonly record: KeyRecord }): Seat => ({ role: 'dealer', own: record.id });
const peers = ({ record, facts }: { readonly record: KeyRecord; readonly facts: ReshareFacts }): PartyId[] => others(facts.dealers, record.id);

/** The anchor of an epoch, for the operators to carry to the new parties by a way of their own. */
export function anchorOf({ keyId, epochId, n, t, publicKey, publicShares, chainCode }: Epoch): Anchor {
  return { keyId, epochId, n, t, publicKey, publicShares, chainCodeHash: chainCodeHash(chainCode) };
}

/** mpc/bad-parameters where the facts are none, are of another epoch than the record's, or do not name this party as a dealer. */
export function dealerBegin(facts: ReshareFacts, record: KeyRecord, random: RandomBytes): Sent<DealerBegun> {
  checkFacts(facts);
  if (!equal(anchorHash(facts.anchor), anchorHash(anchorOf(record))))
    throw new Problem('mpc/bad-parameters', 'The anchor is not of the epoch that this party holds.');
  if (!facts.dealers.includes(record.id)) throw new Problem('mpc/bad-parameters', `Party ${record.id} is not among the dealers.`);
  if (facts.epoch <= record.epoch) throw new Problem('mpc/bad-parameters', `Epoch ${facts.epoch} does not come after epoch ${record.epoch}.`);
  const nonce = drawn(HASH_BYTES, random);
  return sent(
    { facts, record, nonce },
    'The commitment of this reshare',
    frame({ kind: 'reshare/dealer-nonce', sid: proposalOf(facts), from: record.id }, nonce),
  );
}

/** g_i of degree t' - 1 with g_i(0) = lambda_i x_i, committed to before any dealer opens. */
export function dealerCommit(state: Once<DealerBegun>, nonces: Inboxes, random: RandomBytes): Sent<DealerCommitted> | Aborted {
  return attempt(() => {
    const { facts, record, nonce } = state.take((begun) => checkInboxes(nonces, begun.facts, seat(begun), 'Nonces'));
    const dealing = dealingOf(facts, seat({ record }), nonce, nonces);
    const a = mod(lagrange(record.id, facts.dealers) * secretScalar(record)); // a_i = lambda_i x_i
    const g = randomPolynomial(facts.next.t, random, a);
    const opening = openingOf(inExponent(g), [drawn(SALT_BYTES, random)]); // B_{i,k}
    const commitment = commitmentTo(dealing, record.id, opening);
    return sent({ facts, record, dealing, g, opening, commitment }, 'The opening of this reshare', commitmentMessage(dealing, record.id, commitment));
  });
}

/** After all dealers' commitments: the opening to everybody, and g_i(j) with cc to each new party j alone. */
export function dealerOpen(state: Once<DealerCommitted>, inbox: Inbox): Sent<DealerOpened> | Aborted {
  return attempt(() => {
    const { facts, record, dealing, g, opening, commitment } = state.take((committed) => checkInbox(inbox, peers(committed), 'Commitments'));
    const commitments = readCommitments(dealing, inbox).set(record.id, commitment);
    const direct = new Map(allParties(facts.next.n).map((j) => [j, shareMessage(dealing, record.id, j, evaluate(g, j), record.chainCode)]));
    return sent({ facts, record, dealing, opening, commitments }, 'The echo of this reshare', openingMessage(dealing, record.id, opening), direct);
  });
}

/** The dealers echo too: they held all commitments before they opened, and the new parties were not there to see it. */
export function dealerEcho(state: Once<DealerOpened>, inbox: Inbox): Sent<DealerEchoed> | Aborted {
  return attempt(() => {
    const { facts, record, dealing, opening, commitments } = state.take((opened) => checkInbox(inbox, peers(opened), 'Openings'));
    const openings = readDealt(facts, dealing, commitments, inbox).set(record.id, opening);
    const echo = echoOf(dealing, commitments, openings);
    return sent(
      { facts, record, dealing, openings, echo },
      'The end of this reshare',
      frame({ kind: 'reshare/dealer-echo', sid: dealing.sid, from: record.id }, echo),
    );
  });
}

/** The new epoch as its parties will confirm it. The old share stays until all of them have. */
export function dealerFinish(state: Once<DealerEchoed>, echoes: Inboxes): Done<Epoch> | Aborted {
  return attempt(() => {
    const { facts, record, dealing, openings, echo } = state.take((echoed) => checkInboxes(echoes, echoed.facts, seat(echoed), 'Echoes'));
    checkEchoes(dealing, echo, echoes);
    return { kind: 'done', result: epochDealt(facts, dealing, openings, record.chainCode) };
  });
}
