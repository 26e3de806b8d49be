import { join } from 'node:path';
import { assert, Problem, toHex, type Hex, type TimeMs, type TransferId } from '#base';
import {
  instructionId,
  intentDigest,
  type AnchorIntent,
  type AuthorisationIntent,
  type CancelIntent,
  type Intent,
  type InstructionIntent,
  type TimelockCancelIntent,
} from '#custody/intents';
import { timelockOperations } from '#governance/core';
import { decodePage, itemFromJson, itemToJson, type FeedItem } from '#feed/core';
import { judgeAuthorisation } from './authorisation.ts';
import { Endpoints, isRefusal, type Look } from './chain/endpoints.ts';
import { GovernanceReader, readDue } from './chain/governance.ts';
import { readDeployment, readDeposit, readLog, readReleased, readVault, type Cursor } from './chain/reads.ts';
import { readAuthorisation } from './chain/tokens.ts';
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
  type Refusal,
  type Registration,
  type Vote,
  type WaitingClaim,
} from './core/core.ts';
import { judgeGovernance, judgeTimelockCancel, objectionsIn } from './governance.ts';
import { Journal } from './journal.ts';
import { eventOf, storedBigints, type ReplicaLine, type StoredBigints, type VoteLine } from './lines.ts';
import type { NodeBook, NodeBookOptions, TimelockWatch } from './types.ts';

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
  readonly #governance: GovernanceReader;
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
    this.#governance = new GovernanceReader(options.registration);
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

  async watch(nowMs: TimeMs): Promise<TimelockWatch | Refusal> {
    const { registration, agreed } = this.#options;
    const look = await this.#endpoints.look(nowMs);
    if (isRefusal(look)) return look;
    const view = await this.#governance.read(look);
    if (isRefusal(view)) return view;
    const { logs, ...rest } = view;
    const operations = timelockOperations(registration, logs);
    const waiting = operations.filter(({ state }) => state === 'pending');
    const due = await readDue(look, registration, waiting);
    if (isRefusal(due)) return due;
    const objections = objectionsIn(registration, agreed(), view, waiting);
    return { ...rest, operations, pending: waiting.map((operation, i) => ({ operation, objection: objections.get(operation) ?? null, ...due[i]! })) };
  }

  send(raw: Hex): Promise<ReadonlyMap<string, string | null>> {
    return this.#endpoints.send(raw);
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
    this.#queue = result.catch((error: unknown) => {
      if (error instanceof Problem && error.code === 'node/disk-failed') return this.#options.onFatal(error);
      if (this.#isBroken) this.#options.onFatal(new Problem('wire/failed', 'The node’s book took a record in half, by a bug of its own.', {}, error));
    });
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
    if (intent.kind === 'timelockCancel') return this.#judgeTimelock(intent, look, nowMs);
    const unknown = await readDeployment(look, registration);
    if (unknown) return unknown;
    if (intent.kind === 'authorisation') return this.#judgeAuthorisation(intent, look, nowMs);
    const behind = await this.#readLog(look);
    if (behind) return behind;
    if (intent.kind === 'anchor') return this.#judgeAnchor(intent, look);
    const unread = await this.#readClaims(look);
    const judged = await this.#judgeVault(intent, look, nowMs);
    return unread && 'rule' in judged && judged.rule === 'deposit-final' ? unread : judged;
  }

  async #judgeTimelock(intent: TimelockCancelIntent, look: Look, nowMs: TimeMs) {
    const { registration, agreed } = this.#options;
    const view = await this.#governance.read(look);
    if (isRefusal(view)) return view;
    const operation = timelockOperations(registration, view.logs).findLast(({ id, state }) => id === intent.operation && state === 'pending');
    if (!operation) return refuse('operation-pending', `No operation ${intent.operation} is pending at the timelock`);
    const due = await readDue(look, registration, [operation]);
    return isRefusal(due) ? due : judgeTimelockCancel(registration, agreed(), view, { operation, dueS: due[0]!.dueS }, intent, nowMs);
  }

  async #judgeAuthorisation(intent: AuthorisationIntent, look: Look, nowMs: TimeMs) {
    const { registration, addressOf } = this.#options;
    const view = await readAuthorisation(look, registration, intent);
    if (isRefusal(view)) return view;
    const known = { registration, view, holder: addressOf(intent.holder), isBooked: this.#replica.hasToken(intent.token), latestS: latestOf(look, nowMs) };
    return judgeAuthorisation(known, intent);
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
    const known: Known = {
      registration,
      merchants: merchants(),
      rates: rates(),
      latestS: latestOf(look, nowMs),
      witnessedMs: Number(look.final.timestampS) * 1000,
      vault,
    };
    return intent.kind === 'cancel' ? judgeCancel(this.#replica, known, intent) : judgeInstruction(this.#replica, known, intent);
  }
}

/** Seconds: the later of the node's clock and the newest block's. */
function latestOf({ newest }: Look, nowMs: TimeMs): bigint {
  const nowS = BigInt(Math.ceil(nowMs / 1000));
  return newest.timestampS > nowS ? newest.timestampS : nowS;
}

function contractOf(intent: Intent, { anchor, vault, safe, timelock }: Registration): readonly [name: string, asked: Hex, known: Hex] {
  switch (intent.kind) {
    case 'anchor':
      return ['anchor', intent.anchor, anchor];
    case 'instruction':
    case 'cancel':
    case 'authorisation':
      return ['vault', intent.vault, vault];
    case 'governance':
      return ['Safe', intent.safe, safe];
    case 'timelockCancel':
      return ['timelock', intent.timelock, timelock];
  }
}
