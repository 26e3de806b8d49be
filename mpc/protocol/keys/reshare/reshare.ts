/**
 * Reshare (digest section 11.1): a quorum of the old parties deals its shares on to a new set with a new threshold. Here is what both sides agree on and compute alike; the old parties' steps are in
 * dealer.ts, the new ones' in receiver.ts, and a node that is in both sets runs both. Old ids and new ids are two numberings: a message's kind says in which of them its sender is.
 */
import { Problem, utf8 } from '#base';
import { abort } from '../../primitives/abort.ts';
import { H, list, u16, u32 } from '../../primitives/hash.ts';
import { context, type EpochId, type KeyId } from '../../primitives/ids.ts';
import { HASH_BYTES, POINT_BYTES } from '../../primitives/parameters.ts';
import { allParties, checkThreshold, lagrange, partiesPart, sortedParties, type PartyId, type Threshold } from '../../primitives/parties.ts';
import { pointOf, timesPublic } from '../../primitives/points.ts';
import { evaluateInExponent } from '../../primitives/polynomials.ts';
import { checkEcho, readOpenings, sumOfVectors, type Dealing, type Opening } from '../dealing.ts';
import { checkIdentities, epochOf, isConsistent, storedPoint, type Epoch } from '../epoch.ts';
import { checkInbox, others, unframe, type Inbox } from '../rounds.ts';

/** What is known of the old epoch from a source that is not the dealers: the operators' own records, the address on the chain. */
export interface Anchor extends Threshold {
  readonly keyId: KeyId;
  readonly epochId: EpochId;
  /** X, X_1..X_n: 65 bytes each. */
  readonly publicKey: Uint8Array;
  readonly publicShares: readonly Uint8Array[];
  /** chainCodeHash(cc): the chain code itself is confidential. */
  readonly chainCodeHash: Uint8Array;
}

/** Agreed among the operators of both sets. */
export interface ReshareFacts {
  readonly anchor: Anchor;
  /** S_old: t or more of the old parties. */
  readonly dealers: readonly PartyId[];
  /** t', n' and the identities of the new parties in id order. */
  readonly next: Threshold & { readonly identities: readonly Uint8Array[] };
  /** Above the number of every epoch that any of them has confirmed (switch/switch.ts). */
  readonly epoch: number;
}

/** What dealers, and what receivers have sent in one round: everything but one's own. */
export interface Inboxes {
  readonly dealers: Inbox;
  readonly receivers: Inbox;
}

/** Who takes part, and as what this party does. */
export interface Seat {
  readonly role: 'dealer' | 'receiver';
  readonly own: PartyId;
}

export const SALT_BYTES = 32;

/** mpc/bad-parameters unless the facts can be run with; with an anchor whose parts contradict each other an honest dealer would be blamed. */
export function checkFacts({ anchor, dealers, next, epoch }: ReshareFacts): void {
  checkThreshold(anchor);
  checkThreshold(next);
  checkIdentities(next.identities, next);
  const sorted = sortedParties(dealers, anchor.n);
  if (sorted.length < anchor.t || sorted.some((dealer, index) => dealer !== dealers[index]))
    throw new Problem('mpc/bad-parameters', `The dealers are ${anchor.t} or more old parties in id order, not ${dealers.join(', ')}.`);
  if (!Number.isInteger(epoch) || epoch < 1 || epoch >= 2 ** 32) throw new Problem('mpc/bad-parameters', `${epoch} is no number of an epoch.`);
  const X = pointOf(anchor.publicKey);
  const Xs = anchor.publicShares.flatMap((bytes) => pointOf(bytes) ?? []);
  const ids = [anchor.keyId, anchor.epochId, anchor.chainCodeHash];
  if (!X || ids.some((id) => id.length !== HASH_BYTES) || !isConsistent({ ...anchor, X, Xs }))
    throw new Problem('mpc/bad-parameters', 'The anchor contradicts itself: its public shares are not those of its public key.');
}

/** Of the whole anchor: ctx has key id, epoch, n, t and X in it. */
export function anchorHash(anchor: Anchor): Uint8Array {
  return H('reshare-anchor/v1', context(anchor), list(anchor.publicShares, POINT_BYTES), anchor.chainCodeHash);
}

