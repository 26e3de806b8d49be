import { join } from 'node:path';
import type { JsonValue } from '#anchor/core';
import { assert, Problem, type Hex, type TimeMs } from '#base';
import { lockFolder, readIfPresent, syncFolder, type FolderLock } from '../files/files.ts';
import type { HashChain, Head } from '../heads/heads.ts';
import { evaluate, policyHash, type Counters, type Policy, type PolicyChange, type PolicyState, type Spent } from '../policy/policy.ts';
import type { Confirmation, EpochRef, FileRef, Poisoned, Released, SpentJson, StoreEvent } from './events.ts';
import { createHeader, openHeader } from './header.ts';
import { Journal, type Sealing } from './journal.ts';
import { Records, type Content } from './records.ts';
import type { Suspicion } from './marks.ts';
import { StoreState, type EpochRecord } from './state.ts';
import type { NewEpoch, NewPair, OpenOptions, PeersMemory, SigningSession, StoreOptions, TestSession } from './types.ts';

/**
 * The durable state of one node (digest, section 14). Every operation refuses first, takes effect in memory at once, so that whoever asks next already meets it, and is durable when it resolves; only then may
 * anything that follows from it leave the node. After node/disk-failed the process must end: its memory may be ahead of its disk.
 */
export class NodeStore {
  readonly #options: OpenOptions;
  readonly #lock: FolderLock;
  readonly #sealing: Sealing;
  readonly #journal: Journal;
  readonly #state: StoreState;
  readonly #records: Records;
  /** Records are written one operation at a time, since the serial is drawn before the line that names it. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: OpenOptions, lock: FolderLock, sealing: Sealing, journal: Journal, state: StoreState, records: Records) {
    this.#options = options;
    this.#lock = lock;
    this.#sealing = sealing;
    this.#journal = journal;
    this.#state = state;
    this.#records = records;
  }

  /** Makes an empty store with its first policy. node/store-exists, node/folder-locked. */
  static async create(options: StoreOptions, policy: Policy, nowMs: TimeMs): Promise<void> {
    const { folder, node, provider, random } = options;
    const lock = await lockFolder(folder);
    try {
      await Records.create(folder);
      const sealing: Sealing = { node, random, ...(await createHeader(folder, node, provider, random)) };
      await Journal.create(folder, sealing);
      const journal = await Journal.open(folder, sealing, () => assert(false, 'a new journal is empty'));
      await journal.append({ event: 'policy', change: { change: 'installed', policy, atMs: nowMs }, atMs: nowMs });
      await journal.close();
      await syncFolder(folder);
      sealing.storeKey.fill(0);
    } finally {
      lock.release();
    }
  }

  /**
   * Takes the lock, reads everything, and refuses what is not exactly what was written: node/folder-locked, -store-absent, -wrong-key, -store-tampered, -store-swapped, -store-incomplete, -store-behind. Whether
   * the folder as a whole is an old one only the peers know: compare `heads` with what they remember (isBehind) before the first session, then call `eraseLeftovers`.
   */
  static async open(options: OpenOptions): Promise<NodeStore> {
    const { folder, node, provider, random } = options;
    if (!(await readIfPresent(join(folder, 'store.json')))) throw new Problem('node/store-absent', `There is no store in ${folder}.`, { folder });
    const lock = options.lock ?? (await lockFolder(folder));
    let journal: Journal | undefined;
    try {
      const sealing: Sealing = { node, random, ...(await openHeader(folder, node, provider)) };
      const state = new StoreState();
      journal = await Journal.open(folder, sealing, (event) => state.apply(event));
      if (!state.policy) throw new Problem('node/store-incomplete', 'The store was never finished: it has no policy.', { file: 'journal' });
      // Nobody comes back to what was being evaluated when the last process died.
      if (state.isEvaluatingAny) {
        const event: StoreEvent = { event: 'crashed', atMs: state.counters.highWaterMs };
        state.apply(event);
        await journal.append(event);
      }
      const records = await Records.open(folder, sealing, state.liveFiles(), state.serial);
      return new NodeStore(options, lock, sealing, journal, state, records);
    } catch (error) {
      await journal?.close();
      lock.release();
      throw error;
    }
  }

