/**
 * The two-phase switch from one epoch to the next (digest 10.3) as a pure state machine of one party and one key. Every function gives the next state and the duties that belong to it, which are done in
 * their order, each finished before the next one begins; a crash between any two of them is survived by `resume`.
 *
 * The rule that keeps a key alive: **what a party has confirmed it keeps, and the epoch before it too, until it holds the confirmations of all n of an epoch that ranks above.** Why it suffices, with any
 * number of attempts, crashes, losses and t - 1 liars: say M ranks highest among the epochs whose bundle any honest party holds. Every honest party of M has confirmed it, had it on the disk
 * before, and would have erased it only for a bundle that ranks higher still; so all of them hold M, and there are t of them or more wherever n >= 2t - 1. If there is no bundle at all, nobody has
 * erased anything. Epochs rank by number, then by epochId; a new attempt takes a number above everything that was confirmed, so an attempt without a party that withholds its
 * confirmation outranks the one it blocks, and that party cannot bring the latter back.
 */
import { assert, Problem } from '#base';
import { abort, attempt, type Aborted } from '../../primitives/abort.ts';
import { equal } from '../../primitives/constantTime.ts';
import type { EpochId } from '../../primitives/ids.ts';
import { partyId, signerSet, type PartyId } from '../../primitives/parties.ts';
import type { Epoch } from '../epoch.ts';
import {
  confirmationMessage,
  decodeBundle,
  encodeBundle,
  isComplete,
  isSigned,
  readConfirmation,
  type Bundle,
  type Signatures,
  type Verify,
} from './confirmation.ts';

/** The epoch that signs. */
export interface Active {
  readonly epoch: Epoch;
  readonly own: PartyId;
  /** The confirmations of all; absent after a restore from a backup, which has none. */
  readonly signatures: Signatures | null;
}

/** A further epoch, from when its record, pair state and backup are on the disk (PENDING) until it is promoted, dropped or outranked. */
export interface Waiting {
  readonly epoch: Epoch;
  /** Null where this party leaves with it: it watches for the bundle, to erase its old share. */
  readonly own: PartyId | null;
  readonly confirmed: boolean;
  /** The signer sets with this party in them that have not made their test signature. */
  readonly untested: readonly (readonly PartyId[])[];
  readonly signatures: Signatures;
}

/** All of it is durable. Nothing in it is secret but the chain codes, which are confidential. */
export interface Epochs {
  readonly active: Active | null;
  readonly waiting: readonly Waiting[];
  /** What still has to be erased, after a crash too: share, pair state and backups. */
  readonly erasing: readonly EpochId[];
  /** The epoch with which this party left. */
  readonly left: Bundle | null;
  /** The highest number of all that were ever stored or watched here, of dropped attempts too. */
  readonly highest: number;
}

export type Duty =
  /** fsync the state that came with these duties. */
  | { readonly kind: 'write' }
  /** To all parties of the epoch, and of the one before. */
  | { readonly kind: 'send-confirmation'; readonly epoch: Epoch; readonly message: Uint8Array }
  | { readonly kind: 'send-bundle'; readonly epoch: Epoch; readonly to: PartyId | 'all'; readonly message: Uint8Array }
  /** Share, OT state, zero seeds and backups of that epoch; then `erased`. */
  | { readonly kind: 'erase'; readonly epochId: EpochId };

export interface Turn {
  readonly kind: 'turn';
  readonly state: Epochs;
  readonly duties: readonly Duty[];
}

export const NO_EPOCHS: Epochs = { active: null, waiting: [], erasing: [], left: null, highest: 0 };

/** How far above what this party has seen a number may be. */
const MAX_STEP = 2 ** 16;

const WRITE: Duty = { kind: 'write' };

/** Whether `a` ranks above `b`. */
function outranks(a: Epoch, b: Epoch): boolean {
  return a.epoch === b.epoch ? Buffer.compare(a.epochId, b.epochId) > 0 : a.epoch > b.epoch;
}

function find(state: Epochs, epochId: EpochId): Waiting {
  const waiting = state.waiting.find(({ epoch }) => equal(epoch.epochId, epochId));
  if (!waiting) throw new Problem('mpc/epoch-unknown', 'No such epoch waits here.');
  return waiting;
}

