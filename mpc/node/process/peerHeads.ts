import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { concat, fromHex, Problem, toHex, uintBytes, utf8, type Clock, type Hex } from '#base';
import type { PartyId } from '#mpc/protocol';
import { auditTag, type AuditLog } from '../audit/audit.ts';
import { call, type Group } from '../ceremony/ceremony.ts';
import { readIfPresent, writeDurably } from '../files/files.ts';
import { extendsHead, isBehind, linked, signHeads, verifyHeads, type HeadStatement } from '../heads/heads.ts';
import { storeTag, type NodeStore } from '../store/store.ts';

export const TELL_HEADS = 'heads/tell';
export const REMEMBERED = 'heads/remembered';
export const BODIES = 'heads/bodies';

const PATIENCE = { timeoutMs: 5_000, resendForMs: 0 };
/** Hashes of so many lines are in an answer, 32 bytes each, and so many answers are asked for at one tell. */
const MOST = { bodies: 4_096, answers: 256 };
const SAVE_EVERY_MS = 1_000;

export interface PeerHeadsOptions {
  readonly folder: string;
  readonly group: Group;
  readonly store: NodeStore;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** A peer's log is not the continuation of what this node remembers of it. */
  readonly onAlarm: (problem: Problem) => void;
  /** What it remembers of its peers cannot be written. */
  readonly onFatal: (problem: Problem) => void;
  readonly most?: typeof MOST;
}

export function nodeName(party: number): string {
  return `party-${party}`;
}

/**
 * What this node and its peers remember of each other's logs (digest 14): told at every signature, and after whatever a rollback would undo (a POISON, a change of the policy, a promotion), kept on the other's disk, and given back at a start, so that nobody can quietly go back to an old copy of a disk, nor rewrite
 * what it said that it did.
 */
export class PeerHeads {
  readonly #options: PeerHeadsOptions;
  readonly #remembered: Map<PartyId, HeadStatement>;
  /** How far the logs of a peer were followed that grew by more than is asked for at once. What is remembered is only ever what the peer signed. */
  readonly #reached = new Map<PartyId, HeadStatement['heads']>();
  readonly #most: typeof MOST;
  readonly #checking = new Set<PartyId>();
  readonly #ready = new Set<PartyId>();
  readonly #keys: ReadonlyMap<PartyId, KeyObject>;
  readonly #telling = new Set<PartyId>();
  readonly #toTell = new Set<PartyId>();
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isSettled = false;

  private constructor(options: PeerHeadsOptions, remembered: Map<PartyId, HeadStatement>) {
    this.#options = options;
    this.#most = options.most ?? MOST;
    const { peers } = options.group;
    this.#keys = new Map([...peers].map(([id, { publicKey }]) => [id, createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })]));
    // Whoever the operator has pinned since under this number, restored or another node, begins with logs of its own.
    const isByPinned = ([peer, statement]: readonly [PartyId, HeadStatement]): boolean => this.#keys.has(peer) && verifyHeads(statement, this.#keys.get(peer)!);
    this.#remembered = new Map([...remembered].filter(isByPinned));
  }

  static async open(options: PeerHeadsOptions): Promise<PeerHeads> {
    const bytes = await readIfPresent(pathIn(options.folder));
    return new PeerHeads(options, bytes ? parseStored(bytes) : new Map());
  }

  /** session/not-yet until each of these peers has said what it remembers of this node, and nothing of it contradicts this disk. */
  demandReady(peers: readonly PartyId[]): void {
    const unheard = peers.filter((peer) => !this.#ready.has(peer));
    if (unheard.length > 0)
      throw new Problem('session/not-yet', `Parties ${unheard.join(', ')} have not said yet what they remember of this node.`, { rule: 'rollback', unheard });
  }

  /**
   * Asks the peers that were not heard yet, and has each `recall` what else this node lost. node/store-behind where one remembers more of this node than its disk holds: then it must not sign. A peer
   * that answers with no statement says nothing, and stops nobody.
   */
  async askPeers(recall?: (peer: PartyId) => Promise<void>): Promise<void> {
    const { group } = this.#options;
    await Promise.all(
      [...group.peers.keys()]
        .filter((peer) => !this.#ready.has(peer))
        .map(async (peer) => {
          const answer = await call(group, peer, REMEMBERED, new Uint8Array(), PATIENCE).catch((error: unknown) => {
            if (error instanceof Problem) return undefined;
            throw error;
          });
          if (!answer) return;
          await this.#compare(peer, this.#statementOf(peer, answer));
          await recall?.(peer);
          this.#ready.add(peer);
        }),
    );
  }

  #statementOf(peer: PartyId, answer: Uint8Array): HeadStatement[] {
    if (answer.length === 0) return [];
    try {
      return [parseStatement(answer)];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#options.onAlarm(
        new Problem(error.code, `Party ${peer} answers with something that is no statement of heads.`, { peer, culprit: peer, effect: 'count' }),
      );
      return [];
    }
  }

