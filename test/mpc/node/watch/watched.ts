/** Three real nodes with a real timelock on a real chain that mines by itself, for tests: whose endpoints each of them asks, and which of them run, is the test's to say. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPrivateKey, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex, type Hex } from '#base';
import { addressOfKey, governedChain, type GovernedChain } from '../../../governance/support.ts';
import { devKey } from '../../../chain/anvil.ts';
import { identityOf, rawPublicKey } from '#mpc/node/wire';
import type { NodeConfig, RunningNode } from '../../../../mpc/node/process/process.ts';
import { nodeName } from '../../../../mpc/node/process/process.ts';
import { changeMessage, parsePolicy, proposalId } from '../../../../mpc/node/policy/policy.ts';
import { keyFileProvider, NodeStore } from '../../../../mpc/node/store/store.ts';
import { hold, makeTrio, random, runHere, type Seat, type Trio } from '../process/support/trio.ts';

/** What an endpoint says instead of the truth; undefined lets the truth through. */
export type Lie = (method: string, params: readonly unknown[], truth: () => Promise<unknown>) => unknown;

export interface Health {
  readonly isHealthy: boolean;
  readonly alarms: readonly { readonly code: string; readonly detail: string }[];
  readonly watch: { readonly lookedAtMs: number | null; readonly pending: readonly { readonly operation: Hex; readonly objection: string | null }[] };
}