/** Everything in sid but the nonces. The whole anchor is in it, so that parties with different ones part before anybody could be blamed. */
function agreed({ anchor, dealers, next, epoch }: ReshareFacts): Uint8Array[] {
  return [anchorHash(anchor), partiesPart(dealers), u16(next.n), u16(next.t), list(next.identities, HASH_BYTES), u32(epoch)];
}

export function proposalOf(facts: ReshareFacts): Uint8Array {
  return H('proposal/v1', utf8('reshare'), ...agreed(facts));
}

/** mpc/bad-parameters unless a round is complete: one message of every dealer and every receiver but oneself. */
export function checkInboxes({ dealers, receivers }: Inboxes, facts: ReshareFacts, { role, own }: Seat, what: string): void {
  checkInbox(dealers, role === 'dealer' ? others(facts.dealers, own) : facts.dealers, `${what} of dealers`);
  const all = allParties(facts.next.n);
  checkInbox(receivers, role === 'receiver' ? others(all, own) : all, `${what} of new parties`);
}

/** sid = H("reshare-sid/v1"; what is agreed, N of the dealers, N of the new parties), and what is dealt under it: exactly t' coefficients each. */
export function dealingOf(facts: ReshareFacts, { role, own }: Seat, nonce: Uint8Array, { dealers, receivers }: Inboxes): Dealing {
  const sid = proposalOf(facts);
  const N = (side: Seat['role'], ids: readonly PartyId[], inbox: Inbox): Uint8Array =>
    list(
      ids.map((from) =>
        side === role && from === own ? nonce : unframe(inbox.get(from)!, { kind: `reshare/${side}-nonce`, sid, from }, HASH_BYTES).bytes(HASH_BYTES),
      ),
      HASH_BYTES,
    );
  return {
    name: 'reshare',
    sid: H('reshare-sid/v1', ...agreed(facts), N('dealer', facts.dealers, dealers), N('receiver', allParties(facts.next.n), receivers)),
    dealers: facts.dealers,
    coefficients: facts.next.t,
    rest: [SALT_BYTES],
  };
}

/** Every opening is what was committed to, and B_{i,0} == lambda_i X_i, which names the dealer that deals another secret than its share; lambda over exactly S_old. */
export function readDealt(
  { anchor, dealers }: ReshareFacts,
  dealing: Dealing,
  commitments: ReadonlyMap<PartyId, Uint8Array>,
  inbox: Inbox,
): Map<PartyId, Opening> {
  const openings = readOpenings(dealing, commitments, inbox);
  for (const [i, { A: B }] of openings) {
    const expected = timesPublic(storedPoint(anchor.publicShares[i - 1]!), lagrange(i, dealers));
    if (!B[0]!.equals(expected)) throw abort('mpc/key-differs', i, `Dealer ${i} deals something else than its share of the key.`);
  }
  return openings;
}

/** All that dealers and new parties were shown is one and the same. */
export function checkEchoes(dealing: Dealing, own: Uint8Array, { dealers, receivers }: Inboxes): void {
  for (const [role, inbox] of [
    ['dealer', dealers],
    ['receiver', receivers],
  ] as const)
    for (const [from, bytes] of inbox)
      checkEcho(own, from, unframe(bytes, { kind: `reshare/${role}-echo`, sid: dealing.sid, from }, HASH_BYTES).bytes(HASH_BYTES));
}

/** The new epoch: X_j' = sum_i sum_k j^k B_{i,k}; X is the anchor's, because sum_i B_{i,0} = sum_i lambda_i X_i = X. */
export function epochDealt(
  { anchor, next, epoch }: ReshareFacts,
  { sid, dealers }: Dealing,
  openings: ReadonlyMap<PartyId, Opening>,
  chainCode: Uint8Array,
): Epoch {
  const B = sumOfVectors(dealers.map((dealer) => openings.get(dealer)!.A));
  const X = storedPoint(anchor.publicKey);
  const Xs = allParties(next.n).map((j) => evaluateInExponent(B, j));
  if (!B[0]!.equals(X) || Xs.some((point) => point.is0())) throw abort('mpc/key-differs', null, 'What was dealt does not make the key.'); // sum_i B_{i,0} == X
  return epochOf({ origin: 'reshare', keyId: anchor.keyId, n: next.n, t: next.t, epoch, attempt: sid, identities: next.identities, X, Xs, chainCode });
}