function replace(state: Epochs, before: Waiting, after: Waiting): Epochs {
  return { ...state, waiting: state.waiting.map((waiting) => (waiting === before ? after : waiting)) };
}

/** The number that the next attempt must have at least, as far as this party knows; the parties agree on the highest that any of them says. */
export function nextNumber({ active, waiting, left }: Epochs): number {
  return 1 + Math.max(0, active?.epoch.epoch ?? 0, left?.epoch.epoch ?? 0, ...waiting.filter(({ confirmed }) => confirmed).map(({ epoch }) => epoch.epoch));
}

/**
 * mpc/epoch-not-next unless the epoch is of the key of everything that this party counts on: what is active, what it left with, and what it has confirmed. Asked before a confirmation too, because two key
 * generations that run side by side make two keys under one key id: were both confirmed, the second one's bundle could be held back until the first is funded, and would then erase it.
 */
function checkKey({ active, waiting, left }: Epochs, epoch: Epoch): void {
  const counted = [active, left, ...waiting.filter(({ confirmed }) => confirmed)].flatMap((held) => held?.epoch ?? []);
  const isSame = counted.every(
    ({ keyId, publicKey, chainCode }) => equal(keyId, epoch.keyId) && equal(publicKey, epoch.publicKey) && equal(chainCode, epoch.chainCode),
  );
  if (!isSame) throw new Problem('mpc/epoch-not-next', 'It is an epoch of another key.');
}

/**
 * The number that the next attempt may have at most; whoever agrees on numbers refuses a higher one, which only a liar names. There are 2^32, and an epoch near the end would be the last: no refresh would follow
 * it, and no reshare that puts out who named it. It is counted from what was ever stored here, because an honest party asks for one above what it has confirmed, and confirmed only what every other honest party
 * of its signer sets had stored and signed under.
 */
export function lastNumber(state: Epochs): number {
  return Math.max(nextNumber(state), state.highest + 1) + MAX_STEP;
}

function checkNext(state: Epochs, epoch: Epoch): void {
  const before = state.active ?? state.left;
  checkKey(state, epoch);
  if (epoch.origin === 'refresh' && !state.active) throw new Problem('mpc/epoch-not-next', 'There is no epoch here that was refreshed.');
  if ((epoch.origin === 'dkg' || epoch.origin === 'import') && before) throw new Problem('mpc/epoch-not-next', 'The key is here already.');
  if (epoch.epoch < nextNumber(state)) throw new Problem('mpc/epoch-not-next', `Its number is ${epoch.epoch}, which has to be ${nextNumber(state)} or more.`);
  // A party that came back from a backup has not seen what was confirmed since: whoever agrees on numbers with the others has judged this one.
  const isRestored = state.active?.signatures === null;
  if (before && !isRestored && epoch.epoch > lastNumber(state))
    throw new Problem('mpc/epoch-not-next', `Its number is ${epoch.epoch}, far above every number here.`);
  if (state.waiting.some((waiting) => equal(waiting.epoch.epochId, epoch.epochId))) throw new Problem('mpc/epoch-not-next', 'It waits here already.');
}

/** Its record, pair state and backup ARE on the disk, as PENDING. `signerSets` are those that policy will use: each with this party in it has to sign once before the epoch is confirmed. */
export function prepared(state: Epochs, epoch: Epoch, own: PartyId, signerSets: readonly (readonly PartyId[])[]): Turn {
  checkNext(state, epoch);
  partyId(own, epoch.n);
  const untested = signerSets.filter((S) => S.includes(own)).map((S) => signerSet(S, epoch, own));
  return { kind: 'turn', state: wait(state, { epoch, own, confirmed: false, untested, signatures: new Map() }), duties: [WRITE] };
}

/** This party is not in the epoch: it erases its own share as soon as all who are have confirmed. The epoch is from dealerFinish or an operator, not from a bundle: who the new parties are is not theirs to say. */
export function watched(state: Epochs, epoch: Epoch): Turn {
  checkNext(state, epoch);
  return { kind: 'turn', state: wait(state, { epoch, own: null, confirmed: false, untested: [], signatures: new Map() }), duties: [WRITE] };
}

function wait(state: Epochs, waiting: Waiting): Epochs {
  return { ...state, waiting: [...state.waiting, waiting], highest: Math.max(state.highest, waiting.epoch.epoch) };
}

