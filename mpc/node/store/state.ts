import type { JsonValue } from '#anchor/core';
import { assert, Problem, type Hex, type TimeMs } from '#base';
import type { Head } from '../heads/heads.ts';
import { applyChange, DAY_MS, type Counters, type PolicyState, type Spent } from '../policy/policy.ts';
import { Marks, type Suspicion } from './marks.ts';
import { Suspensions } from './suspensions.ts';
import type { Confirmation, EpochMade, EpochRef, FileRef, PairMade, Poisoned, Released, SpentJson, StoreEvent } from './events.ts';

/** PENDING from the ceremony to the bundle; RESTORED from a backup until its pairs are set up and tested; RETIRED when nothing of it may be used again. */
export type EpochStatus = 'PENDING' | 'ACTIVE' | 'RESTORED' | 'RETIRED';
export type PairStatus = 'ACTIVE' | 'POISONED' | 'RETIRED' | 'RESTORED';

export interface PairRecord extends Omit<PairMade, 'file'> {
  readonly status: PairStatus;
  /** Absent when there is nothing left to use. */
  readonly file: FileRef | undefined;
}

export interface EpochRecord extends EpochMade {
  readonly status: EpochStatus;
  readonly share: FileRef;
  readonly backup: FileRef | undefined;
  /** This node's own confirmation, from before it was sent. */
  readonly confirmed: Hex | undefined;
  /** All n, to be handed to peers that lack some. */
  readonly bundle: readonly Confirmation[] | undefined;
  readonly pairs: ReadonlyMap<number, PairRecord>;
}

const FORGET_EVERY_MS = 3_600_000;

/** Every event's guards and effects, the same when it happens and when it is read again. */
export class StoreState {
  readonly #epochs = new Map<Hex, EpochRecord>();
  readonly #poisonings: Poisoned[] = [];
  readonly #sids = new Map<Hex, TimeMs>();
  readonly #spent = new Map<Hex, Spent>();
  readonly #marks = new Marks();
  readonly #suspensions = new Suspensions();
  #highWaterMs: TimeMs = 0;
  /** When what is older than a day was last forgotten. */
  #forgotMs: TimeMs = 0;
  #policy: PolicyState | undefined;
  #serial = 0;
  #audit: Head | undefined;
  readonly #governed: JsonValue[] = [];

