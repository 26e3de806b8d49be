/** Three signer nodes with real folders, channels, books and policies, and in front of them a platform and a chain that do whatever an attack wants. */
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Problem, toHex, utf8, type Hex } from '#base';
import { isSignatureBy, intentDigest, type Intent } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { keyFileProvider, NodeStore, parsePolicy } from '#mpc/node';
import type { Link } from '#mpc/node/wire';
import { nodeName, parseNodeConfig, startNode, type RunningNode } from '../../../../../mpc/node/process/process.ts';
import { Forge } from '../../book/support/forge.ts';
import { DEPTH, START_MS, TOKENS } from '../../book/support/samples.ts';
import { publicKey } from '../../fixtures.ts';
import { hold, makeTrio, random, type Trio } from './trio.ts';

const PATIENCE = { timeoutMs: 30_000, resendForMs: 5_000 };
export const PARTIES = [1, 2, 3] as const;
const PAIRS = [
  [1, 2],
  [1, 3],
  [2, 3],
] as const;
/** Whom each node is asked to sign with, when it is asked alone. */
export const PARTNER: Readonly<Record<number, readonly number[]>> = { 1: [1, 2], 2: [1, 2], 3: [2, 3] };

export interface Outcome {
  /** The rule that objects; the code where there is no rule; "signed". */
  readonly rule: string;
  readonly code: string;
  readonly signature?: Hex;
}

interface Audited {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Status {
  readonly peersReady: boolean;
  readonly policy: { readonly version: number };
  readonly poisonings: readonly unknown[];
  readonly keys: readonly { readonly role: string; readonly address: Hex; readonly status: string; readonly pairs: readonly { readonly status: string }[] }[];
}

/** What an attack may set up otherwise. */
export interface World {
  /** The endpoints of a node, for each of them. */
  readonly urls?: (forge: Forge, party: number) => Promise<readonly string[]>;
  readonly chain?: Readonly<Record<string, unknown>>;
  /** What the operators know of merchants, before the nodes start. */
  readonly registered?: (forge: Forge) => void;
}

/** Small limits, approvals from 200 on, and a chain that has to confirm the time. `platform` is the coordinator itself, whom somebody made an approver. */
function policyJson(coordinator: Hex) {
  const { anchor, vault } = new Forge().chain;
  const limits = { perTransaction: '400000000', perDay: '100000000000', perPayeePerDay: '150000000' };
  return {
    format: 'cairn-node-policy/1',
    version: 1,
    stop: 'nothing',
    clock: { backwardsS: 3_600, witnessS: 7_200 },
    kinds: ['anchor', 'cancel', 'instruction'],
    chains: [
      {
        chainId: '31337',
        anchors: [anchor],
        vaults: [vault],
        safes: [],
        timelocks: [],
        tokens: [...TOKENS.values()].map((token) => ({ token, ...limits })),
      },
    ],
    payees: { registered: true, only: null },
    hours: [],
    approvers: [
      { name: 'ann', scheme: 'ed25519', key: publicKey('ann') },
      { name: 'platform', scheme: 'ed25519', key: coordinator },
    ],
    approvals: [{ kinds: ['instruction'], token: null, from: '120000000', required: 1, approvers: ['ann', 'platform'], longestLifeS: 600 }],
    operators: { quorum: 1, keys: [{ name: 'op1', key: publicKey('op1') }] },
    changes: { tighteningDelayS: 600, looseningDelayS: 86_400 },
  };
}

export class Siege {
  readonly trio: Trio;
  readonly lines: string[] = [];
  /** What their clocks are off by, in this process. */
  skewMs = 0;
  forge!: Forge;
  #nodes: RunningNode[] = [];
  readonly #links = new Map<string, Link>();
  readonly #signed = new Set<string>();

  private constructor(trio: Trio) {
    this.trio = trio;
  }

  /** Nodes that hold a poster and a vault key together. */
  static async begin(): Promise<Siege> {
    const trio = await makeTrio({
      policy: (coordinator) => parsePolicy(policyJson(coordinator)),
      timeouts: { decisionMs: 4_000, roundMs: 20_000, ceremonyRoundMs: 60_000 },
    });
    const siege = new Siege(trio);
    siege.forge = new Forge();
    await siege.#start({});
    for (const role of ['poster', 'vault']) await hold(trio, { kind: 'generate', role });
    await siege.#stop();
    siege.forge.chain.close();
    return siege;
  }

