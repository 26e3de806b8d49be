import { setTimeout as sleep } from 'node:timers/promises';
import { fromHex, Problem, toHex, utf8, type Clock, type Hex, type RandomBytes } from '#base';
import type { Role } from '#custody/intents';
import { contextOf, encodeRecord, publicPart, sealBackup, type Context, type Effect, type KeyRecord, type PartyId } from '#mpc/protocol';
import type { AuditLog } from '../audit/audit.ts';
import { sha256 } from '../heads/heads.ts';
import { policyHash } from '../policy/policy.ts';
import { epochDataOf, epochDataToJson, foundersOf, type Conversations, type EpochData, type Key, type KeyRing, type Signer } from '../session/session.ts';
import type { EpochRef, NewPair, NodeStore } from '../store/store.ts';
import { fingerprintOfAnchor, keyAnchorOf, placesOf, type KeyAnchor } from './anchor.ts';
import { DEALING_ROUNDS, generateKey, refreshShares, reshareKey } from './dealing.ts';
import type { EpochSwitch } from './epochs.ts';
import { keyIdOf } from './keyId.ts';
import { demandEnough, identitiesOf, partiesOf, signerSetsOf, type Group } from './peers.ts';
import type { Meeting, Met, Rendezvous } from './rendezvous.ts';
import { SETUP_ROUNDS, setUpPair } from './setup.ts';
import { Talk, type Evidence } from './talk.ts';

export interface CeremonyTimeouts {
  /** Until all nodes were told by their operators. */
  readonly gatheringMs: number;
  /** For one round, with the arithmetic of the slowest node in it. */
  readonly roundMs: number;
}

export const CEREMONY_TIMEOUTS: CeremonyTimeouts = { gatheringMs: 600_000, roundMs: 60_000 };

export interface CeremoniesOptions {
  readonly group: Group;
  readonly store: NodeStore;
  readonly audit: AuditLog;
  readonly ring: KeyRing;
  readonly signer: Signer;
  readonly conversations: Conversations;
  readonly rendezvous: Rendezvous;
  readonly epochs: EpochSwitch;
  /** A test signature that this node asks the others of a set for. */
  readonly selfTest: (key: Key, S: readonly PartyId[]) => Promise<void>;
  /** Takes over what the peers have spent of the limits within the last day, before this node joins a key. */
  readonly recall: () => Promise<void>;
  readonly timeouts: CeremonyTimeouts;
  /** This node's own X25519 recovery key, to which a backup of every new share is sealed; without one there is no backup. */
  readonly recoveryKey: Uint8Array | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** A ceremony ended by what an operator has to hear of (digest 12: count, alarm and all that is worse). */
  readonly onAlarm: (problem: Problem) => void;
  /** Signed messages that somebody may be shown, when a ceremony ended by somebody's fault. */
  readonly onEvidence: (id: Hex, evidence: readonly Evidence[]) => Promise<void>;
}

type Numbers = Omit<Meeting, 'facts' | 'with'>;

/** Tells how far a ceremony is, in sentences for its transcript. */
export type Tell = (step: string) => void;

/** Two poisonings by one peer within so long ban it: it is reshared out, not set up again (digest 12). */
const BAN_WINDOW_MS = 30 * 86_400_000;
const BAN_AFTER = 2;
/** A peer that repaired and crashed may be ahead by some set-ups of the pair; by so many nobody is who does not want to use up their numbers. */
const MOST_GENERATIONS_AHEAD = 1_024;
const SETTLE_MS = 3_000;
/** An epoch that a crash left PENDING is finished or, after so many tries, nobody else has it. */
const FINISH_TRIES = 12;
/** How far above the epoch that is dealt from the number of a reshare may be, for a node that joins and has seen none: as far as the others let it be at least (switch.ts). */
const MOST_EPOCHS_AHEAD = 2 ** 16;
/** Stands where a check stands that a peer failed: it was the operator who gave up the pair, and it counts against nobody. */
const BY_OPERATOR = 'operator';