  get epochs(): readonly EpochRecord[] {
    return [...this.#epochs.values()];
  }
  /** Every poisoning ever, oldest first: two by one peer within a window ban it (section 12). */
  get poisonings(): readonly Poisoned[] {
    return this.#poisonings;
  }
  /** How often a process died while checks of a set-up were evaluated. */
  get suspicions(): readonly Suspicion[] {
    return this.#marks.suspicions;
  }
  /** The sets of peers with which signatures came out invalid too often. */
  suspended(ref: EpochRef): readonly (readonly number[])[] {
    return this.#suspensions.of(ref);
  }
  /** Whether a session is being evaluated; after everything was read: whether the process before died in one. */
  get isEvaluatingAny(): boolean {
    return this.#marks.isAnyOpen;
  }
  get counters(): Counters {
    return { highWaterMs: this.#highWaterMs, spent: [...this.#spent.values()] };
  }
  get policy(): PolicyState | undefined {
    return this.#policy;
  }
  /** Of the newest records. */
  get serial(): number {
    return this.#serial;
  }
  /** Where the audit log stood at the last event that says so: at least as far it must be now. */
  get audit(): Head | undefined {
    return this.#audit;
  }

  /** Every transaction of the Safe that was released, oldest first. They are few. */
  get governed(): readonly JsonValue[] {
    return this.#governed;
  }

  /** node/unknown-key where this node never had it. */
  epoch({ keyId, epochId }: EpochRef): EpochRecord {
    const record = this.#epochs.get(epochId);
    if (record?.keyId !== keyId) throw new Problem('node/unknown-key', `This node has no epoch ${epochId} of key ${keyId}.`, { keyId, epochId });
    return record;
  }

  /** The epoch that signs: ACTIVE, the highest. */
  active(keyId: string): EpochRecord | undefined {
    return this.epochs.filter((record) => record.keyId === keyId && record.status === 'ACTIVE').sort((a, b) => b.epoch - a.epoch)[0];
  }

  /** The files that hold what may still be used, each with its epoch. */
  liveFiles(): (readonly [EpochRecord, FileRef])[] {
    return this.epochs.flatMap((record) => filesOf(record).map((file) => [record, file] as const));
  }

  isEvaluating(sid: Hex): boolean {
    return this.#marks.isOpen(sid);
  }

  /** May these pairs be used now? `sign`: for an order; `test`: for the self-test, which also a PENDING or RESTORED one does. node/wrong-state, node/pair-poisoned, session/pair-unusable. */
  demandUsable(ref: EpochRef, peers: readonly number[], use: 'sign' | 'test'): void {
    const record = this.epoch(ref);
    const statuses: readonly EpochStatus[] = use === 'sign' ? ['ACTIVE'] : ['ACTIVE', 'PENDING', 'RESTORED'];
    demandStatus(record, statuses);
    for (const peer of peers) {
      const { status } = pairOf(record, peer);
      if (status === 'POISONED') throw new Problem('node/pair-poisoned', `The pair with party ${peer} is poisoned.`, { ...refOf(record), peer });
      if (status !== 'ACTIVE' && !(use === 'test' && status === 'RESTORED'))
        throw new Problem('node/wrong-state', `The pair with party ${peer} is ${status}.`, { ...refOf(record), peer, status });
    }
    this.#suspensions.demandNone(ref, peers);
  }

  /** What would refuse this event now. */
  check(event: StoreEvent): void {
    switch (event.event) {
      case 'pending':
        return this.#checkNew(event.made);
      case 'restored':
        return this.#checkNew(event.made);
      case 'remembered':
      case 'evaluated':
      case 'crashed':
        return;
      case 'evaluating':
      case 'invalid':
        for (const peer of event.peers) pairOf(this.epoch(event), peer);
        return;
      case 'confirmed':
        return this.#checkConfirmed(event);
      case 'promoted':
        return this.#checkPromoted(event);
      case 'dropped': {
        const record = this.epoch(event);
        demandStatus(record, ['PENDING']);
        if (record.confirmed !== undefined)
          throw new Problem('node/already-confirmed', `Epoch ${record.epoch} of key ${record.keyId} is confirmed.`, refOf(record));
        return;
      }
      case 'activated': {
        const record = this.epoch(event);
        demandStatus(record, ['RESTORED']);
        const idle = [...record.pairs.values()].find(({ status }) => status === 'RESTORED');
        if (idle || record.pairs.size === 0)
          throw new Problem('node/wrong-state', 'Its pairs are not all set up and tested.', { ...refOf(record), peer: idle?.peer });
        return;
      }
      case 'retired':
        return demandStatus(this.epoch(event), ['ACTIVE', 'RESTORED', 'PENDING']);
      case 'paired':
        return this.#checkPaired(event, event.pair);
      case 'pair-activated': {
        const { status } = pairOf(this.epoch(event), event.peer);
        if (status !== 'RESTORED') throw new Problem('node/wrong-state', `The pair with party ${event.peer} is ${status}.`, { peer: event.peer, status });
        return;
      }
      case 'poisoned':
        pairOf(this.epoch(event), event.peer);
        return;
      case 'released':
        if (this.#sids.has(event.sid)) throw new Problem('node/already-released', `Session ${event.sid} was released before.`, { sid: event.sid });
        return;
      case 'policy':
        applyChange(this.#policy, event.change);
    }
  }

  /** Checks, then takes it in. */
  apply(event: StoreEvent): void {
    this.check(event);
    switch (event.event) {
      case 'pending': {
        const pairs = event.pairs.map((pair): PairRecord => ({ ...pair, status: 'ACTIVE' }));
        return this.#add(event.made, 'PENDING', event.share, event.backup ?? undefined, pairs);
      }
      case 'restored':
        return this.#add(event.made, 'RESTORED', event.share, undefined, []);
      case 'remembered':
        // What this node wrote down itself no peer can talk down.
        for (const spent of event.spent) if (!this.#spent.has(spent.digest)) this.#spend(spent);
        // Told at every start until the node is made whole, and counted once.
        this.#poisonings.push(...event.poisonings.filter((told) => !this.#poisonings.some((known) => isSame(known, told))));
        return;
      case 'confirmed':
        return this.#set({ ...this.epoch(event), confirmed: event.signature });
      case 'promoted':
        return this.#promote(event, event.bundle);
      case 'activated':
        return this.#set({ ...this.epoch(event), status: 'ACTIVE' });
      case 'dropped':
      case 'retired':
        return this.#set(retired(this.epoch(event)));
      case 'paired':
        this.#serial = Math.max(this.#serial, event.pair.file.serial);
        this.#suspensions.lift(event, event.pair.peer);
        return this.#setPair(event, { ...event.pair, status: 'RESTORED' });
      case 'pair-activated':
        return this.#setPair(event, { ...pairOf(this.epoch(event), event.peer), status: 'ACTIVE' });
      case 'poisoned':
        return this.#poison(event);
      case 'released':
        return this.#release(event);
      case 'evaluating': {
        const { pairs } = this.epoch(event);
        return this.#marks.begin(event.sid, event.peers.map((peer) => ({ ...refOf(event), peer, generation: pairs.get(peer)!.generation }))); // prettier-ignore
      }
      case 'evaluated':
        return this.#marks.end(event.sid);
      case 'invalid':
        return this.#suspensions.count(event, event.peers);
      case 'crashed':
        return this.#crash();
      case 'policy':
        this.#policy = applyChange(this.#policy, event.change);
        // A stop and a cancellation are taken at any time, also by a clock that is wrong: it is not remembered as one that was seen.
        if (event.change.change !== 'stopped' && event.change.change !== 'cancelled') this.#seen(event.atMs);
    }
  }

  #checkNew(made: EpochMade): void {
    if (this.#epochs.has(made.epochId)) throw new Problem('node/wrong-state', `Epoch ${made.epochId} was here before.`, refOf(made));
    this.#demandLatest(made);
  }

  /** A confirmed attempt may have been promoted elsewhere, so that another one of its number would be two epochs of one name. */
  #demandLatest(made: EpochMade): void {
    const isTaken = ({ keyId, epochId, epoch, status, confirmed }: EpochRecord) =>
      keyId === made.keyId &&
      epochId !== made.epochId &&
      epoch >= made.epoch &&
      (status !== 'PENDING' || confirmed !== undefined) &&
      !(status === 'RETIRED' && confirmed === undefined);
    if (this.epochs.some(isTaken))
      throw new Problem('node/wrong-state', `Key ${made.keyId} has an epoch ${made.epoch} or a later one already.`, { ...refOf(made), epoch: made.epoch });
  }

  #checkConfirmed(event: Extract<StoreEvent, { event: 'confirmed' }>): void {
    const record = this.epoch(event);
    demandStatus(record, ['PENDING']);
    if (record.confirmed !== undefined) throw new Problem('node/wrong-state', 'This node confirmed the epoch before, with other bytes.', refOf(record));
    this.#demandLatest(record);
  }

  #checkPromoted(event: Extract<StoreEvent, { event: 'promoted' }>): void {
    const record = this.epoch(event);
    demandStatus(record, ['PENDING']);
    if (record.confirmed === undefined) throw new Problem('node/wrong-state', 'This node did not confirm the epoch itself.', refOf(record));
    const missing = record.parties.filter((party) => event.bundle.filter((confirmation) => confirmation.party === party).length !== 1);
    const strange = event.bundle.filter(({ party }) => !record.parties.includes(party));
    if (missing.length > 0 || strange.length > 0) {
      throw new Problem('node/confirmations-missing', `The bundle lacks or repeats parties ${missing.join(', ') || 'that are none'}.`, {
        ...refOf(record),
        parties: missing,
      });
    }
  }

  #checkPaired(ref: EpochRef, { peer, generation }: PairMade): void {
    const record = this.epoch(ref);
    demandStatus(record, ['ACTIVE', 'RESTORED', 'PENDING']);
    const before = record.pairs.get(peer);
    if (!record.parties.includes(peer)) throw new Problem('node/unknown-key', `There is no party ${peer}.`, { ...refOf(record), peer });
    if (before?.status === 'ACTIVE')
      throw new Problem('node/wrong-state', `The pair with party ${peer} is ACTIVE.`, { ...refOf(record), peer, status: before.status });
    if (before && generation <= before.generation) {
      throw new Problem('node/wrong-state', `The pair with party ${peer} had generation ${before.generation}; ${generation} is no later one.`, {
        ...refOf(record),
        peer,
      });
    }
  }

  #add(made: EpochMade, status: EpochStatus, share: FileRef, backup: FileRef | undefined, pairs: readonly PairRecord[]): void {
    assert(share.serial > this.#serial, 'every writing of records has a serial of its own');
    this.#serial = share.serial;
    this.#set({ ...made, status, share, backup, confirmed: undefined, bundle: undefined, pairs: new Map(pairs.map((pair) => [pair.peer, pair])) });
  }

  #set(record: EpochRecord): void {
    this.#epochs.set(record.epochId, record);
  }