  /** The same nodes before another platform, book and chain; a test in it, and what is left of them after it. */
  async world(story: (forge: Forge) => Promise<void>, world: World = {}): Promise<void> {
    this.forge = await new Forge().open();
    this.skewMs = 0;
    world.registered?.(this.forge);
    try {
      await this.#start(world);
      await story(this.forge);
      this.skewMs = 0;
      await this.demandUnharmed();
    } finally {
      await this.#stop();
      await this.forge.close();
    }
  }

  /** Everything that was released in these stores was asked for by a test that says so: nothing else ever left. */
  async demandNothingElseReleased(): Promise<number> {
    let releases = 0;
    for (const { party, folder, keyFile } of this.trio.seats) {
      const store = await NodeStore.open({
        folder,
        node: nodeName(party),
        provider: keyFileProvider(keyFile),
        random,
        isConfirmation: () => true,
        isTestDigest: () => true,
      });
      const orders = (await store.released()).filter(({ intent }) => intent !== null);
      assert.deepEqual(orders.filter(({ digest }) => !this.#signed.has(digest)), []); // prettier-ignore
      assert.deepEqual(store.poisonings, []);
      releases += orders.length;
      await store.close();
    }
    return releases;
  }

  async remove(): Promise<void> {
    await this.#stop();
    await this.trio.remove();
  }

  /** The chain as this node sees it changed: its book is read anew with the next question. */
  async feed(party: number, page = this.forge.page()): Promise<string> {
    const taken = JSON.parse(Buffer.from(await this.link(party, 'coordinator').call('book/absorb', page, PATIENCE)).toString()) as { rule?: string };
    return taken.rule ?? 'taken';
  }

  async feedAll(): Promise<void> {
    for (const party of PARTIES) assert.equal(await this.feed(party), 'taken');
  }

  async ask(party: number, payload: Uint8Array): Promise<Outcome> {
    try {
      const { signature } = JSON.parse(Buffer.from(await this.link(party, 'coordinator').call('sign/ask', payload, PATIENCE)).toString()) as { signature: Hex };
      return { rule: 'signed', code: 'signed', signature };
    } catch (error) {
      assert.ok(error instanceof Problem, String(error));
      return { rule: typeof error.facts['rule'] === 'string' ? error.facts['rule'] : error.code, code: error.code };
    }
  }

  request(intent: Intent, signers: readonly number[], requestId: Hex = toHex(randomBytes(32)), evidence?: unknown): Uint8Array {
    return requestToJson({ requestId, intent, signers, path: [], evidence });
  }

  /** A pair signs what it would sign anyway; whatever is signed otherwise fails the suite at its end. */
  async signs(intent: Intent, pair: readonly number[] = [1, 2], evidence?: unknown, requestId: Hex = toHex(randomBytes(32))): Promise<void> {
    this.#signed.add(toHex(intentDigest(intent)));
    const payload = this.request(intent, pair, requestId, evidence);
    const outcomes = await Promise.all(pair.map((party) => this.ask(party, payload)));
    const { keys } = await this.status(1);
    const address = keys.find(({ role }) => role === (intent.kind === 'anchor' ? 'poster' : 'vault'))!.address;
    for (const { signature, rule } of outcomes) assert.ok(signature && isSignatureBy(address, intentDigest(intent), signature), `${pair.join()}: ${rule}`);
  }

  /** Each node alone refuses by this rule, its audit log says so, and neither decided for it nor signed. */
  async refused(rule: string, payloadOf: (party: number) => Uint8Array, parties: readonly number[] = PARTIES): Promise<void> {
    for (const party of parties) {
      const before = (await this.audit(party)).length;
      const outcome = await this.ask(party, payloadOf(party));
      assert.equal(outcome.rule, rule, `party ${party}: ${outcome.code}`);
      await this.logged(party, rule, before);
      const since = (await this.audit(party)).slice(before);
      assert.ok(!since.some(({ kind }) => kind === 'decided' || kind === 'signed'), `party ${party} decided for it`);
    }
  }

  /** A line of what was refused, with its rule or its code. */
  async logged(party: number, rule: string, before: number): Promise<void> {
    const isIt = ({ kind, data }: Audited): boolean => kind === 'refused' && (data['rule'] === rule || data['code'] === rule);
    for (let tries = 0; !(await this.audit(party)).slice(before).some(isIt); tries++) {
      assert.ok(tries < 250, `party ${party} has no line of ${rule}`);
      await sleep(20);
    }
  }

  async audit(party: number): Promise<Audited[]> {
    const text = await readFile(join(this.trio.seats[party - 1]!.folder, 'audit.log'), 'utf8');
    return text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as Audited); // prettier-ignore
  }

  async operate(party: number, method: string, body: unknown): Promise<Record<string, unknown>> {
    const answer = await this.link(party, 'operator').call(method, utf8(JSON.stringify(body)), PATIENCE);
    return JSON.parse(Buffer.from(answer).toString()) as Record<string, unknown>;
  }

  async status(party: number): Promise<Status> {
    return (await this.operate(party, 'node/status', {})) as unknown as Status;
  }

  link(party: number, part: 'coordinator' | 'operator'): Link {
    return this.#kept(`${party} ${part}`, () => this.trio.link(party, part));
  }

  peerLink(from: number, to: number): Link {
    return this.#kept(`${from} to ${to}`, () => this.trio.linkAs(this.trio.seats[from - 1]!.identity, to, 'peer'));
  }

  /** No pair is poisoned, and every pair signs. */
  async demandUnharmed(): Promise<void> {
    for (const party of PARTIES) {
      const { poisonings, keys } = await this.status(party);
      assert.deepEqual(poisonings, []);
      for (const { status, pairs } of keys) assert.deepEqual([status, ...pairs.map((pair) => pair.status)], ['ACTIVE', 'ACTIVE', 'ACTIVE']);
    }
    const made = (await this.audit(1)).find(({ kind }) => kind === 'ceremony')!.data;
    for (const [a, b] of PAIRS) {
      const payload = utf8(JSON.stringify({ keyId: made['keyId'], epochId: made['epochId'], signers: [a, b], requestId: toHex(randomBytes(32)) }));
      await Promise.all([this.peerLink(a, b).call('test/ask', payload, PATIENCE), this.peerLink(b, a).call('test/ask', payload, PATIENCE)]);
    }
    assert.deepEqual(this.lines.filter((line) => line.startsWith('fatal')), []); // prettier-ignore
  }

  #kept(name: string, open: () => Link): Link {
    const link = this.#links.get(name) ?? open();
    this.#links.set(name, link);
    return link;
  }