/** S has made a valid test signature over testDigest(epoch, S) under the waiting epoch. */
export function tested(state: Epochs, epochId: EpochId, S: readonly PartyId[]): Turn {
  const waiting = find(state, epochId);
  const name = [...S].sort((a, b) => a - b).join();
  return { kind: 'turn', state: replace(state, waiting, { ...waiting, untested: waiting.untested.filter((set) => set.join() !== name) }), duties: [WRITE] };
}

/**
 * This party confirms, by its signature over doneDigest(epoch). From the write on neither the new epoch nor the old one is dropped here. Asking again gives the same answer.
 * mpc/epoch-unknown, mpc/epoch-not-tested, mpc/epoch-not-next.
 */
export function confirm(state: Epochs, epochId: EpochId, signature: Uint8Array, verify: Verify): Turn {
  const waiting = find(state, epochId);
  const { epoch, own, untested } = waiting;
  if (own === null) throw new Problem('mpc/epoch-unknown', 'This party is not in the epoch, so it has nothing to confirm.');
  if (untested.length > 0) throw new Problem('mpc/epoch-not-tested', `These signer sets have not signed: ${untested.map((S) => S.join('+')).join(', ')}.`);
  checkKey(state, epoch);
  assert(isSigned(epoch, own, signature, verify), 'a party confirms with its own signature');
  if (waiting.confirmed) return { kind: 'turn', state, duties: [confirmationDuty(waiting)] };
  const confirmed: Waiting = { ...waiting, confirmed: true, signatures: new Map([...waiting.signatures, [own, signature]]) };
  const settled = settle(replace(state, waiting, confirmed), confirmed);
  return { kind: 'turn', state: settled.state, duties: [WRITE, confirmationDuty(confirmed), ...settled.duties] };
}

function confirmationDuty({ epoch, own, signatures }: Waiting): Duty {
  assert(own !== null, 'who watches confirms nothing');
  return { kind: 'send-confirmation', epoch, message: confirmationMessage(epoch, own, signatures.get(own)!) };
}

function bundleDuty({ epoch, signatures }: Bundle, to: PartyId | 'all'): Duty {
  return { kind: 'send-bundle', epoch, to, message: encodeBundle({ epoch, signatures }) };
}

/**
 * A confirmation that came from `from`, by the numbering of the epoch that it is for. Who still sends one for the active epoch is told the bundle; one for an epoch that is not here changes nothing.
 * mpc/confirmation-differs or mpc/malformed-message, after which the state is as it was: a bad confirmation takes nothing away.
 */
export function received(state: Epochs, from: PartyId, bytes: Uint8Array, verify: Verify): Turn | Aborted {
  return attempt(() => receive(state, from, bytes, verify));
}

function receive(state: Epochs, from: PartyId, bytes: Uint8Array, verify: Verify): Turn {
  const isFor = ({ epoch }: { readonly epoch: Epoch }): boolean => bytes.length > 33 && equal(bytes.subarray(1, 33), epoch.attempt);
  const { active } = state;
  if (active?.signatures && isFor(active)) return { kind: 'turn', state, duties: [bundleDuty({ ...active, signatures: active.signatures }, from)] };
  const waiting = state.waiting.find(isFor);
  if (!waiting) return { kind: 'turn', state, duties: [] };
  const signature = readConfirmation(waiting.epoch, partyId(from, waiting.epoch.n), bytes, verify);
  if (from === waiting.own && !waiting.confirmed) throw behind(waiting.epoch);
  if (waiting.signatures.has(from)) return { kind: 'turn', state, duties: [] };
  const more: Waiting = { ...waiting, signatures: new Map([...waiting.signatures, [from, signature]]) };
  const settled = settle(replace(state, waiting, more), more);
  return { kind: 'turn', state: settled.state, duties: [WRITE, ...settled.duties] };
}

/**
 * A bundle that somebody passed on; by whom does not matter, for it proves itself. mpc/malformed-message where it does not, and mpc/state-behind where this party has confirmed an epoch that it knows
 * nothing of: then its state was rolled back, and nothing it holds can be trusted to be current.
 */
export function gathered(state: Epochs, bytes: Uint8Array, verify: Verify): Turn | Aborted {
  return attempt(() => gather(state, bytes, verify));
}

