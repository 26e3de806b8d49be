import { join } from 'node:path';
import type { Logger } from 'pino';
import { Problem, toHex, utf8, type Clock, type RandomBytes, type TimeMs } from '#base';
import { doneDigest, partyId, testDigest, type Effect, type PartyId } from '#mpc/protocol';
import { AuditLog } from '../audit/audit.ts';
import {
  call,
  Ceremonies,
  CEREMONY_TIMEOUTS,
  EpochSwitch,
  identitiesIn,
  Rendezvous,
  signerSetsOf,
  verifierOf,
  type Group,
  type Peer,
} from '../ceremony/ceremony.ts';
import { RegisteredFile, type FolderLock } from '../files/files.ts';
import { Conversations, epochDataOf, KeyRing, Signer, SIGNING_TIMEOUTS, type Key } from '../session/session.ts';
import { clockObjection, dueProposals, policyHash } from '../policy/policy.ts';
import { CRASHES_THAT_POISON, NodeStore, type KeyProvider } from '../store/store.ts';
import {
  fingerprintOf,
  listen,
  openLink,
  openPins,
  publicKeyInfo,
  RefusalLimit,
  WIRE_LIMITS,
  type Caller,
  type Fingerprint,
  type Identity,
  type Link,
  type LinkOptions,
} from '../wire/wire.ts';
import { keyBytes, type NodeConfig } from './config.ts';
import { Desk } from './desk.ts';
import { keepEvidence, poison, recall, recallSpent } from './duties.ts';
import { heardOnWire, told } from './events.ts';
import { createMetrics, serveHealth } from './health.ts';
import { openIdentity } from './identityFile.ts';
import { createJudge } from './judges.ts';
import { openBook, watchEvery, watchOver, type Follow } from './ownBook.ts';
import { nodeName, PeerHeads } from './peerHeads.ts';
import { answerOf, REFUSED_EARLY, TEST, type Parts } from './routes.ts';

export interface NodeOptions {
  /** The node's own data folder. */
  readonly folder: string;
  readonly config: NodeConfig;
  /** Of the folder, where whoever starts it has taken that already. */
  readonly lock?: FolderLock | undefined;
  readonly provider: KeyProvider;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Logger;
  /** The node can go on no longer: its disk failed, or is an old one. Nothing more leaves it; the process is to end. */
  readonly onFatal: (problem: Problem) => void;
  /** The network; another one where a rehearsal plays a captured node that keeps things to itself. */
  readonly connect?: (options: LinkOptions) => Link;
}

export interface RunningNode {
  readonly port: number;
  readonly healthPort: number;
  readonly fingerprint: Fingerprint;
  close(): Promise<void>;
}

