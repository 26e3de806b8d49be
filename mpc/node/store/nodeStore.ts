import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonValue } from '#anchor/core';
import { assert, Problem, toHex, type Hex, type RandomBytes, type TimeMs } from '#base';
import { eraseFile, lockFolder, readIfPresent, syncFolder, writeDurably, type FolderLock } from '../files/files.ts';
import { sha256, type HashChain, type Head } from '../heads/heads.ts';
import {
  evaluate,
  policyHash,
  type Approval,
  type Counters,
  type Facts,
  type Policy,
  type PolicyChange,
  type PolicyState,
  type Spent,
} from '../policy/policy.ts';
import type { Confirmation, EpochMade, EpochRef, FileRef, PairMade, Poisoned, Released, SpentJson, StoreEvent } from './events.ts';
import { createHeader, openHeader } from './header.ts';
import { Journal, type Sealing } from './journal.ts';
import type { KeyProvider } from './keyProvider.ts';
import { seal, unseal, type Label } from './seal.ts';
import { StoreState, type EpochRecord } from './state.ts';

export interface StoreOptions {
  /** The node's own data folder: nobody else's, never in a snapshot. */
  readonly folder: string;
  readonly node: string;
  readonly provider: KeyProvider;
  readonly random: RandomBytes;
}

export interface OpenOptions extends StoreOptions {
  /** Whether this confirmation is by that party over what this epoch fixed: the protocol's own check, since only it knows what is signed. */
  readonly isConfirmation: (record: EpochRecord, confirmation: Confirmation) => boolean;
  /** Whether this is H("test-sign/v1"; ctx, S) of this epoch and of these signers beside us: the only digest that is signed without asking the policy. */
  readonly isTestDigest: (record: EpochRecord, peers: readonly number[], digest: Hex) => boolean;
}

/** What a restored node has lost and its peers have not (11.3): whatever it released in the last day was released by a peer too, and whom it poisoned it told. */
export interface PeersMemory {
  readonly spent: readonly Spent[];
  readonly poisonings: readonly Poisoned[];
}

/** What section 4 left for one peer. `secrets` (OT state, zero seeds) stays the caller's to wipe. */
export interface NewPair extends Omit<PairMade, 'file'> {
  readonly secrets: Uint8Array;
}

/** What a DKG, a refresh or a reshare left behind; the bytes stay the caller's to wipe. */
export interface NewEpoch extends EpochMade {
  readonly share: Uint8Array;
  readonly pairs: readonly NewPair[];
  /** Encrypted to this node's own recovery keys (11.3); erased with the epoch. */
  readonly backup?: Uint8Array;
}

interface Session extends EpochRef {
  readonly sid: Hex;
  /** The other signers. */
  readonly peers: readonly number[];
  /** Of the audit log, after the line that says what was decided. */
  readonly audit: Head;
}

export interface SigningSession extends Session {
  readonly facts: Facts;
  readonly approvals: readonly Approval[];
  /** The decoded intent, bigints as strings. */
  readonly intent: JsonValue;
  /** That stands in this signer's slot of the sid. */
  readonly policyHash: Hex;
}