  async #start({ urls, chain }: World): Promise<void> {
    const { forge } = this;
    const { chainId, fromBlock, ...named } = forge.registration;
    const merchants = [...forge.registered].map(([merchant, keys]) => ({ merchant, keys }));
    this.#nodes = await Promise.all(
      this.trio.seats.map(async ({ party, folder, config, keyFile }) => {
        await rm(join(folder, 'book'), { recursive: true, force: true });
        await mkdir(folder, { recursive: true });
        const merchantsFile = join(this.trio.root, `merchants-${party}.json`);
        await writeFile(merchantsFile, JSON.stringify({ format: 'cairn-merchants/1', merchants }));
        const asked = (await urls?.(forge, party)) ?? [await forge.chain.serve()];
        const book = {
          registration: { ...named, chainId: String(chainId), fromBlock: String(fromBlock) },
          merchantsFile,
          ratesFile: null,
          chain: { urls: asked, finality: { kind: 'depth', blocks: DEPTH }, maxBehindBlocks: 3, maxBehindMs: null, timeoutMs: 5_000, ...chain },
          maxAheadMs: 1_000,
        };
        return startNode({
          folder,
          config: parseNodeConfig(JSON.stringify({ ...config, book })),
          provider: keyFileProvider(keyFile),
          clock: { nowMs: () => Math.max(forge.nowMs, START_MS) + this.skewMs },
          random,
          log: pino({ level: 'warn', base: { party } }, { write: (line: string) => void this.lines.push(line) }),
          onFatal: (problem) => void this.lines.push(`fatal ${problem.message}`),
        });
      }),
    );
    for (const party of PARTIES) while (!(await this.status(party)).peersReady) await sleep(50);
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#nodes.splice(0).map((node) => node.close()));
  }
}