export interface AuditLine {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Watched {
  readonly governed: GovernedChain;
  readonly trio: Trio;
  readonly lines: string[];
  /** Starts these nodes, each with these endpoints; the chain's own where none are named. */
  start(parties: readonly number[], urls?: readonly string[], chain?: Partial<NonNullable<NodeConfig['book']>['chain']>): Promise<void>;
  stop(parties?: readonly number[]): Promise<void>;
  health(party: number): Promise<Health>;
  metrics(party: number): Promise<string>;
  audit(party: number): AuditLine[];
  /** The id of the operation in a proposal's file. */
  operationOf(file: string): Promise<Hex>;
  /** An endpoint in front of the chain's. */
  proxy(lie: Lie): Promise<string>;
  until(isSo: () => boolean | Promise<boolean>): Promise<void>;
  /** OperationState by the newest block: its time, 0 where it is not there (any more), 1 where it is done. */
  timestamp(operation: Hex): Promise<bigint>;
  /** From here on no block is mined but for transactions, until `mine`. */
  still(): Promise<void>;
  mine(): void;
  close(): Promise<void>;
}

const POLL_MS = 50;
const MINE_MS = 150;
const TURN_MS = 1_000;

export async function watched(): Promise<Watched> {
  const policyIdentity = identityOf(random(32));
  const trio = await makeTrio({ policy: () => first(toHex(rawPublicKey(policyIdentity))), timeouts: { decisionMs: 3_000, roundMs: 5_000 } });
  const lines: string[] = [];
  const nodes = new Map<number, RunningNode>();
  for (const seat of trio.seats) nodes.set(seat.party, await runHere(seat, lines));
  await hold(trio, { kind: 'generate', role: 'owner' });
  const keys = await trio.link(1, 'coordinator').call('keys/list', new Uint8Array(), { timeoutMs: 5_000, resendForMs: 0 });
  const [{ address: owner }] = JSON.parse(Buffer.from(keys).toString()) as [{ address: Hex }];
  await Promise.all([...nodes.values()].map((node) => node.close()));
  nodes.clear();

  const governed = await governedChain(async (stateDir) => {
    const folder = join(stateDir, 'signers');
    mkdirSync(folder);
    writeFileSync(join(folder, 'coordinator.key'), trio.coordinatorSeed);
    const known = trio.seats.map(({ party, config, identity }) => ({
      id: party,
      host: '127.0.0.1',
      port: config.listen.port,
      fingerprint: identity.fingerprint,
    }));
    writeFileSync(join(folder, 'signers.json'), JSON.stringify({ format: 'cairn-signers/1', threshold: 2, nodes: known }));
    const others = { poster: devKey(2), vault: devKey(3) };
    return { custody: { address: async (role) => (role === 'owner' ? owner : addressOfKey(others[role])) }, endSigners: async () => undefined };
  });
  const { deployment, chain } = governed;
  const privateKey = createPrivateKey(policyIdentity.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  for (const seat of trio.seats) await permit(seat, governed, (proposal) => toHex(new Uint8Array(sign(null, changeMessage('approve', proposal), privateKey))));
  writeFileSync(join(trio.root, 'merchants.json'), JSON.stringify({ format: 'cairn-merchants/1', merchants: [] }));

  let isMining = true;
  let working = Promise.resolve();
  const miner = setInterval(() => {
    working = working.then(() => (isMining ? chain.mine() : undefined)).catch(() => undefined);
  }, MINE_MS);
  const servers: Server[] = [];
  const healthOf = (party: number, path: string): Promise<Response> => fetch(`http://127.0.0.1:${nodes.get(party)!.healthPort}${path}`);
  const stop = async (parties: readonly number[] = [...nodes.keys()]): Promise<void> => {
    await Promise.all(parties.map(async (party) => nodes.get(party)?.close()));
    for (const party of parties) nodes.delete(party);
  };
  return {
    governed,
    trio,
    lines,
    start: async (parties, urls = [chain.rpcUrl], more = {}) => {
      const { anchor, vault, timelock, safe, block } = deployment;
      for (const party of parties) {
        const seat = trio.seats[party - 1]!;
        const registration = {
          chainId: '31337',
          anchor,
          vault,
          timelock,
          safe,
          owner,
          book: '018bcfe5-6800-7000-8000-000000000001',
          fromBlock: `${block.number}`,
        };
        const book: NonNullable<NodeConfig['book']> = {
          registration,
          merchantsFile: join(trio.root, 'merchants.json'),
          ratesFile: null,
          chain: { urls: [...urls], finality: { kind: 'depth', blocks: 2 }, maxBehindBlocks: 8, maxBehindMs: null, timeoutMs: 5_000, ...more },
          maxAheadMs: 5_000,
          watch: { everyMs: 200, turnMs: TURN_MS },
        };
        nodes.set(party, await runHere({ ...seat, config: { ...seat.config, book } }, lines));
      }
    },
    stop,
    health: async (party) => (await (await healthOf(party, '/healthz')).json()) as Health,
    metrics: async (party) => (await healthOf(party, '/metrics')).text(),
    audit: (party) =>
      readFileSync(join(trio.seats[party - 1]!.folder, 'audit.log'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AuditLine),
    operationOf: async (file) => {
      const said = await governed.govern('status', [file]);
      // Behind the file's own name: alarms about other operations stand before it.
      return /operation\s+(0x[0-9a-f]{64})/i.exec(said.slice(said.lastIndexOf(file)))![1] as Hex;
    },
    proxy: (lie) => proxyTo(chain.rpcUrl, lie, servers),
    until: async (isSo) => {
      while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    },
    timestamp: async (operation) => {
      const answer = (await chain.request('eth_call', { to: deployment.timelock, data: `0xd45c4435${operation.slice(2)}` }, 'latest')) as Hex;
      return BigInt(answer);
    },
    still: async () => {
      isMining = false;
      await working;
    },
    mine: () => void (isMining = true),
    close: async () => {
      clearInterval(miner);
      await working;
      await stop();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      governed.close();
      await trio.remove();
    },
  };
}

function first(key: Hex) {
  return parsePolicy({
    format: 'cairn-node-policy/1',
    version: 1,
    stop: 'nothing',
    clock: { backwardsS: 5, witnessS: null },
    kinds: [],
    chains: [],
    payees: { registered: true, only: null },
    hours: [],
    approvers: [],
    approvals: [],
    operators: { quorum: 1, keys: [{ name: 'operator', key }] },
    changes: { tighteningDelayS: 0, looseningDelayS: 1 },
  });
}

/** What the node's operator does once the contracts are there. */
async function permit({ folder, party, keyFile }: Seat, { deployment }: GovernedChain, approve: (proposal: Hex) => Hex): Promise<void> {
  const options = { folder, node: nodeName(party), provider: keyFileProvider(keyFile), random, isConfirmation: () => true, isTestDigest: () => true };
  const store = await NodeStore.open(options);
  const { file } = store.policy;
  const { anchor, vault, safe, timelock } = deployment;
  const chains = [{ chainId: '31337', anchors: [anchor], vaults: [vault], safes: [safe], timelocks: [timelock], tokens: [] }];
  const policy = parsePolicy({ ...file, kinds: ['governance', 'timelockCancel'], chains, version: 2 });
  const nonce = toHex(random(16));
  const proposal = proposalId(file, policy, nonce);
  await store.changePolicy({ change: 'proposed', policy, nonce, operator: 'operator', signature: approve(proposal), atMs: Date.now() });
  const { effectiveAtMs } = store.policy.proposals[0]!;
  while (Date.now() < effectiveAtMs!) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  await store.changePolicy({ change: 'effective', proposal, atMs: Date.now() });
  await store.close();
}

async function proxyTo(url: string, lie: Lie, servers: Server[]): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void answer(Buffer.concat(chunks).toString()).then((body) => response.setHeader('content-type', 'application/json').end(body)));
  });
  const answer = async (body: string): Promise<string> => {
    const { id, method, params = [] } = JSON.parse(body) as { id: number; method: string; params?: unknown[] };
    const passed = async (): Promise<string> => (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).text();
    const lied: unknown = await lie(method, params, async () => (JSON.parse(await passed()) as { result: unknown }).result);
    return lied === undefined ? passed() : JSON.stringify({ jsonrpc: '2.0', id, result: lied });
  };
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