  #setPair(ref: EpochRef, pair: PairRecord): void {
    const record = this.epoch(ref);
    this.#set({ ...record, pairs: new Map(record.pairs).set(pair.peer, pair) });
  }

  /** With all n confirmations everybody has this epoch, so whatever came before it is no longer needed by anybody (10.3). */
  #promote(ref: EpochRef, bundle: readonly Confirmation[]): void {
    const record = this.epoch(ref);
    for (const older of this.epochs) {
      if (older.keyId === record.keyId && older.epochId !== record.epochId && older.epoch <= record.epoch) this.#set(retired(older));
    }
    this.#set({ ...record, status: 'ACTIVE', bundle });
  }

  /** A verdict on a set-up that was replaced meanwhile changes nothing; one on a pair that is poisoned already is only counted. */
  #poison(event: Poisoned): void {
    const pair = pairOf(this.epoch(event), event.peer);
    this.#poisonings.push(event);
    this.#audit = event.audit;
    if (event.generation === pair.generation && pair.status !== 'RETIRED') this.#setPair(event, { ...pair, status: 'POISONED', file: undefined });
  }

  /** No proof that the peer cheats, so it counts towards no ban; the pair is as unusable as by a failed check. */
  #crash(): void {
    for (const { peer, generation, ...ref } of this.#marks.crash()) {
      const pair = pairOf(this.epoch(ref), peer);
      if (generation === pair.generation && pair.status !== 'RETIRED') this.#setPair(ref, { ...pair, status: 'POISONED', file: undefined });
    }
  }

  #release(event: Released): void {
    this.#audit = event.audit;
    this.#marks.end(event.sid);
    this.#sids.set(event.sid, event.atMs);
    if (isGovernance(event.intent)) this.#governed.push(event.intent);
    if (event.spent !== null) this.#spend(event.spent);
    // Now and then: the maps keep room for what was taken from their beginning, and looking there costs as much as there is of it.
    if (Math.abs(event.atMs - this.#forgotMs) < FORGET_EVERY_MS) return;
    this.#forgotMs = event.atMs;
    this.#forget(event.atMs);
  }

  /** Counted once a digest, from its latest release; moved to the end, so that the map stays in the order of time. */
  #spend({ digest, atMs, debits }: SpentJson): void {
    this.#seen(atMs);
    if (debits.length === 0) return;
    const latestMs = Math.max(atMs, this.#spent.get(digest)?.atMs ?? 0);
    this.#spent.delete(digest);
    this.#spent.set(digest, { digest, atMs: latestMs, debits: debits.map((debit) => ({ ...debit, amount: BigInt(debit.amount) })) });
  }

  #seen(atMs: TimeMs): void {
    this.#highWaterMs = Math.max(this.#highWaterMs, atMs);
  }

  /** What is older than a day counts against nothing. A sid is new because its N_i is (2.6), not because it is remembered: those of tests go by the time of the release, which is no time that limits go by. */
  #forget(atMs: TimeMs): void {
    forgetBefore(this.#spent, (spent) => spent.atMs, this.#highWaterMs - DAY_MS);
    forgetBefore(this.#sids, (releasedMs) => releasedMs, atMs - DAY_MS);
  }
}