  /** Whether so many peers have spoken as it takes for a signature. */
  isReadyToSign(): boolean {
    return this.#ready.size >= this.#options.group.threshold - 1;
  }

  isReady(): boolean {
    return this.#ready.size === this.#options.group.peers.size;
  }

  /** What this node remembers of a peer, for that peer: JSON of a HeadStatement, or nothing. */
  rememberedOf(peer: PartyId): Uint8Array {
    const statement = this.#remembered.get(peer);
    return statement ? utf8(JSON.stringify(statement)) : new Uint8Array();
  }

  /** Tells every peer where this node's logs stand: one call at a time to each, and one more afterwards where something happened meanwhile. Whoever is not there is told the next time. */
  tellPeers(): void {
    for (const peer of this.#options.group.peers.keys()) {
      if (this.#telling.has(peer)) this.#toTell.add(peer);
      else void this.#tell(peer);
    }
  }

  async #tell(peer: PartyId): Promise<void> {
    const { group, store, audit, clock } = this.#options;
    this.#telling.add(peer);
    do {
      this.#toTell.delete(peer);
      const heads = { store: store.chain.head, audit: audit.head };
      const statement = signHeads({ node: store.node, storeId: store.storeId, heads, atMs: clock.nowMs() }, group.identity.privateKey);
      await call(group, peer, TELL_HEADS, utf8(JSON.stringify(statement)), PATIENCE).catch((error: unknown) => {
        if (!(error instanceof Problem)) throw error;
      });
    } while (this.#toTell.has(peer));
    this.#telling.delete(peer);
  }

  /** Hashes of this node's lines after a head: u8 log (0 store, 1 audit) || after u32. */
  async bodies(payload: Uint8Array): Promise<Uint8Array> {
    if (payload.length !== 5) throw new Problem('mpc/malformed-message', 'A log and a place in it are five bytes.');
    const { store, audit } = this.#options;
    const chain = payload[0] === 0 ? store.chain : audit.chain;
    return concat(...(await chain.bodiesAfter(Buffer.from(payload).readUInt32BE(1), this.#most.bodies)).map(fromHex));
  }

  /** A peer says where its logs stand: kept if it extends what is remembered, and an alarm if not. Where it grew by more than is asked for at once, the next tell goes on from there. */
  async heard(peer: PartyId, payload: Uint8Array): Promise<void> {
    const statement = parseStatement(payload);
    if (!verifyHeads(statement, this.#keys.get(peer)!) || statement.node !== nodeName(peer))
      throw new Problem('wire/bad-statement', `The heads of party ${peer} are not signed by it.`, { peer });
    // One at a time; what comes meanwhile is older than what comes next.
    if (this.#checking.has(peer)) return;
    this.#checking.add(peer);
    try {
      const { why, heads } = await this.#follow(peer, statement);
      this.#reached.delete(peer);
      if (why !== undefined) return this.#options.onAlarm(new Problem('node/peer-rewrote-its-log', `The logs of party ${peer}: ${why}.`, { peer }));
      if (heads.store.seq < statement.heads.store.seq || heads.audit.seq < statement.heads.audit.seq) return void this.#reached.set(peer, heads);
      this.#remembered.set(peer, statement);
      this.#save();
    } finally {
      this.#checking.delete(peer);
    }
  }

  /** Everything told so far is on the disk. */
  async settle(): Promise<void> {
    if (this.#timer) this.#write();
    this.#isSettled = true;
    await this.#writing;
  }

  /** How far the peer's logs go from what is remembered to what it says, or why they do not. */
  async #follow(peer: PartyId, { storeId, heads }: HeadStatement): Promise<{ readonly why?: string; readonly heads: HeadStatement['heads'] }> {
    const before = this.#remembered.get(peer);
    if (!before) return { heads };
    const from = this.#reached.get(peer) ?? before.heads;
    if (before.storeId !== storeId) return { why: 'another store stands in its place', heads: from };
    const reached = { ...from };
    for (const [code, log] of [
      [0, 'store'],
      [1, 'audit'],
    ] as const) {
      const to = heads[log];
      if (to.seq >= 2 ** 32) return { why: `its ${log} grew by more than can be checked`, heads: from };
      const tag = log === 'store' ? storeTag(storeId) : auditTag(storeId);
      for (let answers = 0; to.seq - reached[log].seq > this.#most.bodies && answers < this.#most.answers; answers++) {
        const hashes = await this.#bodiesAfter(peer, code, reached[log].seq, this.#most.bodies);
        if (hashes.length < this.#most.bodies) return { why: `its ${log} is shorter than it says`, heads: from };
        reached[log] = hashes.reduce((head, body) => linked(tag, head, body), reached[log]);
      }
      const rest = to.seq - reached[log].seq;
      if (rest > this.#most.bodies || (rest === 0 && to.hash === reached[log].hash)) continue;
      const extension = extendsHead(tag, reached[log], await this.#bodiesAfter(peer, code, reached[log].seq, rest), to);
      if (!extension.extends) return { why: `its ${log} does not continue what was remembered (${extension.why})`, heads: from };
      reached[log] = to;
    }
    return { heads: reached };
  }

  async #bodiesAfter(peer: PartyId, code: number, seq: number, most: number): Promise<Hex[]> {
    const answer = await call(this.#options.group, peer, BODIES, concat(Uint8Array.of(code), uintBytes(seq, 4)), PATIENCE);
    return Array.from({ length: Math.max(0, Math.min(most, Math.floor(answer.length / 32))) }, (_, i) => toHex(answer.slice(32 * i, 32 * i + 32)));
  }

  async #compare(peer: PartyId, statements: readonly HeadStatement[]): Promise<void> {
    const { group, store, audit } = this.#options;
    const lag = await isBehind(
      { node: store.node, storeId: store.storeId, store: store.chain, audit: audit.chain },
      statements,
      createPublicKey(group.identity.privateKey),
    );
    if (!lag) return;
    throw new Problem(
      'node/store-behind',
      `Party ${peer} remembers ${lag.remembered.seq} lines of this node's ${lag.log}, and the disk has ${lag.local.seq} (${lag.why}).`,
      {
        peer,
        log: lag.log,
        why: lag.why,
      },
    );
  }

  /** Written behind the signatures and once a second at most: its fsyncs would hold up those of the journal, and while this process lives its memory is as good. */
  #save(): void {
    // The folder may be the next process's by now.
    if (this.#isSettled) return;
    this.#timer ??= setTimeout(() => this.#write(), SAVE_EVERY_MS).unref();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = utf8(JSON.stringify([...this.#remembered]));
    const path = pathIn(this.#options.folder);
    this.#writing = this.#writing
      .then(() => writeDurably(path, bytes))
      .catch((cause: unknown) => this.#options.onFatal(new Problem('node/disk-failed', `${path} could not be written.`, { path }, cause)));
  }
}

function pathIn(folder: string): string {
  return join(folder, 'peer-heads.json');
}

function parseStored(bytes: Buffer): Map<PartyId, HeadStatement> {
  try {
    return new Map(JSON.parse(bytes.toString('utf8')) as [PartyId, HeadStatement][]);
  } catch (cause) {
    throw new Problem('node/store-tampered', 'peer-heads.json is not what this node wrote.', { file: 'peer-heads.json' }, cause);
  }
}

function parseStatement(payload: Uint8Array): HeadStatement {
  let statement: unknown;
  try {
    statement = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    throw new Problem('wire/bad-statement', 'A statement of heads is no JSON.');
  }
  if (typeof statement !== 'object' || statement === null) throw new Problem('wire/bad-statement', 'A statement of heads is no object.');
  return statement as HeadStatement;
}