/** Everything that changes keys: generation, refresh, and a pair's new set-up. One at a time; each is told to every node by its own operator. */
export class Ceremonies {
  readonly #options: CeremoniesOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** How often `finish` has tried, by epoch. */
  readonly #tries = new Map<Hex, number>();

  constructor(options: CeremoniesOptions) {
    this.#options = options;
  }

  /** Digest section 3. node/wrong-state where the role has a key already, session/generation-unfinished where one waits for the confirmations of all. */
  generate(role: Role, tell: Tell): Promise<Key> {
    return this.#alone(async () => {
      const { group, ring, random, epochs } = this.#options;
      const n = group.peers.size + 1;
      demandEnough({ n, t: group.threshold });
      const keyId = keyIdOf({ role, t: group.threshold, identities: identitiesOf(group) });
      // By the role, not by the key id: after a restore the identities are others, so the id is, and a role with two keys would sign by whichever had the higher number.
      const ofRole = ring.epochs().filter((record) => epochDataOf(record).role === role);
      if (ofRole.some(({ status }) => status !== 'PENDING')) throw new Problem('node/wrong-state', `There is a key as ${role} already.`, { role });
      const confirmed = ofRole.find((record) => record.confirmed !== undefined);
      if (confirmed) {
        // Dropping it is not this node's to do alone: at another node it may be in use, and funded (10.3).
        const facts = { role, keyId: confirmed.keyId, epochId: confirmed.epochId };
        throw new Problem('session/generation-unfinished', `This node has confirmed a key as ${role}, and waits for the confirmations of all.`, facts);
      }
      for (const attempt of new Set(ofRole.map((record) => record.keyId))) await this.#dropUnconfirmed(attempt);
      const named = toHex(keyId);
      const numbers = { atLeast: 1, atMost: epochs.lastNumber(named) };
      const met = await this.#meet({ kind: 'generate', role, keyId: named }, [...group.peers.keys()], numbers, tell);
      tell(`generating the ${role} key: commit, open, prove`);
      const record = await this.#talk(`${met.id} deal`, [...group.peers.keys()], DEALING_ROUNDS, (talk) =>
        generateKey({ keyId, own: group.own, n, t: group.threshold, identities: identitiesOf(group) }, talk, random),
      );
      return this.#introduce(met, { role, epoch: record, founders: foundersOf(record) }, record, tell);
    });
  }

  /** Digest section 10: new shares of the same key, then the two-phase switch. */
  refresh(role: Role, tell: Tell): Promise<Key> {
    return this.#alone(async () => {
      const { group, ring, random, epochs } = this.#options;
      await this.#settle();
      const [newest, ...older] = ring.origins(role);
      const { record } = newest!;
      demandEnough(record);
      if (record.n !== group.peers.size + 1 || record.t !== group.threshold) {
        const detail = `The ${role} key is one of ${record.n} parties of whom ${record.t} sign, and node.json names ${group.peers.size + 1} of whom ${group.threshold} do: reshare it.`;
        throw new Problem('session/wrong-ceremony', detail, { role });
      }
      const { keyId } = newest!.ref;
      await this.#dropUnconfirmed(keyId);
      const witnesses = ring.epochs().some((each) => each.keyId === keyId && each.status === 'ACTIVE') ? undefined : record.t;
      const numbers = { atLeast: epochs.nextNumber(keyId), atMost: epochs.lastNumber(keyId), witnesses };
      const { met, key } = await this.#meetFrom([newest!, ...older], numbers, tell);
      const { ref } = key;
      tell(`dealing new shares of the ${role} key for epoch ${met.number}, from those of epoch ${key.record.epoch}`);
      // A copy: the bundle of an attempt that outranks this epoch may come meanwhile, and erases the share.
      const mine = { ...key.record, share: Uint8Array.from(key.record.share) };
      const dealt = this.#talk(`${met.id} deal`, [...group.peers.keys()], DEALING_ROUNDS, (talk) => refreshShares(mine, met.number, talk, random));
      const next = await dealt.finally(() => mine.share.fill(0));
      const { founders } = epochDataOf(this.#options.store.epoch(ref));
      return this.#introduce(met, { role, epoch: next, founders }, next, tell);
    });
  }

  /**
   * Digest 11.1: the key goes to the parties that node.json names now, under the same address. `dealers` are parties of the epoch before, a quorum or more, who stay under the number that they have: a node that joins takes another number,
   * or that of one who leaves. `given` is the anchor that a node without a share was told by the operators; one with a share believes its own record. Then the switch, as after a refresh. node/unknown-key, session/bad-anchor,
   * session/too-few-parties, session/bad-request.
   */
  reshare(role: Role, { dealers, given }: { readonly dealers: readonly PartyId[]; readonly given: KeyAnchor | undefined }, tell: Tell): Promise<Key> {
    return this.#alone(async () => {
      const { group, ring, random, epochs, recall } = this.#options;
      const next = { n: group.peers.size + 1, t: group.threshold, identities: identitiesOf(group) };
      demandEnough(next);
      await this.#settle();
      const held = ring.epochs().findLast((record) => record.status !== 'PENDING' && epochDataOf(record).role === role);
      const own = held && keyAnchorOf(epochDataOf(held));
      const keyAnchor = own ?? given;
      if (!keyAnchor) throw new Problem('node/unknown-key', `This node has no share of the ${role} key: it joins by the anchor of the key.`, { role });
      if (keyAnchor.role !== role) throw new Problem('session/bad-anchor', `The anchor is of the ${keyAnchor.role} key.`, { role });
      const fingerprint = fingerprintOfAnchor(keyAnchor);
      if (given && fingerprintOfAnchor(given) !== fingerprint)
        throw new Problem('session/bad-anchor', `The anchor is not of the epoch that this node holds, which is ${keyAnchor.epoch}.`, { role });
      const { anchor } = keyAnchor;
      const isQuorum = dealers.length >= anchor.t && dealers.every((party, i) => party <= Math.min(anchor.n, next.n) && (i === 0 || party > dealers[i - 1]!));
      if (!isQuorum)
        throw new Problem('session/bad-request', `The dealers are ${anchor.t} or more of the old parties who stay, each once and in order.`, { dealers });
      const deals = dealers.includes(group.own);
      if (deals && !held) throw new Problem('node/unknown-key', `This node is named as a dealer, and has no share of the ${role} key.`, { role });

      const keyId = toHex(anchor.keyId);
      await this.#dropUnconfirmed(keyId);
      for (const line of placesOf(keyAnchor, held && epochDataOf(held).epoch.identities, dealers, next.identities)) tell(line);
      const numbers = {
        atLeast: Math.max(epochs.nextNumber(keyId), keyAnchor.epoch + 1),
        atMost: Math.max(epochs.lastNumber(keyId), keyAnchor.epoch + 1 + MOST_EPOCHS_AHEAD),
        witnesses: held?.status === 'ACTIVE' ? undefined : next.t,
      };
      const met = await this.#meet({ kind: 'reshare', role, anchor: fingerprint, dealers }, [...group.peers.keys()], numbers, tell);
      if (!held) await recall();
      tell(`resharing the ${role} key for epoch ${met.number}`);
      const mine = deals ? ring.at(held!).record : undefined;
      const record = mine && { ...mine, share: Uint8Array.from(mine.share) };
      const facts = { anchor, dealers, next, epoch: met.number };
      const dealt = this.#talk(`${met.id} deal`, [...group.peers.keys()], DEALING_ROUNDS, (talk) => reshareKey(facts, group.own, record, talk, random));
      const received = await dealt.finally(() => record?.share.fill(0));
      return this.#introduce(met, { role, epoch: received, founders: keyAnchor.founders }, received, tell);
    });
  }

  /** Digest 12, "Recovery": the whole of section 4 for one pair, after its operators approved. The peer's operator says the same there. */
  repair(role: Role, peer: PartyId, approvedBy: string, tell: Tell): Promise<void> {
    return this.#alone(async () => {
      const { store, ring, group, clock } = this.#options;
      const key = ring.active(role);
      // By who it was, not by the number alone: the one before a reshare may have been another node. Of what peers remember of before this node came, nobody knows who it was: it counts.
      const name = Buffer.from(key.record.identities[peer - 1]!).toString('hex');
      const names = new Map(store.epochs.map((record) => [record.epochId, Buffer.from(epochDataOf(record).epoch.identities[peer - 1] ?? []).toString('hex')]));
      const recent = store.poisonings.filter(
        (poisoning) =>
          poisoning.peer === peer &&
          poisoning.check !== BY_OPERATOR &&
          clock.nowMs() - poisoning.atMs < BAN_WINDOW_MS &&
          (names.get(poisoning.epochId) ?? name) === name,
      );
      if (recent.length >= BAN_AFTER)
        throw new Problem('session/pair-unusable', `Party ${peer} has poisoned this pair ${recent.length} times within 30 days: reshare it out.`, { peer });
      const before = store.epoch(key.ref).pairs.get(peer);
      const met = await this.#meet(
        { kind: 'repair', role, ...key.ref, pair: [group.own, peer].sort((a, b) => a - b) },
        [peer],
        { atLeast: (before?.generation ?? 0) + 1, atMost: (before?.generation ?? 0) + MOST_GENERATIONS_AHEAD },
        tell,
      );
      // Whoever was said to have cheated has noticed nothing: its half goes now, by its operator's word, because POISON retires both directions.
      if (before?.status === 'ACTIVE') await this.#retire(key, peer, before.generation);
      // Nor does a session that still has it go on: a check that it failed now would be written down against the set-up that comes next.
      key.wipe(peer);
      tell(`setting up the pair with party ${peer} anew, generation ${met.number}`);
      const pair = await this.#setUp(met, key.ctx, peer, met.number);
      await store.putPair(key.ref, pair, approvedBy, clock.nowMs());
      pair.secrets.fill(0);
      key.pairs.heal(peer);
      await this.#talk(`${met.id} ready`, [peer], 1, (talk) => talk.all(0, utf8('ready')));
      await this.#testTogether(key, peer, tell);
      await store.activatePair(key.ref, peer, clock.nowMs());
      this.#note({ kind: 'repair', role, peer, generation: met.number, approvedBy });
      tell(`the pair with party ${peer} signs again`);
    });
  }

  /**
   * With t = 2 the pair itself; with more, others stand by, and any of them will do: that one is away, or suspended a set in which nobody knows whose fault it was, says nothing of this pair. What was somebody's fault ends it, as ever.
   */
  async #testTogether(key: Key, peer: PartyId, tell: Tell): Promise<void> {
    const { group, selfTest } = this.#options;
    const sets = signerSetsOf(key.record).filter((set) => set.includes(group.own) && set.includes(peer));
    for (const [i, S] of sets.entries()) {
      tell(`test signature of ${S.join(' and ')}`);
      try {
        return await selfTest(key, S);
      } catch (error) {
        const isOver = !(error instanceof Problem) || error.code.startsWith('node/disk') || (error.facts['effect'] ?? 'none') !== 'none';
        if (isOver || i === sets.length - 1) throw error;
        tell(`${error.detail} Another set is asked.`);
      }
    }
  }

  async #retire({ ref }: Key, peer: PartyId, generation: number): Promise<void> {
    const { audit, store, clock } = this.#options;
    const sid: Hex = `0x${'00'.repeat(32)}`;
    const atMs = clock.nowMs();
    const head = await audit.append({ kind: 'poisoned', atMs, data: { ...ref, peer, generation, sid, check: BY_OPERATOR } });
    await store.poison({ ...ref, peer, generation, sid, check: BY_OPERATOR, audit: head, atMs });
  }

  /**
   * Goes on with what a crash left PENDING: every signer set with this node in it makes its test signature, asked for by this node alone, and then it confirms. What nobody else has any more is
   * dropped when the next ceremony of the key begins.
   */
  finish(): Promise<void> {
    return this.#alone(async () => {
      const { ring, epochs, selfTest, group } = this.#options;
      const left = ring
        .epochs()
        .filter(({ status, confirmed, epochId }) => status === 'PENDING' && confirmed === undefined && (this.#tries.get(epochId) ?? 0) < FINISH_TRIES);
      for (const stored of left) {
        this.#tries.set(stored.epochId, (this.#tries.get(stored.epochId) ?? 0) + 1);
        const key = ring.at(stored);
        const sets = signerSetsOf(key.record).filter((S) => S.includes(group.own));
        if (!epochs.isWaiting(key.record)) await epochs.prepared(publicPart(key.record), group.own, sets);
        for (const S of sets) {
          await selfTest(key, S);
          await epochs.tested(stored.keyId, key.record.epochId, S);
        }
        await epochs.confirm(key.record);
      }
    });
  }

  /** An attempt that this node has not confirmed is nobody's but its own to keep (digest 10.3). */
  async #dropUnconfirmed(keyId: string): Promise<void> {
    const { ring, store, epochs, clock } = this.#options;
    for (const stored of ring.epochs().filter((record) => record.keyId === keyId && record.status === 'PENDING' && record.confirmed === undefined)) {
      await epochs.drop(keyId, ring.at(stored).record.epochId);
      await store.dropUnconfirmed(stored, clock.nowMs());
    }
  }

  /** From a record in memory to a key that signs: every pair set up, PENDING on the disk, tested by every signer set, confirmed by all. */
  async #introduce(met: Met, { role, founders }: EpochData, record: KeyRecord, tell: Tell): Promise<Key> {
    const { group, store, epochs, signer, ring, random, recoveryKey, clock } = this.#options;
    const peers = [...group.peers.keys()];
    tell(`setting up ${peers.length} pairs`);
    const pairs = await Promise.all(peers.map((peer) => this.#setUp(met, contextOf(record), peer, 1)));

    const ref: EpochRef = { keyId: toHex(record.keyId), epochId: toHex(record.epochId) };
    const backup = recoveryKey && sealBackup(record, fromHex(policyHash(store.policy.inForce)), recoveryKey, random);
    const share = encodeRecord(record);
    const made: EpochData = { role, epoch: publicPart(record), founders };
    const data = epochDataToJson(made);
    await store.putPending({ ...ref, epoch: record.epoch, parties: partiesOf(group), data, share, pairs, ...(backup ? { backup } : {}) }, clock.nowMs());
    // From here on the share is the store's and the ring's.
    for (const secret of [share, record.share, ...pairs.map(({ secrets }) => secrets)]) secret.fill(0);
    const sets = signerSetsOf(record).filter((S) => S.includes(group.own));
    await epochs.prepared(publicPart(record), group.own, sets);
    tell('share, pairs and backup are on the disk as PENDING');

    await this.#talk(`${met.id} pending`, peers, 1, (talk) => talk.all(0, utf8('pending')));
    const key = ring.at(ref);
    for (const S of sets) {
      tell(`test signature of ${S.join(' and ')}`);
      await signer.test(key, S, sha256(utf8(`cairn/ceremony-test/v1\n${met.id}\n${S.join()}`)));
      await epochs.tested(ref.keyId, record.epochId, S);
    }
    await epochs.confirm(record);
    this.#note({ kind: record.origin, role, ...ref, epoch: record.epoch, address: key.address });
    tell('confirmed; it signs when all confirmations are here');
    await this.#promoted(ref);
    tell(`the ${role} key is ${key.address}, epoch ${record.epoch}`);
    tell(`its anchor, to be read aloud to whoever joins or leaves:  ${fingerprintOfAnchor(keyAnchorOf(made)).match(/.{4}/g)!.join(' ')}`);
    return key;
  }

  /** What this node has confirmed may be in use at its peers already: it asks for the bundle before it says which epoch is to be refreshed. A peer that withholds it is waited for no longer than this. */
  async #settle(): Promise<void> {
    const { epochs } = this.#options;
    for (let waitedMs = 0; epochs.isWaitingForAny() && waitedMs < SETTLE_MS; waitedMs += SETTLE_MS / 10) {
      await epochs.resume();
      await sleep(SETTLE_MS / 10);
    }
  }

  async #promoted(ref: EpochRef): Promise<void> {
    const { store, epochs, timeouts } = this.#options;
    const startedMs = performance.now();
    for (let waitMs = 5; store.epoch(ref).status === 'PENDING'; waitMs = Math.min(waitMs * 2, 500)) {
      if (performance.now() - startedMs > timeouts.roundMs)
        throw new Problem('session/ceremony-failed', 'Not all confirmations came. Both epochs are kept, and it goes on by itself when they do.', { ...ref });
      await sleep(waitMs);
      if (waitMs >= 500) await epochs.resume();
    }
  }

  #setUp({ id }: Met, ctx: Context, peer: PartyId, generation: number): Promise<NewPair> {
    const { own } = this.#options.group;
    const name = [own, peer].sort((a, b) => a - b).join('-');
    return this.#talk(`${id} setup ${name}`, [peer], SETUP_ROUNDS, (talk) => setUpPair({ ctx, own, peer, generation }, talk));
  }

  /** Where the others hold one of these epochs: each of them meets for the one that it holds, so that no more than one can be met for. */
  async #meetFrom(keys: readonly Key[], numbers: Numbers, tell: Tell): Promise<{ readonly met: Met; readonly key: Key }> {
    const settled = new AbortController();
    const peers = [...this.#options.group.peers.keys()];
    const meetings = keys.map(async (key) => ({ key, met: await this.#meet({ kind: 'refresh', role: key.role, ...key.ref }, peers, numbers, tell, settled.signal) })); // prettier-ignore
    const first = await Promise.any(meetings).catch(({ errors }: AggregateError) => Promise.reject(errors[0] as Problem));
    settled.abort();
    return first;
  }

  async #meet(facts: Readonly<Record<string, unknown>>, peers: readonly PartyId[], numbers: Numbers, tell: Tell, signal?: AbortSignal): Promise<Met> {
    const { group, rendezvous, timeouts } = this.#options;
    tell(`waiting for ${peers.map((peer) => `party ${peer}`).join(', ')}`);
    const agreed = { ...facts, parties: partiesOf(group), threshold: group.threshold, identities: identitiesOf(group).map((identity) => toHex(identity)) };
    const met = await rendezvous.meet({ facts: JSON.stringify(agreed), with: peers, ...numbers }, timeouts.gatheringMs, signal).catch((error: unknown) => {
      if (error instanceof Problem) this.#alarmOf(error);
      throw error;
    });
    tell(`all are here; this ceremony is ${met.id.slice(2, 18)}`);
    return met;
  }

  async #talk<Result>(name: string, peers: readonly PartyId[], rounds: number, work: (talk: Talk) => Promise<Result>): Promise<Result> {
    const { conversations, group, timeouts, onEvidence } = this.#options;
    const id = toHex(sha256(utf8(`cairn/ceremony/v1\n${name}`)));
    const conversation = conversations.open(id, peers, rounds);
    const talk = new Talk(group, conversation, peers, timeouts.roundMs);
    try {
      const result = await work(talk);
      conversation.end();
      return result;
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem('wire/failed', 'The node failed by a bug of its own.');
      conversation.end(problem);
      this.#alarmOf(problem);
      if (problem.code.startsWith('mpc/')) await onEvidence(id, talk.evidence);
      throw error;
    }
  }

  /** What section 12's table has an operator hear of. Whoever is to blame is counted where the alarm goes; the attempt itself is dropped by its end, because nothing of it is stored yet. */
  #alarmOf(problem: Problem): void {
    const { effect } = problem.facts as { readonly effect?: Effect };
    if (effect !== undefined && effect !== 'none') this.#options.onAlarm(problem);
  }

  #note(data: Readonly<Record<string, string | number>>): void {
    const { audit, clock } = this.#options;
    void audit.append({ kind: 'ceremony', atMs: clock.nowMs(), data });
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
