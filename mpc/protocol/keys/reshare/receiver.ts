/** The new parties' steps of a reshare (digest section 11.1): nonce, join, echo, finish. They believe the anchor, which comes from their operators, and no dealer. */
import type { RandomBytes } from '#base';
import { abort, attempt, Once, type Aborted } from '../../primitives/abort.ts';
import { equal } from '../../primitives/constantTime.ts';
import { HASH_BYTES } from '../../primitives/parameters.ts';
import { partyId, type PartyId } from '../../primitives/parties.ts';
import { drawn, mod, scalarBytes } from '../../primitives/scalars.ts';
import { checkShare, echoOf, readCommitments, readShares, type Dealing, type Opening } from '../dealing.ts';
import { chainCodeHash, recordOf, type KeyRecord } from '../epoch.ts';
import { checkEchoes, checkFacts, checkInboxes, dealingOf, epochDealt, proposalOf, readDealt, type Inboxes, type ReshareFacts, type Seat } from './reshare.ts';
import { checkInbox, frame, sent, type Done, type Inbox, type Sent } from '../rounds.ts';

export interface ReceiverBegun {
  readonly facts: ReshareFacts;
  readonly own: PartyId;
  readonly nonce: Uint8Array;
}

export interface ReceiverJoined {
  readonly facts: ReshareFacts;
  readonly own: PartyId;
  readonly dealing: Dealing;
}

export interface ReceiverEchoed extends ReceiverJoined {
  readonly openings: ReadonlyMap<PartyId, Opening>;
  readonly chainCode: Uint8Array;
  readonly x: bigint;
  readonly echo: Uint8Array;
}

export interface Joined {
  readonly kind: 'joined';
  readonly next: Once<ReceiverJoined>;
}

const seat = ({ own }: { readonly own: PartyId }): Seat => ({ role: 'receiver', own });

/** `own` is the id in the new numbering. mpc/bad-parameters where the facts are none. */
export function receiverBegin(facts: ReshareFacts, own: PartyId, random: RandomBytes): Sent<ReceiverBegun> {
  checkFacts(facts);
  partyId(own, facts.next.n);
  const nonce = drawn(HASH_BYTES, random);
  return sent({ facts, own, nonce }, 'The beginning of this reshare', frame({ kind: 'reshare/receiver-nonce', sid: proposalOf(facts), from: own }, nonce));
}

/** All nonces are here: from now on only messages of this very attempt count. */
export function receiverJoin(state: Once<ReceiverBegun>, nonces: Inboxes): Joined | Aborted {
  return attempt(() => {
    const { facts, own, nonce } = state.take((begun) => checkInboxes(nonces, begun.facts, seat(begun), 'Nonces'));
    const dealing = dealingOf(facts, seat({ own }), nonce, nonces);
    return { kind: 'joined', next: new Once({ facts, own, dealing }, 'The echo of this reshare') };
  });
}

/** Every opening, share and chain code is checked, and the echo of all that was broadcast is sent. */
export function receiverEcho(state: Once<ReceiverJoined>, commitmentInbox: Inbox, openingInbox: Inbox, shareInbox: Inbox): Sent<ReceiverEchoed> | Aborted {
  return attempt(() => {
    const { facts, own, dealing } = state.take(({ facts }) => {
      checkInbox(commitmentInbox, facts.dealers, 'Commitments');
      checkInbox(openingInbox, facts.dealers, 'Openings');
      checkInbox(shareInbox, facts.dealers, 'Shares');
    });
    const commitments = readCommitments(dealing, commitmentInbox);
    const openings = readDealt(facts, dealing, commitments, openingInbox);
    const shares = readShares(dealing, own, shareInbox, HASH_BYTES);
    for (const [dealer, { s, more }] of shares) {
      checkShare(dealer, openings.get(dealer)!.A, own, s);
      if (!equal(chainCodeHash(more), facts.anchor.chainCodeHash)) throw abort('mpc/key-differs', dealer, `Dealer ${dealer} sends another chain code.`); // cc must match the anchor
    }
    const x = mod([...shares.values()].reduce((total, { s }) => total + s, 0n)); // x_j' = sum_i g_i(j)
    const chainCode = shares.get(facts.dealers[0]!)!.more;
    const echo = echoOf(dealing, commitments, openings);
    return sent(
      { facts, own, dealing, openings, chainCode, x, echo },
      'The end of this reshare',
      frame({ kind: 'reshare/receiver-echo', sid: dealing.sid, from: own }, echo),
    );
  });
}

/** The record of the new epoch, which goes to the disk as PENDING before it is confirmed (switch/switch.ts). */
export function receiverFinish(state: Once<ReceiverEchoed>, echoes: Inboxes): Done<KeyRecord> | Aborted {
  return attempt(() => {
    const { facts, own, dealing, openings, chainCode, x, echo } = state.take((echoed) => checkInboxes(echoes, echoed.facts, seat(echoed), 'Echoes'));
    checkEchoes(dealing, echo, echoes);
    const record = recordOf(epochDealt(facts, dealing, openings, chainCode), own, scalarBytes(x)); // x_j' G == X_j'
    if (!record) throw abort('mpc/key-differs', null, 'The share does not belong to the new epoch.');
    return { kind: 'done', result: record };
  });
}