  get node(): string {
    return this.#sealing.node;
  }
  get storeId(): Hex {
    return this.#sealing.storeId;
  }
  /** Every head that the journal had, as far as it is durable. */
  get chain(): HashChain {
    return this.#journal.chain;
  }
  /** What the journal remembers of the audit log; undefined before the first release and poisoning. */
  get rememberedAudit(): Head | undefined {
    return this.#state.audit;
  }
  get epochs(): readonly EpochRecord[] {
    return this.#state.epochs;
  }
  get poisonings(): readonly Poisoned[] {
    return this.#state.poisonings;
  }
  /** How often a process of this node died while checks of a set-up were evaluated. */
  get suspicions(): readonly Suspicion[] {
    return this.#state.suspicions;
  }
  /** The sets of peers of this epoch with which signatures came out invalid so often that none is made with them. */
  suspended(ref: EpochRef): readonly (readonly number[])[] {
    return this.#state.suspended(ref);
  }
  get counters(): Counters {
    return this.#state.counters;
  }
  get policy(): PolicyState {
    return this.#state.policy!;
  }

  /** The epoch of this key that signs; undefined where none does. */
  active(keyId: string): EpochRecord | undefined {
    return this.#state.active(keyId);
  }

  /** node/unknown-key. */
  epoch(ref: EpochRef): EpochRecord {
    return this.#state.epoch(ref);
  }

  /** node/wrong-state, node/pair-poisoned, session/pair-unusable, node/unknown-key. Asked when a session begins; the release asks again. */
  demandUsable(ref: EpochRef, peers: readonly number[], use: 'sign' | 'test'): void {
    this.#state.demandUsable(ref, peers, use);
  }

  /** x_i and what goes with it: a copy, for the caller to wipe. node/wrong-state where nothing is left. */
  share(ref: EpochRef): Uint8Array {
    const record = this.#state.epoch(ref);
    return this.#records.get(record.status === 'RETIRED' ? undefined : record.share);
  }

  /** OT state and zero seeds for one peer: a copy, for the caller to wipe. */
  pairSecrets(ref: EpochRef, peer: number): Uint8Array {
    return this.#records.get(this.#state.epoch(ref).pairs.get(peer)?.file);
  }

  backup(ref: EpochRef): Uint8Array | undefined {
    const { backup } = this.#state.epoch(ref);
    return backup && this.#records.get(backup);
  }

