import { join } from 'node:path';
import { assert, Problem, toHex, type Hex, type TimeMs, type TransferId } from '#base';
import {
  instructionId,
  intentDigest,
  type AnchorIntent,
  type CancelIntent,
  type GovernanceIntent,
  type Intent,
  type InstructionIntent,
  type TimelockCancelIntent,
} from '#custody/intents';
import { decodePage, itemFromJson, itemToJson, type FeedItem } from '#feed/core';
import { Endpoints, isRefusal, type ChainOptions, type Look } from './chain/endpoints.ts';
import { readDeployment, readDeposit, readGovernance, readLog, readReleased, readVault, type Cursor } from './chain/reads.ts';
import {
  isUnpaid,
  judgeCancel,
  judgeInstruction,
  refuse,
  Replica,
  sameFact,
  type AnchoredFact,
  type Judgement,
  type Known,
  type MerchantKeys,
  type RateBands,
  type Refusal,
  type Registration,
  type Vote,
  type WaitingClaim,
} from './core/core.ts';
import { judgeGovernance, judgeTimelockCancel } from './governance.ts';
import { Journal } from './journal.ts';

export interface NodeBookOptions {
  /** Of this node alone: two files, the replica (which can be replayed anew) and the votes (which nothing brings back). Nobody else may have it open. */
  readonly folder: string;
  readonly registration: Registration;
  /** As the operators registered them, asked for every judgement. */
  readonly merchants: () => MerchantKeys;
  /** Null: any rates are taken, and payments between currencies are worth whatever the platform says. */
  readonly rates: () => RateBands | null;
  readonly chain: ChainOptions;
  /** Every transaction of the Safe that this node ever signed: what it did not agree to, it cancels. */
  readonly agreed: () => readonly GovernanceIntent[];
  /** How far ahead of the node's clock a record may be written. */
  readonly maxAheadMs: TimeMs;
}

export interface NodeBook {
  /** The record that comes next: what to ask a feed for. */
  nextSeq(): bigint;
  /** Takes a page of a feed, from whoever brings it, as far as it holds: what was taken before a refusal is kept. `seq`: the last record replayed. */
  absorb(page: Uint8Array, nowMs: TimeMs): Promise<{ readonly ok: true; readonly seq: bigint } | Refusal>;
  /** Whether the node signs this, by its own records and its own endpoints; one thing at a time. It binds nobody yet. Throws only where the node itself is broken. */
  judge(intent: Intent, nowMs: TimeMs): Promise<Judgement>;
  /** Time of the newest final block that its endpoints agree on; undefined while they do not tell. */
  witnessedMs(nowMs: TimeMs): Promise<TimeMs | undefined>;
  /**
   * Before a signature over this anchor leaves: durable when it resolves, and no other batch ever gets one after the same commitment; why not, where another has. Not when it is judged: whoever holds the
   * coordinator could ask every node for another batch at the same place, and with each bound to its own the log, and all money with it, would stand still for ever.
   */
  bind(intent: AnchorIntent): Promise<Refusal | null>;
  close(): Promise<void>;
}

interface StoredBigints {
  readonly [member: string]: string;
}

/** A line of the replica's journal. */
type ReplicaLine =
  | { readonly type: 'registration'; readonly registration: StoredBigints }
  | { readonly type: 'page'; readonly ends: readonly string[]; readonly items: readonly unknown[] }
  | { readonly type: 'log'; readonly cursor: { readonly block: string; readonly hash: string }; readonly events: readonly StoredBigints[] }
  | { readonly type: 'claims'; readonly proofs: readonly (readonly [id: string, isSo: boolean])[] };

type VoteLine = { readonly type: 'registration'; readonly registration: StoredBigints } | { readonly type: 'vote'; readonly vote: StoredBigints };

/** Claims looked up at once, and how far ahead of the newest block a deposit may claim to be before it counts as invented. */
const CLAIMS_A_LOOK = 64;
const CLAIM_AHEAD_BLOCKS = 300n;
/** Without a leaf the place in the chain is noted now and then only: reading so many blocks again costs a few requests. */
const CURSOR_EVERY_BLOCKS = 10_000n;

/** Opens the node's book: replays its own journals, and refuses those of another deployment. decision/damaged-journal */
export async function openNodeBook(options: NodeBookOptions): Promise<NodeBook> {
  const own = new OwnBook(options);
  try {
    await own.open();
    return own;
  } catch (error) {
    await own.close();
    throw error;
  }
}