export interface TestSession extends Session {
  /** H("test-sign/v1"; ctx, S). */
  readonly digest: Hex;
}

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
  /** Opened records by file name. */
  readonly #secrets: Map<string, Uint8Array>;
  /** Records are written one operation at a time, since the serial is drawn before the line that names it. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: OpenOptions, lock: FolderLock, sealing: Sealing, journal: Journal, state: StoreState, secrets: Map<string, Uint8Array>) {
    this.#options = options;
    this.#lock = lock;
    this.#sealing = sealing;
    this.#journal = journal;
    this.#state = state;
    this.#secrets = secrets;
  }

  /** Makes an empty store with its first policy. node/store-exists, node/folder-locked. */
  static async create(options: StoreOptions, policy: Policy, nowMs: TimeMs): Promise<void> {
    const { folder, node, provider, random } = options;
    const lock = await lockFolder(folder);
    try {
      await mkdir(join(folder, 'records'), { recursive: true, mode: 0o700 });
      const sealing: Sealing = { node, random, ...(await createHeader(folder, node, provider, random)) };
      await Journal.create(folder, sealing);
      const { journal } = await Journal.open(folder, sealing);
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
    const lock = await lockFolder(folder);
    const secrets = new Map<string, Uint8Array>();
    let journal: Journal | undefined;
    try {
      const sealing: Sealing = { node, random, ...(await openHeader(folder, node, provider)) };
      const read = await Journal.open(folder, sealing);
      journal = read.journal;
      const state = new StoreState();
      for (const event of read.events) state.apply(event);
      if (!state.policy) throw new Problem('node/store-incomplete', 'The store was never finished: it has no policy.', { file: 'journal' });
      await demandNoneFromLater(folder, state.serial);
      for (const [record, file] of state.liveFiles()) secrets.set(nameOf(file), await readRecord(folder, sealing, record, file));
      return new NodeStore(options, lock, sealing, journal, state, secrets);
    } catch (error) {
      for (const secret of secrets.values()) secret.fill(0);
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
  /** Every head that the journal had. */
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

  /** node/wrong-state, node/pair-poisoned, node/unknown-key. Asked when a session begins; the release asks again. */
  demandUsable(ref: EpochRef, peers: readonly number[], use: 'sign' | 'test'): void {
    this.#state.demandUsable(ref, peers, use);
  }

  /** x_i and what goes with it: a copy, for the caller to wipe. node/wrong-state where nothing is left. */
  share(ref: EpochRef): Uint8Array {
    const record = this.#state.epoch(ref);
    return this.#secret(record.status === 'RETIRED' ? undefined : record.share);
  }

  /** OT state and zero seeds for one peer: a copy, for the caller to wipe. */
  pairSecrets(ref: EpochRef, peer: number): Uint8Array {
    return this.#secret(this.#state.epoch(ref).pairs.get(peer)?.file);
  }

  backup(ref: EpochRef): Uint8Array | undefined {
    const { backup } = this.#state.epoch(ref);
    return backup && this.#secret(backup);
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
      const contents = [
        ...pairs.map(({ peer, secrets }) => ['pair', peer, secrets] as const),
        ['share', 0, share] as const,
        ...(backup ? [['backup', 0, backup] as const] : []),
      ];
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

  /** A share that came back from this node's backup: RESTORED, with no pair, and with the limits already used up by what the peers remember. */
  async putRestored({ share, ...made }: Omit<NewEpoch, 'pairs' | 'backup'>, { spent, poisonings }: PeersMemory, nowMs: TimeMs): Promise<void> {
    const remembered = { spent: spent.map(spentJson), poisonings };
    await this.#write((serial) =>
      this.#commitRecords(made, serial, [['share', 0, share]], (file) => ({ event: 'restored', made, share: file('share', 0), ...remembered, atMs: nowMs })),
    );
  }

  /** A pair that section 4 set up anew after a poisoning or a restore, by an operator's approval: RESTORED until it is tested. */
  async putPair(ref: EpochRef, { secrets, ...pair }: NewPair, approvedBy: string, nowMs: TimeMs): Promise<void> {
    const contents = [['pair', pair.peer, secrets] as const];
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

  /** Everything that was ever released, oldest first, read from the disk: what was signed for a position or an instruction, for whoever may sign it once only. */
  async released(): Promise<Released[]> {
    const events = await this.#journal.events();
    return events.filter((event) => event.event === 'released');
  }

  /** Erases records that nothing refers to: of epochs that were retired, and of ceremonies that a killed process did not finish. Only once the peers have confirmed that this disk is not an old one. */
  async eraseLeftovers(): Promise<string[]> {
    const folder = join(this.#options.folder, 'records');
    const dead: string[] = [];
    // In its turn, so that a ceremony which is being written is not taken for one that died.
    await this.#write(async () => {
      const live = new Set(this.#state.liveFiles().map(([, file]) => nameOf(file)));
      dead.push(...(await readdir(folder)).filter((name) => !live.has(name)));
      for (const name of dead) await eraseFile(join(folder, name));
    });
    return dead;
  }

  /** Wipes what is in memory and gives the lock back. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#journal.close();
    for (const secret of [...this.#secrets.values(), this.#sealing.storeKey]) secret.fill(0);
    this.#secrets.clear();
    this.#lock.release();
  }

  #secret(file: FileRef | undefined): Uint8Array {
    const secret = file && this.#secrets.get(nameOf(file));
    if (!secret) throw new Problem('node/wrong-state', 'Nothing is left of this record.');
    return Uint8Array.from(secret);
  }

  #forget(name: string): void {
    this.#secrets.get(name)?.fill(0);
    this.#secrets.delete(name);
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
    contents: readonly (readonly [kind: FileRef['kind'], peer: number, plain: Uint8Array])[],
    build: (file: (kind: FileRef['kind'], peer: number) => FileRef) => StoreEvent,
  ): Promise<void> {
    const sealed = contents.map(([kind, peer, plain]) => ({
      kind,
      peer,
      plain,
      bytes: seal(this.#sealing.storeKey, labelOf(this.#sealing, ref, kind, peer, serial), plain, this.#sealing.random),
    }));
    const files = sealed.map(({ kind, peer, bytes }): FileRef => ({ kind, peer, serial, digest: toHex(sha256(bytes)) }));
    const event = build((kind, peer) => files.find((file) => file.kind === kind && file.peer === peer)!);
    this.#state.check(event);
    for (const [i, { bytes }] of sealed.entries()) await writeDurably(join(this.#options.folder, 'records', nameOf(files[i]!)), bytes);
    for (const [i, { plain }] of sealed.entries()) this.#secrets.set(nameOf(files[i]!), Uint8Array.from(plain));
    try {
      await this.#commit(event);
    } catch (error) {
      // Refused meanwhile, or the disk failed: nobody will ask for them any more.
      for (const file of files) this.#forget(nameOf(file));
      throw error;
    }
  }

  /** Does what retires records, then erases exactly those files that were in use before and are not any more. */
  async #retiring(work: () => Promise<void>): Promise<void> {
    const before = this.#state.liveFiles().map(([, file]) => nameOf(file));
    await work();
    const live = new Set(this.#state.liveFiles().map(([, file]) => nameOf(file)));
    for (const name of before.filter((name) => !live.has(name))) {
      this.#forget(name);
      await eraseFile(join(this.#options.folder, 'records', name));
    }
  }
}

function spentJson({ digest, atMs, debits }: Spent): SpentJson {
  return { digest, atMs, debits: debits.map((debit) => ({ ...debit, amount: String(debit.amount) })) };
}

function refOf({ keyId, epochId }: EpochRef): EpochRef {
  return { keyId, epochId };
}

function nameOf({ serial, kind, peer }: FileRef): string {
  return kind === 'pair' ? `${serial}-pair-${peer}.sealed` : `${serial}-${kind}.sealed`;
}

function labelOf({ node, storeId }: Sealing, { keyId, epochId }: EpochRef, kind: FileRef['kind'], peer: number, serial: number): Label {
  return { format: 'cairn-node-record/1', kind, storeId, node, keyId, epochId, peer, serial };
}

async function readRecord(folder: string, sealing: Sealing, record: EpochRecord, file: FileRef): Promise<Uint8Array> {
  const name = nameOf(file);
  const bytes = await readIfPresent(join(folder, 'records', name));
  if (!bytes) throw new Problem('node/store-incomplete', `${name} is missing.`, { file: name });
  const plain = unseal(sealing.storeKey, labelOf(sealing, record, file.kind, file.peer, file.serial), bytes, name);
  if (toHex(sha256(bytes)) === file.digest) return plain;
  plain.fill(0);
  throw new Problem('node/store-tampered', `${name} is not the record that the journal refers to.`, { file: name });
}

/** A killed ceremony leaves files of the next serial at most; any later one was written by a later journal than this. */
async function demandNoneFromLater(folder: string, serial: number): Promise<void> {
  const names = await readdir(join(folder, 'records')).catch((cause: unknown) => {
    throw new Problem('node/store-incomplete', `${folder} has no records.`, { file: 'records' }, cause);
  });
  for (const name of names) {
    const found = Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
    if (found > serial + 1) throw new Problem('node/store-behind', `${name} was written after this journal.`, { file: name, serial });
  }
}