  /** e+1 on the disk, with everything that it needs to sign, beside e (10.3). */
  async putPending({ share, pairs, backup, ...made }: NewEpoch, nowMs: TimeMs): Promise<void> {
    const others = made.parties.length - 1;
    assert(
      new Set(pairs.map(({ peer }) => peer)).size === others && pairs.length === others && pairs.every(({ peer }) => made.parties.includes(peer)),
      'an epoch has one pair a peer',
    );
    await this.#write(async (serial) => {
      const build = (file: (kind: FileRef['kind'], peer: number) => FileRef): StoreEvent => ({
        event: 'pending',
        made,
        share: file('share', 0),
        pairs: pairs.map(({ secrets: _secrets, ...pair }) => ({ ...pair, file: file('pair', pair.peer) })),
        backup: backup ? file('backup', 0) : null,
        atMs: nowMs,
      });
      const contents: Content[] = [
        ...pairs.map(({ peer, secrets }): Content => ({ kind: 'pair', peer, plain: secrets })),
        { kind: 'share', peer: 0, plain: share },
      ];
      if (backup) contents.push({ kind: 'backup', peer: 0, plain: backup });
      await this.#commitRecords(made, serial, contents, build);
    });
  }

  /** Before this node's signed confirmation is sent. From here on neither e nor e+1 is dropped before all n are here. The same bytes again change nothing. */
  async confirm(ref: EpochRef, signature: Hex, nowMs: TimeMs): Promise<void> {
    const record = this.#state.epoch(ref);
    if (record.confirmed === signature) return;
    await this.#commit({ event: 'confirmed', ...refOf(ref), signature, atMs: nowMs });
  }

  /** With one valid confirmation of each party: e+1 signs, e is retired and then erased with its pairs and its backup. An epoch that is ACTIVE already stays so. node/confirmations-missing. */
  async promote(ref: EpochRef, bundle: readonly Confirmation[], nowMs: TimeMs): Promise<void> {
    const record = this.#state.epoch(ref);
    const wrong = bundle.filter((confirmation) => !this.#options.isConfirmation(record, confirmation));
    if (wrong.length > 0) {
      const parties = wrong.map(({ party }) => party);
      throw new Problem('node/confirmations-missing', `The confirmations of parties ${parties.join(', ')} are not valid.`, { ...refOf(ref), parties });
    }
    if (record.status === 'ACTIVE') return;
    await this.#retiring(() => this.#commit({ event: 'promoted', ...refOf(ref), bundle: [...bundle].sort((a, b) => a.party - b.party), atMs: nowMs }));
  }

  /** An attempt that this node has not confirmed. node/already-confirmed. */
  async dropUnconfirmed(ref: EpochRef, nowMs: TimeMs): Promise<void> {
    await this.#retiring(() => this.#commit({ event: 'dropped', ...refOf(ref), atMs: nowMs }));
  }

  /** An epoch that is over by the operators' decision (the key was exported and swept, or this node was reshared out): retired and erased for good. */
  async erase(ref: EpochRef, reason: string, nowMs: TimeMs): Promise<void> {
    await this.#retiring(() => this.#commit({ event: 'retired', ...refOf(ref), reason, atMs: nowMs }));
  }

  /** A share that came back from this node's backup: RESTORED, with no pair. What it spent and whom it poisoned its backup does not know: `remember`. */
  async putRestored({ share, ...made }: Omit<NewEpoch, 'pairs' | 'backup'>, nowMs: TimeMs): Promise<void> {
    await this.#write((serial) =>
      this.#commitRecords(made, serial, [{ kind: 'share', peer: 0, plain: share }], (file) => ({
        event: 'restored',
        made,
        share: file('share', 0),
        atMs: nowMs,
      })),
    );
  }

  /** Uses up the limits, and counts the poisonings, by what the peers of a restored node say that it released and poisoned (11.3). It only ever adds: a peer that lies makes the node stricter. */
  async remember({ spent, poisonings }: PeersMemory, nowMs: TimeMs): Promise<void> {
    // A time that has not come yet would set this node's clock wrong for good.
    const dated = spent.map((one) => spentJson({ ...one, atMs: Math.min(one.atMs, nowMs) }));
    await this.#commit({ event: 'remembered', spent: dated, poisonings, atMs: nowMs });
  }

  /** A pair that section 4 set up anew after a poisoning or a restore, by an operator's approval: RESTORED until it is tested. */
  async putPair(ref: EpochRef, { secrets, ...pair }: NewPair, approvedBy: string, nowMs: TimeMs): Promise<void> {
    const contents: Content[] = [{ kind: 'pair', peer: pair.peer, plain: secrets }];
    await this.#retiring(() =>
      this.#write((serial) =>
        this.#commitRecords(ref, serial, contents, (file) => ({
          event: 'paired',
          ...refOf(ref),
          pair: { ...pair, file: file('pair', pair.peer) },
          approvedBy,
          atMs: nowMs,
        })),
      ),
    );
  }

  /** After its test signature. */
  async activatePair(ref: EpochRef, peer: number, nowMs: TimeMs): Promise<void> {
    await this.#commit({ event: 'pair-activated', ...refOf(ref), peer, atMs: nowMs });
  }

  /** RESTORED to ACTIVE, when every pair was set up and tested. */
  async activateRestored(ref: EpochRef, nowMs: TimeMs): Promise<void> {
    await this.#commit({ event: 'activated', ...refOf(ref), atMs: nowMs });
  }

  /** Refuses the pair from this call on, also after a SIGKILL once it resolves: before any reply leaves (section 12). Its secrets are erased. */
  async poison(poisoned: Omit<Poisoned, 'event'>): Promise<void> {
    await this.#retiring(() => this.#commit({ event: 'poisoned', ...poisoned }));
  }

  /**
   * Before anything that depends on Delta is evaluated in this session: durable when it resolves. Without it a crash between a failed check and its POISON would be a verdict that the peer has and this node has
   * forgotten. Appended with the lines of other sessions, while the first messages are on their way.
   */
  async evaluating(session: EpochRef & { readonly sid: Hex; readonly peers: readonly number[] }, nowMs: TimeMs): Promise<void> {
    await this.#commit({ event: 'evaluating', ...refOf(session), sid: session.sid, peers: session.peers, atMs: nowMs });
  }

  /** The verdict, whichever it was, is on the disk. A release says it as well. */
  async evaluated(sid: Hex, nowMs: TimeMs): Promise<void> {
    if (this.#state.isEvaluating(sid)) await this.#commit({ event: 'evaluated', sid, atMs: nowMs });
  }

  /** A signature with these peers came out invalid: the third one suspends them, until one of their pairs is set up anew (section 12). */
  async countInvalid(session: EpochRef & { readonly sid: Hex; readonly peers: readonly number[] }, nowMs: TimeMs): Promise<void> {
    await this.#commit({ event: 'invalid', ...refOf(session), sid: session.sid, peers: session.peers, atMs: nowMs });
  }

  /**
   * RELEASED, before w_i leaves: the pairs must still be usable, the policy the one in the sid, and the limits are asked again and debited in one step, so that requests which run at once share them.
   * node/wrong-state, node/pair-poisoned, node/already-released, policy/changed, policy/refused.
   */
  async release(session: SigningSession, nowMs: TimeMs): Promise<void> {
    const { sid, peers, audit, facts, approvals, intent } = session;
    this.#state.demandUsable(session, peers, 'sign');
    const { inForce } = this.policy;
    const hash = policyHash(inForce);
    if (hash !== session.policyHash)
      throw new Problem('policy/changed', `The session began under policy ${session.policyHash}, and ${hash} is in force.`, { inForce: hash });
    const verdict = evaluate(inForce, this.counters, facts, approvals, nowMs);
    if (!verdict.allowed) throw new Problem('policy/refused', verdict.reason, { rule: verdict.rule });
    const spent = spentJson(verdict.debits);
    const policy = { version: inForce.version, hash };
    await this.#commit({
      event: 'released',
      ...refOf(session),
      sid,
      digest: facts.digest,
      requestId: facts.requestId,
      intent,
      policy,
      spent,
      audit,
      atMs: spent.atMs,
    });
  }

  /** The same for a test signature, which moves nothing. node/blind-digest for any other digest. */
  async releaseTest(session: TestSession, nowMs: TimeMs): Promise<void> {
    const { sid, digest, peers, audit } = session;
    this.#state.demandUsable(session, peers, 'test');
    if (!this.#options.isTestDigest(this.#state.epoch(session), peers, digest))
      throw new Problem('node/blind-digest', `${digest} is not the digest of a test.`, { digest });
    await this.#commit({ event: 'released', ...refOf(session), sid, digest, requestId: '', intent: null, policy: null, spent: null, audit, atMs: nowMs });
  }

  /** One more step of the policy's own life (policy/changes.ts). A time before what was already seen counts as that, but for the end of a delay, which is judged by the time that is given. */
  async changePolicy(change: PolicyChange): Promise<void> {
    const atMs = change.change === 'effective' ? change.atMs : Math.max(change.atMs, this.counters.highWaterMs);
    await this.#commit({ event: 'policy', change: { ...change, atMs }, atMs });
  }

  /** Every transaction of the Safe that was ever released, oldest first, decoded as canonical JSON: what this node agreed to. */
  get governed(): readonly JsonValue[] {
    return this.#state.governed;
  }

  /** Everything that was ever released, oldest first, read from the disk: what was signed for a position or an instruction, for whoever may sign it once only. */
  async released(): Promise<Released[]> {
    const released: Released[] = [];
    for await (const event of this.#journal.events()) if (event.event === 'released') released.push(event);
    return released;
  }

  /** Erases records that nothing refers to: of epochs that were retired, and of ceremonies that a killed process did not finish. Only once the peers have confirmed that this disk is not an old one. */
  async eraseLeftovers(): Promise<string[]> {
    // In its turn, so that a ceremony which is being written is not taken for one that died.
    const dead: string[] = [];
    await this.#write(async () => void dead.push(...(await this.#records.eraseAllBut(this.#state.liveFiles().map(([, file]) => file)))));
    return dead;
  }

  /** Wipes what is in memory and gives the lock back. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#journal.close();
    this.#records.wipe();
    this.#sealing.storeKey.fill(0);
    this.#lock.release();
  }

  async #commit(event: StoreEvent): Promise<void> {
    this.#state.apply(event);
    await this.#journal.append(event);
  }

  /** One writer of records at a time, each with the next serial. */
  #write(work: (serial: number) => Promise<void>): Promise<void> {
    const done = this.#writing.then(() => work(this.#state.serial + 1));
    this.#writing = done.catch(() => undefined);
    return done;
  }

  /** Files first, the line that refers to them last: what a crash leaves between is referred to by nothing. */
  async #commitRecords(
    ref: EpochRef,
    serial: number,
    contents: readonly Content[],
    build: (file: (kind: FileRef['kind'], peer: number) => FileRef) => StoreEvent,
  ): Promise<void> {
    const { files, write } = this.#records.seal(ref, serial, contents);
    const event = build((kind, peer) => files.find((file) => file.kind === kind && file.peer === peer)!);
    this.#state.check(event);
    await write();
    try {
      await this.#commit(event);
    } catch (error) {
      // Refused meanwhile, or the disk failed: nobody will ask for them any more.
      this.#records.forget(files);
      throw error;
    }
  }

  /** Does what retires records, then erases exactly those that were in use before and are not any more. */
  async #retiring(work: () => Promise<void>): Promise<void> {
    const before = this.#state.liveFiles().map(([, file]) => file);
    await work();
    const live = new Set(this.#state.liveFiles().map(([, file]) => file));
    await this.#records.erase(before.filter((file) => !live.has(file)));
  }
}

function spentJson({ digest, atMs, debits }: Spent): SpentJson {
  return { digest, atMs, debits: debits.map((debit) => ({ ...debit, amount: String(debit.amount) })) };
}

function refOf({ keyId, epochId }: EpochRef): EpochRef {
  return { keyId, epochId };
}