class OwnBook implements NodeBook {
  readonly #options: NodeBookOptions;
  readonly #replica: Replica;
  readonly #endpoints: Endpoints;
  /** Undefined only while they are being opened. */
  #records: Journal | undefined;
  #votes: Journal | undefined;
  #cursor: Cursor | null = null;
  /** As it stands in the journal. */
  #notedBlock = 0n;
  #queue: Promise<unknown> = Promise.resolve();
  /** While records are being taken, and for ever where that threw: from then on only a process that reads its journals afresh may go on. */
  #isBroken = false;

  constructor(options: NodeBookOptions) {
    this.#options = options;
    this.#replica = new Replica(options.registration);
    this.#endpoints = new Endpoints(options.chain, options.registration.chainId);
  }

  async open(): Promise<void> {
    const { folder, registration } = this.#options;
    const stored = storedBigints({ ...registration });
    const files = { records: join(folder, 'replica.ndjson'), votes: join(folder, 'votes.ndjson') };
    const requireOwn = (file: string, line: StoredBigints): void => {
      if (JSON.stringify(line) !== JSON.stringify(stored)) throw new Problem('decision/damaged-journal', `${file} is of another deployment.`, { file });
    };
    // Votes first: they say what of the log the node may already build upon.
    this.#votes = await Journal.open(files.votes, (value) => {
      const line = value as VoteLine;
      if (line.type === 'registration') return requireOwn(files.votes, line.registration);
      const { previous, leaf, index, firstSeq, lastSeq } = line.vote as { readonly [Member in keyof Vote]: string };
      this.#replica.log.take({ previous: previous as Hex, leaf: leaf as Hex, index: BigInt(index), firstSeq: BigInt(firstSeq), lastSeq: BigInt(lastSeq) });
    });
    this.#records = await Journal.open(files.records, (value) => {
      const line = value as ReplicaLine;
      if (line.type === 'registration') requireOwn(files.records, line.registration);
      else this.#replay(files.records, line);
    });
    for (const journal of [this.#votes, this.#records]) if (journal.size === 0) await journal.append({ type: 'registration', registration: stored });
    this.#replica.log.follow([]);
    this.#replica.backing.advance();
  }

  nextSeq(): bigint {
    return this.#replica.seq + 1n;
  }

  absorb(page: Uint8Array, nowMs: TimeMs): Promise<{ readonly ok: true; readonly seq: bigint } | Refusal> {
    return this.#alone(() => this.#absorb(page, nowMs));
  }

  judge(intent: Intent, nowMs: TimeMs): Promise<Judgement> {
    return this.#alone(async () => {
      const found = await this.#judge(intent, nowMs);
      return 'rule' in found ? found : { ok: true, facts: found };
    });
  }

  async witnessedMs(nowMs: TimeMs): Promise<TimeMs | undefined> {
    const look = await this.#endpoints.look(nowMs);
    return isRefusal(look) ? undefined : Number(look.final.timestampS) * 1000;
  }

  bind({ previous, leaf }: AnchorIntent): Promise<Refusal | null> {
    return this.#alone(async () => {
      const { log } = this.#replica;
      const vote = log.judge(previous, leaf);
      // What became final since it was judged is decided, and nothing more can be signed at its place that the contract takes.
      if ('rule' in vote) return vote.rule === 'one-batch-a-position' ? vote : null;
      if (log.voted(previous)) return null;
      await this.#votes!.append({ type: 'vote', vote: storedBigints({ ...vote }) } satisfies VoteLine);
      log.take(vote);
      return null;
    });
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#records?.close();
    await this.#votes?.close();
  }

  /** One after the other, whatever became of the one before; nothing any more where a record was taken in half. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      assert(!this.#isBroken, 'the book broke before, and has to be opened again');
      return work();
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** A line of the own journal: judged when it was taken, and replayed by the same rules. */
  #replay(file: string, line: Exclude<ReplicaLine, { type: 'registration' }>): void {
    switch (line.type) {
      case 'page':
        this.#replica.log.hint(line.ends.map(BigInt));
        for (const json of line.items) {
          const stepped = this.#replica.step(itemFromJson(json, file), Infinity);
          if (!stepped.ok) throw new Problem('decision/damaged-journal', `${file} does not replay: ${stepped.reason}`, { file });
        }
        return;
      case 'log':
        this.#takeLog({ block: BigInt(line.cursor.block), hash: line.cursor.hash }, line.events.map(eventOf));
        this.#notedBlock = BigInt(line.cursor.block);
        return;
      case 'claims':
        for (const [id, isSo] of line.proofs) this.#replica.backing.prove(id as TransferId, isSo);
        return;
    }
  }

  #takeLog(cursor: Cursor, events: readonly AnchoredFact[]): void {
    this.#cursor = cursor;
    this.#replica.log.follow(events);
  }

  async #absorb(bytes: Uint8Array, nowMs: TimeMs): Promise<{ readonly ok: true; readonly seq: bigint } | Refusal> {
    let page;
    try {
      page = decodePage(bytes);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return refuse('feed-readable', error.detail.replace(/\.$/, ''));
    }
    const wrong = this.#replica.refusal(page);
    if (wrong) return wrong;
    const taken: FeedItem[] = [];
    let refusal: Refusal | null = null;
    this.#isBroken = true;
    for (const item of page.items) {
      const stepped = this.#replica.step(item, nowMs + this.#options.maxAheadMs);
      if (!stepped.ok) {
        refusal = stepped;
        break;
      }
      if (stepped.isNew) taken.push(item);
    }
    const ends = page.ends.filter((end) => end <= this.#replica.seq);
    this.#replica.log.hint(ends);
    if (taken.length > 0) await this.#records!.append({ type: 'page', ends: ends.map(String), items: taken.map(itemToJson) } satisfies ReplicaLine);
    this.#replica.log.follow([]);
    this.#replica.backing.advance();
    this.#isBroken = false;
    return refusal ?? { ok: true, seq: this.#replica.seq };
  }

  async #judge(intent: Intent, nowMs: TimeMs) {
    const { registration } = this.#options;
    if (intent.chainId !== registration.chainId) return refuse('chain-id', `The intent is for chain ${intent.chainId}, not for ${registration.chainId}`);
    const [name, asked, known] = contractOf(intent, registration);
    if (asked !== known) return refuse('contract', `The intent is for the ${name} ${asked}, not for ${known}`);
    const look = await this.#endpoints.look(nowMs);
    // What can be read can be judged; the time is what the policy may want to hear from the chain.
    if (intent.kind === 'governance')
      return judgeGovernance(registration, intent, isRefusal(look) ? {} : { witnessedMs: Number(look.final.timestampS) * 1000 });
    if (isRefusal(look)) return look;
    if (intent.kind === 'timelockCancel') return this.#judgeTimelock(intent, look);
    const behind = (await readDeployment(look, registration)) ?? (await this.#readLog(look));
    if (behind) return behind;
    if (intent.kind === 'anchor') return this.#judgeAnchor(intent, look);
    const unread = await this.#readClaims(look);
    const judged = await this.#judgeVault(intent, look, nowMs);
    return unread && 'rule' in judged && judged.rule === 'deposit-final' ? unread : judged;
  }

  async #judgeTimelock(intent: TimelockCancelIntent, look: Look) {
    const { registration, agreed } = this.#options;
    const view = await readGovernance(look, registration);
    return isRefusal(view) ? view : judgeTimelockCancel(registration, agreed(), view, intent);
  }

  /** Brings the log up to the final block, and says why not. */
  async #readLog(look: Look): Promise<Refusal | null> {
    const view = await readLog(look, this.#options.registration, this.#cursor);
    if (isRefusal(view)) return view;
    const { cursor, events, commitment } = view;
    const broken = this.#replica.log.refusal(events, commitment);
    if (broken) return broken;
    if (events.length > 0 || cursor.block - this.#notedBlock >= CURSOR_EVERY_BLOCKS) {
      await this.#records!.append({
        type: 'log',
        cursor: { block: `${cursor.block}`, hash: cursor.hash },
        events: events.map((event) => storedBigints({ ...event })),
      });
      this.#notedBlock = cursor.block;
    }
    this.#takeLog(cursor, events);
    return this.#replica.log.unknown();
  }

  #judgeAnchor(intent: AnchorIntent, { final }: Look) {
    const { log } = this.#replica;
    const vote = log.judge(intent.previous, intent.leaf);
    if ('rule' in vote) return vote;
    const again = log.voted(vote.previous) !== undefined;
    const { chainId, anchor } = this.#options.registration;
    const { index, firstSeq, lastSeq } = vote;
    const contracts = [{ role: 'anchor', address: anchor }] as const;
    const common = { chainId, contracts, payments: [], digest: toHex(intentDigest(intent)), witnessedMs: Number(final.timestampS) * 1000 };
    return { kind: 'anchor', ...common, index, firstSeq, lastSeq, again } as const;
  }

  /** Looks up what the records claim of the chain, in their order, as far as it is final; says why not further where an endpoint does not tell. */
  async #readClaims(look: Look): Promise<Refusal | null> {
    const { backing } = this.#replica;
    for (let waiting = backing.waiting(CLAIMS_A_LOOK); waiting.length > 0; waiting = backing.waiting(CLAIMS_A_LOOK)) {
      const answers = await Promise.all(waiting.map((claim) => this.#readClaim(look, claim)));
      const open = answers.findIndex((answer) => typeof answer !== 'boolean');
      const known = answers.slice(0, open < 0 ? answers.length : open);
      const proofs = known.map((answer, i): [TransferId, boolean] => [waiting[i]!.id, answer === true]);
      if (proofs.length > 0) await this.#records!.append({ type: 'claims', proofs } satisfies ReplicaLine);
      for (const [id, isSo] of proofs) backing.prove(id, isSo);
      backing.advance();
      const stopped = answers[open];
      if (open >= 0) return isRefusal(stopped) ? stopped : null;
    }
    return null;
  }

  /** Whether it is so, for ever; null where its time will come. */
  async #readClaim(look: Look, claim: WaitingClaim): Promise<boolean | null | Refusal> {
    const { vault } = this.#options.registration;
    if ('release' in claim) {
      const bits = await readReleased(look, vault, claim.release.instruction);
      return isRefusal(bits) ? bits : isUnpaid(claim.release, bits.final, bits.newest);
    }
    const { deposit } = claim;
    const fact = await readDeposit(look, vault, deposit);
    if (isRefusal(fact)) return fact;
    // Said to be in a block that is not final yet: its time will come. Said to be in one that is, or in one that is far from being mined: invented.
    if (fact === null && deposit.block > look.final.number && deposit.block <= look.newest.number + CLAIM_AHEAD_BLOCKS) return null;
    return fact !== null && sameFact(fact, deposit.fact);
  }

  async #judgeVault(intent: InstructionIntent | CancelIntent, look: Look, nowMs: TimeMs) {
    const { registration, merchants, rates } = this.#options;
    const id = intent.kind === 'cancel' ? intent.instruction : instructionId(intent.instruction);
    const vault = await readVault(look, registration.vault, id);
    if (isRefusal(vault)) return vault;
    const nowS = BigInt(Math.ceil(nowMs / 1000));
    const latestS = look.newest.timestampS > nowS ? look.newest.timestampS : nowS;
    const known: Known = { registration, merchants: merchants(), rates: rates(), latestS, witnessedMs: Number(look.final.timestampS) * 1000, vault };
    return intent.kind === 'cancel' ? judgeCancel(this.#replica, known, intent) : judgeInstruction(this.#replica, known, intent);
  }
}

function contractOf(intent: Intent, { anchor, vault, safe, timelock }: Registration): readonly [name: string, asked: Hex, known: Hex] {
  switch (intent.kind) {
    case 'anchor':
      return ['anchor', intent.anchor, anchor];
    case 'instruction':
    case 'cancel':
      return ['vault', intent.vault, vault];
    case 'governance':
      return ['Safe', intent.safe, safe];
    case 'timelockCancel':
      return ['timelock', intent.timelock, timelock];
  }
}

function storedBigints(object: Readonly<Record<string, unknown>>): StoredBigints {
  return Object.fromEntries(Object.entries(object).map(([member, value]) => [member, String(value)]));
}

function eventOf(stored: StoredBigints): AnchoredFact {
  const { index, leaf, previous, commitment, timestampS } = stored as { readonly [Member in keyof AnchoredFact]: string };
  return { index: BigInt(index), leaf: leaf as Hex, previous: previous as Hex, commitment: commitment as Hex, timestampS: BigInt(timestampS) };
}
