import { assert, concat, type RandomBytes } from '#base';
import {
  dealerBegin,
  dealerCommit,
  dealerEcho,
  dealerFinish,
  dealerOpen,
  dkgBegin,
  dkgCommit,
  dkgFinish,
  dkgOpen,
  dkgProve,
  refreshBegin,
  refreshCommit,
  refreshEcho,
  refreshFinish,
  refreshOpen,
  receiverBegin,
  receiverEcho,
  receiverFinish,
  receiverJoin,
  type DkgFacts,
  type Inbox,
  type Inboxes,
  type KeyRecord,
  type PartyId,
  type ReshareFacts,
} from '#mpc/protocol';
import { value, type Talk } from './talk.ts';

/** Rounds of a dealing: nonce, commitment, opening, share, and the proof or echo. */
export const DEALING_ROUNDS = 5;

/** Digest section 3, D0 to D4. */
export async function generateKey(facts: DkgFacts, talk: Talk, random: RandomBytes): Promise<KeyRecord> {
  const begun = dkgBegin(facts, random);
  const nonces = await talk.all(0, begun.broadcast);
  const committed = value(dkgCommit(begun.next, nonces, random));
  // Only now that all n commitments are here does anybody open.
  const commitments = await talk.all(1, committed.broadcast);
  const opened = value(dkgOpen(committed.next, commitments));
  const [openings, shares] = await Promise.all([talk.all(2, opened.broadcast), talk.each(3, opened.direct!)]);
  const proved = value(dkgProve(opened.next, openings, shares));
  const proofs = await talk.all(4, proved.broadcast);
  return value(dkgFinish(proved.next, proofs)).result;
}

/** Digest 10.1: the same with f_i(0) = 0. */
export async function refreshShares(record: KeyRecord, next: number, talk: Talk, random: RandomBytes): Promise<KeyRecord> {
  const begun = refreshBegin(record, next, random);
  const nonces = await talk.all(0, begun.broadcast);
  const committed = value(refreshCommit(begun.next, nonces, random));
  const commitments = await talk.all(1, committed.broadcast);
  const opened = value(refreshOpen(committed.next, commitments));
  const [openings, shares] = await Promise.all([talk.all(2, opened.broadcast), talk.each(3, opened.direct!)]);
  const echoed = value(refreshEcho(opened.next, openings, shares));
  const echoes = await talk.all(4, echoed.broadcast);
  return value(refreshFinish(echoed.next, echoes)).result;
}

/**
 * Digest 11.1, by a node of the new set: all of its nodes receive, and those whom `facts` names deal as well, under the number that they had. `record` is this node's share of the old epoch where it deals. In the
 * first round and in the last a dealer says two things, one behind the other and of one length.
 */
export async function reshareKey(facts: ReshareFacts, own: PartyId, record: KeyRecord | undefined, talk: Talk, random: RandomBytes): Promise<KeyRecord> {
  const { dealers } = facts;
  const nothing = new Uint8Array();
  const dealer = record && dealerBegin(facts, record, random);
  const receiver = receiverBegin(facts, own, random);
  const nonces = withMine(await talk.all(0, concat(dealer?.broadcast ?? nothing, receiver.broadcast)), dealers, own, dealer, receiver);
  const committed = dealer && value(dealerCommit(dealer.next, asHeardBy('dealers', own, nonces), random));
  const joined = value(receiverJoin(receiver.next, asHeardBy('receivers', own, nonces)));
  // Only now that the commitments of all dealers are here does any of them open.
  const commitments = ofDealers(await talk.all(1, committed?.broadcast ?? nothing), dealers);
  const opened = committed && value(dealerOpen(committed.next, commitments));
  const [openings, shares] = await Promise.all([
    talk.all(2, opened?.broadcast ?? nothing).then((heard) => ofDealers(heard, dealers)),
    (opened ? talk.each(3, opened.direct!) : talk.all(3, nothing)).then((heard) => ofDealers(heard, dealers)),
  ]);
  const dealerEchoed = opened && value(dealerEcho(opened.next, openings));
  const mine = (inbox: Inbox, message: Uint8Array | undefined): Inbox => (message ? new Map(inbox).set(own, message) : inbox);
  const echoed = value(
    receiverEcho(joined.next, mine(commitments, committed?.broadcast), mine(openings, opened?.broadcast), mine(shares, opened?.direct?.get(own))),
  );
  const echoes = withMine(await talk.all(4, concat(dealerEchoed?.broadcast ?? nothing, echoed.broadcast)), dealers, own, dealerEchoed, echoed);
  const dealt = dealerEchoed && value(dealerFinish(dealerEchoed.next, asHeardBy('dealers', own, echoes))).result;
  const received = value(receiverFinish(echoed.next, asHeardBy('receivers', own, echoes))).result;
  assert(!dealt || Buffer.compare(dealt.epochId, received.epochId) === 0, 'both seats of one node see one epoch');
  return received;
}

function ofDealers(inbox: Inbox, dealers: readonly PartyId[]): Inbox {
  return new Map([...inbox].filter(([from]) => dealers.includes(from)));
}

/** What every dealer and every receiver said in a round, this node too. */
function withMine(
  inbox: Inbox,
  dealers: readonly PartyId[],
  own: PartyId,
  asDealer: { readonly broadcast: Uint8Array } | undefined,
  asReceiver: { readonly broadcast: Uint8Array },
): Inboxes {
  const halves = [...inbox].map(([from, bytes]) => [from, bytes, dealers.includes(from) ? bytes.length >> 1 : 0] as const);
  const dealt = new Map(ofDealers(new Map(halves.map(([from, bytes, half]) => [from, bytes.subarray(0, half)])), dealers));
  const received = new Map(halves.map(([from, bytes, half]) => [from, bytes.subarray(half)]));
  if (asDealer) dealt.set(own, asDealer.broadcast);
  return { dealers: dealt, receivers: received.set(own, asReceiver.broadcast) };
}

/** Everything but what this node said from that seat itself. */
function asHeardBy(seat: keyof Inboxes, own: PartyId, inboxes: Inboxes): Inboxes {
  return { ...inboxes, [seat]: new Map([...inboxes[seat]].filter(([from]) => from !== own)) };
}
