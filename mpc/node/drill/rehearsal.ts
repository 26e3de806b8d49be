import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { fromHex, Problem, systemClock, toHex, type Hex, type RandomBytes } from '#base';
import type { Intent, Role } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { decodeRecord, openBackup, type KeyId, type KeyRecord, type PartyId } from '#mpc/protocol';
import { findFreePort } from '#supervisor';
import { initNode, nameCoordinator, namePeer } from '../command/init.ts';
import { holdCeremony, openDesk, type NodeDesk } from '../command/desk.ts';
import { readConfig } from '../command/folder.ts';
import { providerOf } from '../command/provider.ts';
import { nodeName, openIdentity, startNode, type RunningNode } from '../process/process.ts';
import { NodeStore } from '../store/store.ts';
import { fingerprintOf, identityOf, openLink, publicKeyInfo, rawPublicKey, WIRE_LIMITS, type Identity, type Link, type Part } from '../wire/wire.ts';

/** Between two looks at a node that is starting: each is a call. */
const POLL_MS = 50;
const CLI = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url));

export interface RehearsalOptions {
  readonly n: number;
  readonly threshold: number;
  readonly policy: unknown;
  readonly random: RandomBytes;
  /** Rounds wait so long; short where somebody is meant to be silent. */
  readonly timeouts?: Readonly<Record<string, number>>;
}

/** What a node is to the rehearsal: everything of it is under one temporary folder. */
export interface RehearsalNode {
  readonly party: number;
  readonly folder: string;
  readonly port: number;
  readonly keyFile: string;
  readonly recoveryFile: string;
  readonly logFile: string;
  process: ChildProcess | undefined;
}

/** Throw-away nodes as real processes on the loopback interface, made and driven with the same commands as real ones. */
export class Rehearsal {
  readonly root: string;
  nodes: readonly RehearsalNode[];
  readonly coordinator: Identity;
  readonly #random: RandomBytes;
  /** Those that were replaced, too. */
  readonly #all: RehearsalNode[];
  readonly #links: Link[] = [];
  readonly #coordinatorLinks = new Map<string, Link>();
  readonly #desks = new Map<string, NodeDesk>();

  private constructor(root: string, nodes: readonly RehearsalNode[], coordinator: Identity, random: RandomBytes) {
    this.root = root;
    this.nodes = nodes;
    this.#all = [...nodes];
    this.coordinator = coordinator;
    this.#random = random;
  }

