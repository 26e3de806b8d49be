/** Three signer nodes with folders of their own on the loopback interface, for tests: in this process, or as processes that can be killed. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Problem, systemClock, toHex, type Hex } from '#base';
import { findFreePort } from '#supervisor';
import { createIdentity, nodeName, parseNodeConfig, startNode, type NodeConfig, type RunningNode } from '../../../../../mpc/node/process/process.ts';
import { parsePolicy, type Policy } from '../../../../../mpc/node/policy/policy.ts';
import { keyFileProvider, NodeStore } from '../../../../../mpc/node/store/store.ts';
import { identityOf, openLink, rawPublicKey, WIRE_LIMITS, type Identity, type Link, type Part } from '#mpc/node/wire';

export const ANCHOR: Hex = `0x${'a1'.repeat(20)}`;
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Anchors of one contract on the local chain, at any hour, by nobody's approval. */
function anchorsOnly(): Policy {
  return parsePolicy({
    format: 'cairn-node-policy/1',
    version: 1,
    stop: 'nothing',
    clock: { backwardsS: 5, witnessS: null },
    kinds: ['anchor'],
    chains: [{ chainId: '31337', anchors: [ANCHOR], vaults: [], safes: [], timelocks: [], tokens: [] }],
    payees: { registered: true, only: null },
    hours: [],
    approvers: [],
    approvals: [],
    operators: { quorum: 1, keys: [{ name: 'op1', key: `0x${'01'.repeat(32)}` }] },
    changes: { tighteningDelayS: 0, looseningDelayS: 60 },
  });
}

export interface Seat {
  readonly party: number;
  readonly folder: string;
  readonly keyFile: string;
  readonly identity: Identity;
  readonly config: NodeConfig;
}

export interface Trio {
  readonly root: string;
  readonly seats: readonly Seat[];
  readonly coordinator: Identity;
  /** What `coordinator.key` of a platform holds. */
  readonly coordinatorSeed: Hex;
  readonly operator: Identity;
  /** A link to a node, as this part. */
  link(party: number, part: 'coordinator' | 'operator'): Link;
  linkAs(identity: Identity, party: number, part: Part): Link;
  remove(): Promise<void>;
}

export interface TrioOptions {
  readonly n?: number;
  readonly threshold?: number;
  /** By the coordinator's key as policies name it, which is drawn here. */
  readonly policy?: (coordinator: Hex) => Policy;
  readonly timeouts?: NodeConfig['timeouts'];
  readonly selfTestEveryS?: number | null;
}

/** Folders, identities, stores and configurations; nothing runs yet. */
export async function makeTrio({ n = 3, threshold = 2, policy = anchorsOnly, timeouts = {}, selfTestEveryS = null }: TrioOptions = {}): Promise<Trio> {
  const root = await mkdtemp(join(tmpdir(), 'cairn-trio-'));
  const seed = random(32);
  const [coordinator, operator] = [identityOf(seed), identityOf(random(32))];
  const decides = policy(toHex(rawPublicKey(coordinator)));
  const drafts: (Omit<Seat, 'config'> & { readonly port: number })[] = [];
  const ports = new Set<number>();
  for (let party = 1; party <= n; party++) {
    const keyFile = join(root, `key-${party}`);
    await writeFile(keyFile, toHex(random(32)), { mode: 0o600 });
    const folder = join(root, nodeName(party));
    const provider = keyFileProvider(keyFile);
    await NodeStore.create({ folder, node: nodeName(party), provider, random }, decides, Date.now());
    const identity = await createIdentity(folder, provider, random);
    let port = await findFreePort();
    while (ports.has(port)) port = await findFreePort();
    ports.add(port);
    drafts.push({ party, keyFile, folder, identity, port });
  }
  const public32 = (identity: Pick<Identity, 'publicKey'>): Hex => toHex(rawPublicKey(identity));
  const seats = drafts.map((draft): Seat => {
    const config = parseNodeConfig(
      JSON.stringify({
        format: 'cairn-node/1',
        party: draft.party,
        threshold,
        provider: { kind: 'key-file', path: draft.keyFile },
        listen: { host: '127.0.0.1', port: draft.port },
        health: { host: '127.0.0.1', port: 0 },
        peers: drafts
          .filter((other) => other !== draft)
          .map((other) => ({ party: other.party, host: '127.0.0.1', port: other.port, identity: public32(other.identity) })),
        coordinators: [public32(coordinator)],
        operators: [public32(operator)],
        recoveryKey: null,
        selfTestEveryS,
        book: null,
        timeouts: { ceremonyMs: 60_000, ...timeouts },
      }),
    );
    return { ...draft, config };
  });
  const links: Link[] = [];
  const linkAs = (identity: Identity, party: number, part: Part): Link => {
    const seat = seats[party - 1]!;
    const link = openLink({ identity, part, host: '127.0.0.1', port: seat.config.listen.port, fingerprint: seat.identity.fingerprint, limits: WIRE_LIMITS });
    links.push(link);
    return link;
  };
  return {
    root,
    seats,
    coordinator,
    coordinatorSeed: toHex(seed),
    operator,
    linkAs,
    link: (party, part) => linkAs(part === 'coordinator' ? coordinator : operator, party, part),
    remove: async () => {
      for (const link of links) link.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Runs a node of the trio in this process. What it says to its log is kept for a look. */
export async function runHere({ folder, config, keyFile }: Seat, lines: string[] = []): Promise<RunningNode> {
  return startNode({
    folder,
    config,
    provider: keyFileProvider(keyFile),
    clock: systemClock,
    random,
    log: pino({ level: 'info', base: { party: config.party } }, { write: (line: string) => void lines.push(line) }),
    onFatal: (problem) => {
      lines.push(`fatal ${problem.message}`);
    },
  });
}

const PATIENCE = { timeoutMs: 30_000, resendForMs: 5_000 };

async function ask(link: Link, method: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await link.call(method, new TextEncoder().encode(JSON.stringify(body)), PATIENCE);
  return JSON.parse(Buffer.from(answer).toString('utf8')) as Record<string, unknown>;
}

/** Has every operator begin the ceremony at its node, and waits until all say that it is done. */
export async function hold(
  trio: Trio,
  ceremony: { readonly kind: string; readonly role: string },
  at: readonly { readonly party: number; readonly peer?: number }[] = trio.seats,
): Promise<string[]> {
  const links = at.map(({ party }) => trio.link(party, 'operator'));
  const runs = await Promise.all(links.map((link, i) => ask(link, 'ceremony/begin', { ...ceremony, ...(at[i]!.peer ? { peer: at[i]!.peer } : {}) })));
  const transcripts = await Promise.all(
    links.map(async (link, i) => {
      for (;;) {
        const { state, lines } = await ask(link, 'ceremony/progress', { id: runs[i]!['id'], after: 0 });
        const texts = (lines as { text: string }[]).map(({ text }) => text);
        if (state === 'failed') throw new Problem('session/ceremony-failed', `${ceremony.kind} at party ${at[i]!.party}: ${texts.at(-1)}`);
        if (state === 'done') return texts;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }),
  );
  return transcripts[0]!;
}