/** A message that a peer does not take within so long is not sent again: the session is over by then. */
const RESEND_FOR_MS = 2_000;
const ASK_PEERS_EVERY_MS = 500;
const RESUME_EVERY_MS = 5_000;
const POLICY_EVERY_MS = 1_000;
const REGISTERED_EVERY_MS = 1_000;
/** Bundles that everybody should have by now go round so many times less often. */
const REMIND_EVERY = 24;
/** Opens everything of a node and answers until it is closed. node/store-behind and every other refusal of its disk come before it answers anybody. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const closing: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await step();
  };
  try {
    return { ...(await assemble(options, closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(options: NodeOptions, closing: (() => unknown)[]): Promise<Omit<RunningNode, 'close'>> {
  const { folder, config, provider, clock, random, log, onFatal } = options;
  const identity = await openIdentity(folder, provider);
  const group = groupOf(config, identity, options.connect ?? openLink);
  closing.push(() => group.peers.forEach(({ link }) => link.close()));
  const metrics = createMetrics();
  const alarm = (problem: Problem): void => {
    metrics.alarms.inc({ code: problem.code });
    const { effect, culprit } = problem.facts as { readonly effect?: Effect; readonly culprit?: PartyId | null };
    if (effect === 'count' && typeof culprit === 'number') metrics.malformed.inc({ party: culprit });
    log.error({ code: problem.code, facts: problem.facts }, problem.detail);
  };

  const store = await openStore(options, group);
  closing.push(() => store.close());
  for (const { peer, generation, crashes, ...ref } of store.suspicions) {
    const detail = `The node died ${crashes} times while it checked what party ${peer} had sent; ${CRASHES_THAT_POISON} times poison the pair.`;
    if (store.epoch(ref).pairs.get(peer)?.generation === generation) alarm(new Problem('node/crashed-in-check', detail, { ...ref, peer, crashes }));
  }
  const remembered = store.rememberedAudit ? [store.rememberedAudit] : [];
  const audit = await AuditLog.open({ path: join(folder, 'audit.log'), storeId: store.storeId, remembered });
  closing.push(() => audit.close());
  await audit.append({ kind: 'started', atMs: clock.nowMs(), data: { fingerprint: identity.fingerprint } });
  const heads = await PeerHeads.open({ folder, group, store, audit, clock, onAlarm: alarm, onFatal });
  closing.push(() => heads.settle());
  const ring = new KeyRing(store, async (key, peer, abort, sid) => {
    await poison({ store, audit, clock }, key, peer, abort, sid);
    key.wipe(peer);
    heads.tellPeers();
  });
  const followed: { readonly name: 'merchants' | 'rates'; readonly file: RegisteredFile<unknown> }[] = [];
  const following: Follow = async (name, path, parse) => {
    const file = await RegisteredFile.open({
      name,
      path,
      parse,
      onTaken: async (hash) => {
        await audit.append({ kind: 'registered', atMs: clock.nowMs(), data: { file: name, hash } });
        log.info({ file: name, hash }, 'What the operators registered is in use.');
      },
      onRefused: alarm,
    });
    followed.push({ name, file });
    return () => file.value;
  };
  const book = config.book ? await openBook(folder, config.book, { store, ring, following, onFatal }) : undefined;
  if (book) closing.push(() => book.close());
  else log.warn('This node has no book: it signs anchors of the local chain only, whatever they hold. A rehearsal, and never more.');
  const { decisionMs = SIGNING_TIMEOUTS.decisionMs, roundMs = SIGNING_TIMEOUTS.roundMs } = config.timeouts;
  const { ceremonyMs = CEREMONY_TIMEOUTS.gatheringMs, ceremonyRoundMs = CEREMONY_TIMEOUTS.roundMs } = config.timeouts;
  const conversations = new Conversations(async (peer, method, payload) => {
    await call(group, peer, method, payload, { timeoutMs: ceremonyRoundMs, resendForMs: RESEND_FOR_MS });
  });
  const signer = new Signer({
    store,
    audit,
    ring,
    conversations,
    judge: createJudge({ store, book, clock }),
    timeouts: { decisionMs, roundMs },
    demandReady: (peers) => heads.demandReady(peers),
    clock,
    random,
    onFatal,
    onEvent: (event) => told(event, { metrics, log, heads, alarm }),
  });
  const sessionMs = decisionMs + 3 * roundMs;
  const watcher = book && watchOver({ config: config.book!, group, book, signer, audit, sessionMs, metrics, log, alarm, clock, random, onFatal });
  const rendezvous = new Rendezvous(group, random);
  const epochs = new EpochSwitch({
    group,
    store,
    clock,
    onPromoted: ({ epoch, ...record }) => {
      ring.prune();
      heads.tellPeers();
      log.info({ role: epochDataOf(record).role, epoch }, 'An epoch signs, by the confirmations of all.');
    },
    onLeft: () => ring.prune(),
    onAlarm: alarm,
    onFatal,
  });
  const selfTest = async (key: Key, S: readonly PartyId[]): Promise<void> => {
    const requestId = random(32);
    const payload = utf8(JSON.stringify({ ...key.ref, signers: S, requestId: toHex(requestId) }));
    const others = S.filter((party) => party !== group.own).map((peer) => call(group, peer, TEST, payload, { timeoutMs: sessionMs, resendForMs: 0 }));
    await Promise.all([signer.test(key, S, requestId), ...others]);
  };
  const ceremonies = new Ceremonies({
    group,
    store,
    audit,
    ring,
    signer,
    conversations,
    rendezvous,
    epochs,
    selfTest,
    recall: () => recallSpent(group, store, clock.nowMs()),
    timeouts: { gatheringMs: ceremonyMs, roundMs: ceremonyRoundMs },
    recoveryKey: config.recoveryKey === null ? undefined : keyBytes(config.recoveryKey),
    clock,
    random,
    onAlarm: alarm,
    onEvidence: (id, evidence) => keepEvidence(folder, id, evidence),
  });
  const named = new Map([...config.coordinators, ...config.operators].map((key) => [fingerprintOf(publicKeyInfo(keyBytes(key))), key]));
  const witnessed = async (): Promise<TimeMs | undefined> => (store.policy.inForce.clock.witnessS === null ? undefined : book?.witnessedMs(clock.nowMs()));
  const watch = watcher && (() => watcher.status());
  const onLine = (ceremony: string, text: string): void => log.info({ ceremony }, text);
  const desk = new Desk({ group, audit, store, ring, ceremonies, epochs, heads, watch, keys: named, clock, witnessed, random, onLine });

  const onRefused = async (caller: Caller, method: string, problem: Problem): Promise<void> => {
    metrics.failures.inc({ code: problem.code });
    log.warn({ caller, method, code: problem.code, facts: problem.facts }, problem.detail);
    // What became a session stands in the audit log by itself.
    if (caller.part !== 'operator' && !REFUSED_EARLY.has(problem.code) && problem.code !== 'wire/too-many-refusals') return;
    const data = { part: caller.part, fingerprint: caller.fingerprint, method, code: problem.code, reason: problem.detail };
    await audit.append({ kind: 'refused', atMs: clock.nowMs(), data }).catch((failure: unknown) => onFatal(failure as Problem));
  };
  const onMalformed = (peer: PartyId, { code, detail, facts }: Problem): void => alarm(new Problem(code, detail, { ...facts, culprit: peer, effect: 'count' }));
  const parts: Parts = {
    group,
    store,
    ring,
    signer,
    conversations,
    rendezvous,
    epochs,
    ceremonies,
    heads,
    desk,
    book,
    watcher,
    nowMs: () => clock.nowMs(),
    refusals: new RefusalLimit({
      clock,
      onTurnedAway: ({ part }) => metrics.turnedAway.inc({ part }),
      onEmpty: (caller, problem) => {
        alarm(problem);
        void onRefused(caller, 'any', problem);
      },
    }),
    onRefused,
    onUnwritten: ({ part }) => metrics.turnedAway.inc({ part }),
    onMalformed,
  };
  const listener = await listen({
    identity,
    pins: pinsOf(config, group),
    ...config.listen,
    limits: WIRE_LIMITS,
    answer: answerOf(parts),
    onEvent: (event) => heardOnWire(event, { metrics, log }),
  });
  closing.push(() => listener.close());
  closing.push(() => conversations.close(new Problem('session/ended-by-peer', 'The node is stopped.')));
  const health = await serveHealth({
    ...config.health,
    registry: metrics.registry,
    // Alarms do not make it unhealthy: whoever starts unhealthy processes again would do so in the middle of a cancellation.
    health: () => ({
      isHealthy: heads.isReady(),
      party: group.own,
      peersReady: heads.isReady(),
      sessions: signer.running,
      alarms: watcher?.status().alarms ?? [],
      watch: watcher?.status() ?? null,
    }),
  });
  closing.push(() => health.close());

  const ending = new AbortController();
  closing.push(() => ending.abort());
  const onTurnFailed = (error: unknown): void => {
    // What others said or asked for comes up again at the next turn. What is this node's own, its disk or a bug, leaves a memory that may be ahead of the disk.
    if (error instanceof Problem && !error.code.startsWith('node/')) return alarm(error);
    if (!(error instanceof Problem)) log.error({ err: error }, 'A task failed by a bug of ours.');
    onFatal(error instanceof Problem ? error : new Problem('wire/failed', 'The node failed by a bug of its own.', {}, error));
  };
  const inTurns = (periodMs: number, work: () => Promise<void>): void => every(periodMs, ending.signal, work, onTurnFailed);
  // Tasks that go on by themselves; each begins again when it is done, so none is ever in two places at once.
  inTurns(ASK_PEERS_EVERY_MS, async () => {
    if (heads.isReady()) return;
    const isRestored = ring.epochs().some(({ status }) => status === 'RESTORED');
    await heads
      .askPeers((peer) => (isRestored ? recall(group, store, peer, clock.nowMs()) : Promise.resolve()))
      .catch((error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        alarm(error);
        // Whatever else it is, a peer said it, and is asked again.
        if (error.code === 'node/store-behind' || error.code === 'node/disk-failed') onFatal(error);
      });
    if (!heads.isReady()) return;
    heads.tellPeers();
    log.info('All peers said what they remember of this node, and its disk holds it.');
    await store.eraseLeftovers();
  });
  inTurns(POLICY_EVERY_MS, async () => {
    if (dueProposals(store.policy, clock.nowMs()).length === 0) return;
    const [witnessedMs, nowMs] = [await witnessed(), clock.nowMs()];
    if (clockObjection(store.policy.inForce, store.counters, witnessedMs, nowMs)) return;
    // The oldest alone: the others were signed against the file that it replaces, and are over with it.
    const [proposal] = dueProposals(store.policy, Math.min(nowMs, witnessedMs ?? nowMs));
    if (proposal === undefined) return;
    await store.changePolicy({ change: 'effective', proposal, atMs: nowMs });
    await audit.append({ kind: 'policy', atMs: clock.nowMs(), data: { change: 'effective', hash: policyHash(store.policy.inForce) } });
    heads.tellPeers();
    log.info({ proposal, version: store.policy.inForce.version }, 'A policy took effect.');
  });
  for (const { name, file } of followed)
    inTurns(REGISTERED_EVERY_MS, async () => {
      await file.look().catch((failure: unknown) => onFatal(failure as Problem));
      metrics.registryRefused.set({ file: name }, file.isInUse ? 0 : 1);
    });
  let turns = 0;
  inTurns(RESUME_EVERY_MS, async () => {
    // Not of all: a captured party that keeps silent after a restart would keep the bundle from whoever lacks it (digest 10.3).
    if (!heads.isReadyToSign()) return;
    if (turns++ % REMIND_EVERY === 0 || epochs.isWaitingForAny()) await epochs.resume();
    await ceremonies.finish().catch((error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      log.warn({ code: error.code }, error.detail);
    });
  });
  if (watcher) inTurns(watchEvery(config.book!), () => watcher.look());
  if (config.selfTestEveryS !== null) {
    inTurns(config.selfTestEveryS * 1_000, async () => {
      for (const record of ring.epochs().filter(({ status }) => status === 'ACTIVE')) {
        // The lowest of a set asks, so that each set is tested once.
        const isHere = (party: PartyId): boolean => party === group.own || group.peers.has(party);
        for (const S of signerSetsOf(epochDataOf(record).epoch).filter(([first, ...rest]) => first === group.own && rest.every(isHere))) {
          await selfTest(ring.at(record), S).catch((error: unknown) => {
            if (!(error instanceof Problem)) throw error;
            alarm(error);
          });
        }
      }
    });
  }
  log.info({ party: group.own, fingerprint: identity.fingerprint, port: listener.port, healthPort: health.port }, 'The node answers.');
  return { port: listener.port, healthPort: health.port, fingerprint: identity.fingerprint };
}

function groupOf(config: NodeConfig, identity: Identity, connect: (options: LinkOptions) => Link): Group {
  const n = config.peers.length + 1;
  const peers = new Map<PartyId, Peer>();
  for (const { party, host, port, identity: key } of config.peers) {
    const publicKey = publicKeyInfo(keyBytes(key));
    const fingerprint = fingerprintOf(publicKey);
    peers.set(partyId(party, n), {
      id: partyId(party, n),
      fingerprint,
      publicKey,
      link: connect({ identity, part: 'peer', host, port, fingerprint, limits: WIRE_LIMITS }),
    });
  }
  return { own: partyId(config.party, n), identity, peers, threshold: config.threshold };
}

function pinsOf({ coordinators, operators }: NodeConfig, { identity, peers }: Group) {
  const fingerprints = (keys: readonly string[]): Fingerprint[] => keys.map((key) => fingerprintOf(publicKeyInfo(keyBytes(key))));
  return openPins({
    own: identity.fingerprint,
    peers: new Map([...peers.values()].map(({ id, fingerprint }) => [id, fingerprint])),
    coordinators: fingerprints(coordinators),
    operators: fingerprints(operators),
  });
}

async function openStore({ folder, config, lock, provider, random }: NodeOptions, group: Group): Promise<NodeStore> {
  let identities: () => readonly (readonly Uint8Array[])[] = () => [];
  const verify = verifierOf(group, () => identities());
  const store = await NodeStore.open({
    folder,
    lock,
    node: nodeName(config.party),
    provider,
    random,
    isConfirmation: (record, { party, signature }) => {
      const { epoch } = epochDataOf(record);
      const identity = epoch.identities[party - 1];
      return identity !== undefined && verify(party as PartyId, identity, doneDigest(epoch), keyBytes(signature));
    },
    isTestDigest: (record, peers, digest) => {
      const S = [config.party, ...peers].sort((a, b) => a - b) as PartyId[];
      return digest === toHex(testDigest(epochDataOf(record).epoch, S));
    },
  });
  identities = () => identitiesIn(store);
  return store;
}

/** Does the work every so often until told to stop; the next time begins when the last one has ended, also where it failed. */
function every(periodMs: number, signal: AbortSignal, work: () => Promise<void>, onFailed: (error: unknown) => void): void {
  const again = (): void => {
    const timer = setTimeout(() => {
      if (signal.aborted) return;
      void work().catch(onFailed).finally(again);
    }, periodMs);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  };
  if (!signal.aborted) again();
}