function gather(state: Epochs, bytes: Uint8Array, verify: Verify): Turn {
  const bundle = decodeBundle(bytes);
  if (!bundle || !isComplete(bundle, verify)) throw abort('mpc/malformed-message', null, 'What was passed on is no bundle of confirmations.');
  const waiting = state.waiting.find(({ epoch }) => equal(epoch.epochId, bundle.epoch.epochId));
  if (!waiting) {
    if (isMissing(state, bundle.epoch)) throw behind(bundle.epoch);
    return { kind: 'turn', state, duties: [] };
  }
  if (waiting.own !== null && !waiting.confirmed) throw behind(waiting.epoch);
  const complete: Waiting = { ...waiting, signatures: bundle.signatures };
  const settled = settle(replace(state, waiting, complete), complete);
  return { kind: 'turn', state: settled.state, duties: [WRITE, ...settled.duties] };
}

/** The own signature is out, and the state does not know of it: it was rolled back. */
function behind({ epoch }: Epoch): Problem {
  return new Problem('mpc/state-behind', `This party has confirmed epoch ${epoch}, and does not know it.`);
}

/** Whether the epoch is one of this key that ranks above the active one and has this party in it. */
function isMissing({ active }: Epochs, epoch: Epoch): boolean {
  if (!active || !equal(active.epoch.keyId, epoch.keyId) || !outranks(epoch, active.epoch)) return false;
  const identity = active.epoch.identities[active.own - 1]!;
  return epoch.identities.some((other) => equal(other, identity));
}

/** Promotes the epoch where all have confirmed it, this party too; what it outranks is erased, what ranks above it waits on. The new state is written before anything is erased. */
function settle(state: Epochs, { epoch, own, confirmed, signatures }: Waiting): Turn {
  if (signatures.size < epoch.n) return { kind: 'turn', state, duties: [] };
  assert(own === null || confirmed, 'the own signature is among those of all only after the own confirmation');
  const outranked = [...(state.active ? [state.active] : []), ...state.waiting].map((held) => held.epoch).filter((held) => outranks(epoch, held));
  const erasing = [...state.erasing, ...outranked.map(({ epochId }) => epochId)];
  const waiting = state.waiting.filter((held) => outranks(held.epoch, epoch));
  const bundle: Bundle = { epoch, signatures };
  const next: Epochs =
    own === null ? { ...state, active: null, waiting, erasing, left: bundle } : { ...state, active: { epoch, own, signatures }, waiting, erasing, left: null };
  return { kind: 'turn', state: next, duties: [bundleDuty(bundle, 'all'), ...erasing.map(eraseDuty)] };
}

function eraseDuty(epochId: EpochId): Duty {
  return { kind: 'erase', epochId };
}

/** Ends an attempt that this party has not confirmed. mpc/epoch-unknown, mpc/epoch-confirmed. */
export function drop(state: Epochs, epochId: EpochId): Turn {
  const waiting = find(state, epochId);
  if (waiting.confirmed) throw new Problem('mpc/epoch-confirmed', `Epoch ${waiting.epoch.epoch} is confirmed by this party.`);
  const rest = { ...state, waiting: state.waiting.filter((other) => other !== waiting) };
  // Who only watched holds nothing of the epoch.
  return waiting.own === null
    ? { kind: 'turn', state: rest, duties: [WRITE] }
    : { kind: 'turn', state: { ...rest, erasing: [...state.erasing, epochId] }, duties: [WRITE, eraseDuty(epochId)] };
}

/** Everything of that epoch is gone from the disks and the backups. */
export function erased(state: Epochs, epochId: EpochId): Turn {
  return { kind: 'turn', state: { ...state, erasing: state.erasing.filter((other) => !equal(other, epochId)) }, duties: [WRITE] };
}

/** What is due after a start, and every now and then: confirmations and bundles are sent again, erasures are finished. */
export function resume(state: Epochs): Turn {
  const { active, waiting, erasing, left } = state;
  const bundles = [...(active?.signatures ? [{ ...active, signatures: active.signatures }] : []), ...(left ? [left] : [])];
  return {
    kind: 'turn',
    state,
    duties: [
      ...bundles.map((bundle) => bundleDuty(bundle, 'all')),
      ...waiting.filter(({ confirmed }) => confirmed).map(confirmationDuty),
      ...erasing.map(eraseDuty),
    ],
  };
}