/** From the beginning, which is the oldest, to the first that is not so old. */
function forgetBefore<Kept>(kept: Map<Hex, Kept>, timeOf: (one: Kept) => TimeMs, beforeMs: TimeMs): void {
  for (const [key, one] of kept) {
    if (timeOf(one) > beforeMs) return;
    kept.delete(key);
  }
}

function isSame(a: Poisoned, b: Poisoned): boolean {
  return a.epochId === b.epochId && a.peer === b.peer && a.generation === b.generation && a.sid === b.sid && a.atMs === b.atMs;
}

function refOf({ keyId, epochId }: EpochRef) {
  return { keyId, epochId };
}

function pairOf(record: EpochRecord, peer: number): PairRecord {
  const pair = record.pairs.get(peer);
  if (!pair) throw new Problem('node/unknown-key', `Epoch ${record.epoch} of key ${record.keyId} has no pair with party ${peer}.`, { ...refOf(record), peer });
  return pair;
}

function demandStatus(record: EpochRecord, allowed: readonly EpochStatus[]): void {
  if (allowed.includes(record.status)) return;
  throw new Problem('node/wrong-state', `Epoch ${record.epoch} of key ${record.keyId} is ${record.status}, not ${allowed.join(' or ')}.`, {
    ...refOf(record),
    status: record.status,
  });
}

function retired(record: EpochRecord): EpochRecord {
  const pairs = [...record.pairs.values()].map((pair): [number, PairRecord] => [pair.peer, { ...pair, status: 'RETIRED', file: undefined }]);
  return { ...record, status: 'RETIRED', backup: undefined, pairs: new Map(pairs) };
}

function filesOf({ status, share, backup, pairs }: EpochRecord): FileRef[] {
  if (status === 'RETIRED') return [];
  return [share, ...(backup ? [backup] : []), ...[...pairs.values()].flatMap(({ file }) => (file ? [file] : []))];
}

function isGovernance(intent: JsonValue): boolean {
  return typeof intent === 'object' && intent !== null && 'kind' in intent && intent['kind'] === 'governance';
}
