/** Key generation, refresh and reshare of all parties in one process, round by round, with a hand on every message. */
import {
  allParties,
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
  receiverBegin,
  receiverEcho,
  receiverFinish,
  receiverJoin,
  refreshBegin,
  refreshCommit,
  refreshEcho,
  refreshFinish,
  refreshOpen,
  type Aborted,
  type DkgFacts,
  type Done,
  type Epoch,
  type Inboxes,
  type KeyId,
  type KeyRecord,
  type PartyId,
  type ReshareFacts,
  type Sent,
} from '#mpc/protocol';
import type { Once } from '../../../../mpc/protocol/primitives/abort.ts';
import type { Kind } from '../../../../mpc/protocol/keys/rounds.ts';
import { lagrange } from '../../../../mpc/protocol/primitives/parties.ts';
import { pointBytes, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { mod, scalarOf } from '../../../../mpc/protocol/primitives/scalars.ts';
import { uintBytes, type RandomBytes } from '#base';
import { random } from './dealer.ts';

/** Who sends or receives: '2' in a key generation or refresh, 'dealer 2' or 'receiver 2' in a reshare. */
export type Label = string;

export interface Passing {
  readonly kind: Kind;
  readonly from: Label;
  readonly to: Label;
  readonly bytes: Uint8Array;
}

/** What a message is changed into on its way. */
export type Hand = (passing: Passing) => Uint8Array;

/** What each party ended with; null for one that waits for a message of a party that aborted. */
export type Endings<Result> = ReadonlyMap<Label, Result | Aborted | null>;

export const honest: Hand = ({ bytes }) => bytes;

export function isAbort(ending: unknown): ending is Aborted {
  return ending !== null && typeof ending === 'object' && 'kind' in ending && ending.kind === 'abort';
}

/** One run: it keeps who is still in it, what each ended with, and hands messages over. */
class Run {
  readonly endings = new Map<Label, unknown>();
  readonly #hand: Hand;

  constructor(labels: readonly Label[], hand: Hand) {
    this.#hand = hand;
    for (const label of labels) this.endings.set(label, null);
  }

  /** The broadcasts of `senders` as `to` gets them, or null where one is missing. */
  broadcasts(kind: Kind, steps: ReadonlyMap<Label, Sent<unknown>>, senders: readonly Label[], to: Label): Map<PartyId, Uint8Array> | null {
    return this.#inbox(kind, senders, to, (from) => steps.get(from)?.broadcast);
  }

  directs(kind: Kind, steps: ReadonlyMap<Label, Sent<unknown>>, senders: readonly Label[], to: Label): Map<PartyId, Uint8Array> | null {
    return this.#inbox(kind, senders, to, (from) => steps.get(from)?.direct?.get(idOf(to)));
  }

  #inbox(kind: Kind, senders: readonly Label[], to: Label, bytesOf: (from: Label) => Uint8Array | undefined): Map<PartyId, Uint8Array> | null {
    const inbox = new Map<PartyId, Uint8Array>();
    for (const from of senders.filter((label) => label !== to)) {
      const bytes = bytesOf(from);
      if (!bytes) return null;
      inbox.set(idOf(from), this.#hand({ kind, from, to, bytes: bytes.slice() }));
    }
    return inbox;
  }

  /** Runs one step at everybody of `before`; who lacks a message stays where it is. */
  step<Before, After extends { readonly kind: string }>(
    before: ReadonlyMap<Label, Before>,
    take: (label: Label, state: Before) => After | Aborted | null,
  ): Map<Label, After> {
    const after = new Map<Label, After>();
    for (const [label, state] of before) {
      const outcome = take(label, state);
      if (outcome === null) continue;
      if (isAbort(outcome)) this.endings.set(label, outcome);
      else after.set(label, outcome);
    }
    return after;
  }

  finish<Result>(done: ReadonlyMap<Label, Done<Result>>): void {
    for (const [label, { result }] of done) this.endings.set(label, result);
  }
}

function idOf(label: Label): PartyId {
  return Number(label.split(' ').at(-1)) as PartyId;
}

function labels(n: number): Label[] {
  return allParties(n).map(String);
}

function named<Value>(names: readonly Label[], value: (id: PartyId, label: Label) => Value): Map<Label, Value> {
  return new Map(names.map((label) => [label, value(idOf(label), label)]));
}

const nextOf = <State>({ next }: Sent<State>): Once<State> => next;

export interface DkgOptions {
  readonly hand?: Hand;
  /** A party with another source of randomness: what it draws is then the test's. */
  readonly randomOf?: (id: PartyId) => RandomBytes;
  readonly facts?: (id: PartyId) => Partial<DkgFacts>;
}

export function runDkg(t: number, n: number, { hand = honest, randomOf = () => random, facts = () => ({}) }: DkgOptions = {}): Endings<KeyRecord> {
  const all = labels(n);
  const run = new Run(all, hand);
  const common = { t, n, keyId: random(32) as KeyId, identities: allParties(n).map(() => random(32)) };
  const nonces = named(all, (own) => dkgBegin({ ...common, own, ...facts(own) }, randomOf(own)));
  const commitments = run.step(nonces, (to, step) => {
    const inbox = run.broadcasts('dkg/nonce', nonces, all, to);
    return inbox && dkgCommit(nextOf(step), inbox, randomOf(idOf(to)));
  });
  const openings = run.step(commitments, (to, step) => {
    const inbox = run.broadcasts('dkg/commitment', commitments, all, to);
    return inbox && dkgOpen(nextOf(step), inbox);
  });
  const proofs = run.step(openings, (to, step) => {
    const [opened, shares] = [run.broadcasts('dkg/opening', openings, all, to), run.directs('dkg/share', openings, all, to)];
    return opened && shares && dkgProve(nextOf(step), opened, shares);
  });
  run.finish(
    run.step(proofs, (to, step) => {
      const inbox = run.broadcasts('dkg/proof', proofs, all, to);
      return inbox && dkgFinish(nextOf(step), inbox);
    }),
  );
  return run.endings as Endings<KeyRecord>;
}

export interface RefreshOptions {
  readonly hand?: Hand;
  readonly next?: number;
  readonly randomOf?: (id: PartyId) => RandomBytes;
}

export function runRefresh(
  records: readonly KeyRecord[],
  { hand = honest, next = records[0]!.epoch + 1, randomOf = () => random }: RefreshOptions = {},
): Endings<KeyRecord> {
  const all = labels(records.length);
  const run = new Run(all, hand);
  const nonces = named(all, (own) => refreshBegin(records[own - 1]!, next, randomOf(own)));
  const commitments = run.step(nonces, (to, step) => {
    const inbox = run.broadcasts('refresh/nonce', nonces, all, to);
    return inbox && refreshCommit(nextOf(step), inbox, randomOf(idOf(to)));
  });
  const openings = run.step(commitments, (to, step) => {
    const inbox = run.broadcasts('refresh/commitment', commitments, all, to);
    return inbox && refreshOpen(nextOf(step), inbox);
  });
  const echoes = run.step(openings, (to, step) => {
    const [opened, shares] = [run.broadcasts('refresh/opening', openings, all, to), run.directs('refresh/share', openings, all, to)];
    return opened && shares && refreshEcho(nextOf(step), opened, shares);
  });
  run.finish(
    run.step(echoes, (to, step) => {
      const inbox = run.broadcasts('refresh/echo', echoes, all, to);
      return inbox && refreshFinish(nextOf(step), inbox);
    }),
  );
  return run.endings as Endings<KeyRecord>;
}

export interface ReshareOptions {
  readonly hand?: Hand;
  /** What the receivers are told, where it is not what the dealers are. */
  readonly told?: ReshareFacts;
  readonly randomOf?: (label: Label) => RandomBytes;
  /** What a dealer deals from, where it is not its record. */
  readonly dealt?: (record: KeyRecord) => KeyRecord;
}

/** `records` are those of the dealers; 'dealer i' ends with the new epoch, 'receiver j' with its record. */
export function runReshare(records: readonly KeyRecord[], facts: ReshareFacts, options: ReshareOptions = {}): Endings<KeyRecord | Epoch> {
  const { hand = honest, told = facts, randomOf = () => random, dealt = (record) => record } = options;
  const dealers = facts.dealers.map((id) => `dealer ${id}`);
  const receivers = allParties(told.next.n).map((id) => `receiver ${id}`);
  const run = new Run([...dealers, ...receivers], hand);
  const both = (kind: 'nonce' | 'echo', from: ReadonlyMap<Label, Sent<unknown>>, to: Label): Inboxes | null => {
    const [ofDealers, ofReceivers] = [
      run.broadcasts(`reshare/dealer-${kind}`, from, dealers, to),
      run.broadcasts(`reshare/receiver-${kind}`, from, receivers, to),
    ];
    return ofDealers && ofReceivers && { dealers: ofDealers, receivers: ofReceivers };
  };

  const dealerNonces = named(dealers, (id, label) => dealerBegin(facts, dealt(records.find((record) => record.id === id)!), randomOf(label)));
  const receiverNonces = named(receivers, (id, label) => receiverBegin(told, id, randomOf(label)));
  const nonces = new Map<Label, Sent<unknown>>([...dealerNonces, ...receiverNonces]);
  const commitments = run.step(dealerNonces, (to, step) => {
    const inboxes = both('nonce', nonces, to);
    return inboxes && dealerCommit(nextOf(step), inboxes, randomOf(to));
  });
  const joined = run.step(receiverNonces, (to, step) => {
    const inboxes = both('nonce', nonces, to);
    return inboxes && receiverJoin(nextOf(step), inboxes);
  });
  const openings = run.step(commitments, (to, step) => {
    const inbox = run.broadcasts('reshare/commitment', commitments, dealers, to);
    return inbox && dealerOpen(nextOf(step), inbox);
  });
  const dealerEchoes = run.step(openings, (to, step) => {
    const inbox = run.broadcasts('reshare/opening', openings, dealers, to);
    return inbox && dealerEcho(nextOf(step), inbox);
  });
  const receiverEchoes = run.step(joined, (to, { next }) => {
    const [committed, opened, shares] = [
      run.broadcasts('reshare/commitment', commitments, dealers, to),
      run.broadcasts('reshare/opening', openings, dealers, to),
      run.directs('reshare/share', openings, dealers, to),
    ];
    return committed && opened && shares && receiverEcho(next, committed, opened, shares);
  });
  const echoes = new Map<Label, Sent<unknown>>([...dealerEchoes, ...receiverEchoes]);
  run.finish(
    run.step(dealerEchoes, (to, step) => {
      const inboxes = both('echo', echoes, to);
      return inboxes && dealerFinish(nextOf(step), inboxes);
    }),
  );
  run.finish(
    run.step(receiverEchoes, (to, step) => {
      const inboxes = both('echo', echoes, to);
      return inboxes && receiverFinish(nextOf(step), inboxes);
    }),
  );
  return run.endings as Endings<KeyRecord | Epoch>;
}

/** The records of an honest run, in id order; fails the test where somebody has none. */
export function recordsOf(endings: Endings<KeyRecord | Epoch>): KeyRecord[] {
  return [...endings.values()].flatMap((ending) => {
    if (ending === null || isAbort(ending)) throw new Error(`no record: ${ending === null ? 'waits' : ending.abort.problem.message}`);
    return 'share' in ending ? [ending] : [];
  });
}

/** The key that exactly S interpolate: 65 bytes. */
export function interpolated(records: readonly KeyRecord[], S: readonly PartyId[]): Uint8Array {
  return pointBytes(timesG(mod(S.reduce((total, i) => total + lagrange(i, S) * scalarOf(records[i - 1]!.share)!, 0n))));
}

export function subsets(ids: readonly PartyId[], size: number): PartyId[][] {
  return size === 0 ? [[]] : ids.flatMap((id, index) => subsets(ids.slice(index + 1), size - 1).map((rest) => [id, ...rest]));
}

/** Randomness whose draws of 64 bytes (scalars) are given, and the rest of it random. */
export function drawing(...scalars: readonly bigint[]): RandomBytes {
  const left = [...scalars];
  return (length) => (length === 64 && left.length > 0 ? uintBytes(left.shift()!, 64) : random(length));
}

export function sent<Next>(outcome: Sent<Next> | Aborted): Sent<Next> {
  if (outcome.kind === 'abort') throw outcome.abort.problem;
  return outcome;
}