  /** Folders, identities and peers; nothing runs yet. */
  static async make({ n, threshold, policy, random, timeouts = {} }: RehearsalOptions): Promise<Rehearsal> {
    const root = await mkdtemp(join(tmpdir(), 'cairn-rehearsal-'));
    const policyFile = join(root, 'policy.json');
    await writeFile(policyFile, JSON.stringify(policy));
    const ports: number[] = [];
    while (ports.length < n) {
      const port = await findFreePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const nodes = ports.map((port, i): RehearsalNode => {
      const party = i + 1;
      const at = (name: string): string => join(root, `${name}-${party}`);
      return { party, port, folder: at('node'), keyFile: at('key'), recoveryFile: at('recovery'), logFile: at('log'), process: undefined };
    });
    const rehearsal = new Rehearsal(root, nodes, identityOf(random(32)), random);
    for (const node of nodes) await rehearsal.init(node.party, threshold);
    for (const node of nodes) await rehearsal.introduce(node.party, timeouts);
    return rehearsal;
  }

  node(party: number): RehearsalNode {
    return this.nodes[party - 1]!;
  }

  /** Another machine for this number, made by `init` as the first one was; what stood there before, which goes on where it runs. */
  async replace(party: number, threshold: number): Promise<RehearsalNode> {
    const before = this.node(party);
    this.nodes = this.nodes.filter((each) => each !== before);
    await this.join(party, threshold);
    return before;
  }

  /** A machine for a number that nobody has. */
  async join(party: number, threshold: number): Promise<void> {
    const port = await findFreePort();
    const at = (name: string): string => join(this.root, `${name}-${party}-on-${port}`);
    const node: RehearsalNode = { party, port, folder: at('node'), keyFile: at('key'), recoveryFile: at('recovery'), logFile: at('log'), process: undefined };
    this.#all.push(node);
    this.nodes = [...this.nodes, node].sort((a, b) => a.party - b.party);
    await this.init(party, threshold);
  }

  /** Starts these parties anew, so that they take up whom their operators have named since. */
  async restart(parties: readonly number[]): Promise<void> {
    for (const party of parties) await this.stop(party, 'SIGTERM');
    await Promise.all(parties.map((party) => this.start(party)));
  }

  /** Each operator tells its own node; whoever has no share of the key joins by the anchor that party `voice` reads aloud. */
  async reshare(role: Role, dealers: readonly number[], voice: number): Promise<void> {
    const { anchor, fingerprint } = await this.anchor(voice, role);
    await Promise.all(
      this.nodes.map(async ({ party }) => {
        const { keys } = (await this.status(party)) as { keys: { role: Role; status: string }[] };
        const isHere = keys.some((key) => key.role === role && key.status !== 'PENDING');
        const joins = isHere ? {} : { anchor, reads: fingerprint };
        await holdCeremony(await this.#desk(party), { kind: 'reshare', role, dealers, ...joins }, () => undefined);
      }),
    );
  }

  /** What the operator of this party writes to a file and reads aloud. */
  async anchor(
    party: number,
    role: Role,
  ): Promise<{ readonly anchor: { readonly publicShares: readonly Hex[] }; readonly fingerprint: string; readonly proof: unknown }> {
    return (await (await this.#desk(party)).ask('key/anchor', { role })) as never;
  }

  /** Starts a node that was replaced, has it leave by what party `voice` reads aloud, and gives what keys it has then. */
  async leave(node: RehearsalNode, role: Role, voice: number): Promise<readonly unknown[]> {
    const { proof, fingerprint } = await this.anchor(voice, role);
    await this.#spawn(node);
    const desk = await openDesk(node.folder);
    try {
      await desk.ask('key/leave', { role, proof, reads: fingerprint });
      return (await desk.ask('node/status', {}))['keys'] as readonly unknown[];
    } finally {
      desk.close();
      await this.#kill(node, 'SIGTERM');
    }
  }

  /** Makes the folder of a party, as its operator would. */
  async init(party: number, threshold: number): Promise<void> {
    const { folder, port, keyFile, recoveryFile } = this.node(party);
    await rm(keyFile, { force: true });
    await writeFile(keyFile, toHex(this.#random(32)), { mode: 0o600 });
    await initNode({
      folder,
      party,
      threshold,
      listen: `127.0.0.1:${port}`,
      healthPort: 0,
      provider: { kind: 'key-file', path: keyFile },
      policyFile: join(this.root, 'policy.json'),
      recoveryFile,
      clock: systemClock,
      random: this.#random,
      tell: () => undefined,
    });
  }

  /** Tells a party who its peers and the coordinator are, from what each of them printed. */
  async introduce(party: number, timeouts: Readonly<Record<string, number>> = {}): Promise<void> {
    const { folder } = this.node(party);
    for (const other of this.nodes.filter((each) => each.party !== party)) {
      await namePeer(folder, `${other.party}=127.0.0.1:${other.port}=${await publicKeyIn(other.folder)}`);
    }
    await nameCoordinator(folder, toHex(rawPublicKey(this.coordinator)));
    const file = join(folder, 'node.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...config, selfTestEveryS: null, timeouts }));
  }

  /**
   * Runs a party in this process instead of its own: a captured node that follows the protocol but for what it says to party `to`. There `say` gives what it says instead; where that is nothing the call is never made, and
   * answered as if it had been.
   */
  async runCaptured(party: number, to: number, say: (method: string, payload: Uint8Array) => Uint8Array | undefined): Promise<RunningNode> {
    const { folder, logFile } = this.node(party);
    const config = await readConfig(folder);
    const target = this.node(to);
    return startNode({
      folder,
      config,
      provider: await providerOf(config),
      clock: systemClock,
      random: this.#random,
      log: pino({ level: 'info', base: { node: party } }, pino.destination({ dest: logFile, append: true, sync: true })),
      onFatal: () => undefined,
      connect: (options) => {
        const link = openLink(options);
        if (options.port !== target.port) return link;
        return {
          close: () => link.close(),
          call: async (method, payload, patience) => {
            const said = say(method, payload);
            return said ? link.call(method, said, patience) : new Uint8Array();
          },
        };
      },
    });
  }

  /** Starts the process of a party, and waits until it answers. */
  async start(party: number): Promise<void> {
    await this.#spawn(this.node(party));
  }

  async #spawn(node: RehearsalNode): Promise<void> {
    const child = spawn(process.execPath, [CLI, 'node', 'run', '--folder', node.folder], { stdio: ['ignore', 'pipe', 'pipe'] });
    node.process = child;
    const log = createWriteStream(node.logFile, { flags: 'a' });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    for (;;) {
      if (child.exitCode !== null)
        throw new Problem('session/ceremony-failed', `Party ${node.party} ended with ${child.exitCode}; ${node.logFile} has the reason.`);
      if (await answers(node)) return;
      await sleep(POLL_MS);
    }
  }

  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map(({ party }) => this.start(party)));
    await this.ready();
  }

  /** Waits until every running node has heard from all its peers what they remember of it. */
  async ready(parties: readonly number[] = this.nodes.filter((node) => node.process).map(({ party }) => party)): Promise<void> {
    for (const party of parties) {
      while (!((await this.status(party))['peersReady'] as boolean)) await sleep(POLL_MS);
    }
  }

  /** SIGKILL unless told otherwise: nothing is closed, nothing is said. */
  async stop(party: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#kill(this.node(party), signal);
  }

  async #kill(node: RehearsalNode, signal: NodeJS.Signals): Promise<void> {
    const child = node.process;
    node.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** The node's log so far, a JSON object a line. */
  async log(party: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const text = await readFile(this.node(party).logFile, 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Record<string, unknown>] : []));
  }

  async status(party: number): Promise<Readonly<Record<string, unknown>>> {
    return (await this.#desk(party)).ask('node/status', {});
  }

  /** Every operator of these parties begins the ceremony at its node; ends when all have the result. */
  async ceremony(what: Readonly<Record<string, unknown>>, at: readonly number[] = this.nodes.map(({ party }) => party)): Promise<void> {
    await Promise.all(
      at.map(async (party) => {
        const desk = await this.#desk(party);
        const peer = what['kind'] === 'repair' ? { peer: what['peer'] ?? at.find((other) => other !== party) } : {};
        await holdCeremony(desk, { ...what, ...peer }, () => undefined);
      }),
    );
  }

  /** The address of a key, as the node says. */
  async address(party: number, role: Role): Promise<Hex> {
    const { keys } = (await this.status(party)) as { keys: { role: Role; address: Hex; status: string }[] };
    const key = keys.findLast((each) => each.role === role && each.status !== 'PENDING');
    if (!key) throw new Problem('node/unknown-key', `Party ${party} has no key as ${role}.`);
    return key.address;
  }

  /** Asks exactly these signers, each by itself, with one request id; what each of them answered. */
  async ask(intent: Intent, signers: readonly number[], requestId: Hex = toHex(this.#random(32))): Promise<PromiseSettledResult<Hex>[]> {
    const payload = requestToJson({ requestId, intent, signers, path: [], evidence: undefined });
    return Promise.allSettled(
      signers.map(async (party) => {
        const answer = await (await this.#coordinatorLink(party)).call('sign/ask', payload, { timeoutMs: 60_000, resendForMs: 0 });
        return (JSON.parse(Buffer.from(answer).toString('utf8')) as { signature: Hex }).signature;
      }),
    );
  }

  /** A signature of these signers, or the first reason why there is none. */
  async sign(intent: Intent, signers: readonly number[]): Promise<Hex> {
    const answers = await this.ask(intent, signers);
    const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
    const cause = failures.find((failure) => !(failure instanceof Problem) || failure.code !== 'session/ended-by-peer') ?? failures[0];
    if (cause instanceof Error) throw cause;
    return (answers[0] as PromiseFulfilledResult<Hex>).value;
  }

  /** A link to a node under any identity, in any part: whether it is heard is the node's to say. */
  async link(party: number, identity: Identity, part: Part): Promise<Link> {
    const { folder, port } = this.node(party);
    const fingerprint = fingerprintOf(publicKeyInfo(Buffer.from((await publicKeyIn(folder)).slice(2), 'hex')));
    const link = openLink({ identity, part, host: '127.0.0.1', port, fingerprint, limits: WIRE_LIMITS });
    this.#links.push(link);
    return link;
  }

  /** The identity of a party whose process does not run: what a captured host could speak with. */
  async identityOf(party: number): Promise<Identity> {
    const { folder } = this.node(party);
    return openIdentity(folder, await providerOf(await readConfig(folder)));
  }

  async end(keep = false): Promise<void> {
    for (const link of this.#links) link.close();
    for (const desk of this.#desks.values()) desk.close();
    await Promise.all(this.#all.map((node) => this.#kill(node, 'SIGKILL')));
    if (!keep) await rm(this.root, { recursive: true, force: true });
  }

  /** Kept, as a platform keeps it. */
  async #coordinatorLink(party: number): Promise<Link> {
    const name = `${party} ${await publicKeyIn(this.node(party).folder)}`;
    let link = this.#coordinatorLinks.get(name);
    if (!link) this.#coordinatorLinks.set(name, (link = await this.link(party, this.coordinator, 'coordinator')));
    return link;
  }

  /** The channel of a party's operator, kept: it opens again by itself after a restart. */
  async #desk(party: number): Promise<NodeDesk> {
    const { folder } = this.node(party);
    const key = `${folder} ${await publicKeyIn(folder)}`;
    let desk = this.#desks.get(key);
    if (!desk) this.#desks.set(key, (desk = await openDesk(folder)));
    return desk;
  }
}

async function answers({ folder }: RehearsalNode): Promise<boolean> {
  const desk = await openDesk(folder);
  return desk
    .ask('node/status', {})
    .then(
      () => true,
      (error: unknown) => {
        if (error instanceof Problem) return false;
        throw error;
      },
    )
    .finally(() => desk.close());
}

/** x_i G of every share in the folder of a node that does not run, as somebody would who has its disk and what opens it. */
export async function ownPublicShares(folder: string): Promise<readonly Hex[]> {
  const config = await readConfig(folder);
  const options = { folder, node: nodeName(config.party), provider: await providerOf(config), random: () => new Uint8Array() };
  const store = await NodeStore.open({ ...options, isConfirmation: () => false, isTestDigest: () => false });
  try {
    return store.epochs.filter(({ status }) => status !== 'RETIRED').map((record) => publicShareIn(decodeRecord(store.share(record))!));
  } finally {
    await store.close();
  }
}

/** x_i G of every share in a backup. */
export async function sharesIn(file: string, recoveryFile: string): Promise<readonly Hex[]> {
  const { party, keys } = JSON.parse(await readFile(file, 'utf8')) as { party: number; keys: { keyId: Hex; backup: Hex }[] };
  const secret = fromHex((await readFile(recoveryFile, 'utf8')).trim() as Hex);
  return keys.map(({ keyId, backup }) => publicShareIn(openBackup(fromHex(backup), secret, { keyId: fromHex(keyId) as KeyId, id: party as PartyId }).record));
}

/** Of a record that was read, and so was checked to be x_i G of its own share. */
function publicShareIn({ id, publicShares, share }: KeyRecord): Hex {
  share.fill(0);
  return toHex(publicShares[id - 1]!);
}

async function publicKeyIn(folder: string): Promise<Hex> {
  return (JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8')) as { publicKey: Hex }).publicKey;
}
