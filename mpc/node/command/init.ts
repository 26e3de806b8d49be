import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fromHex, Problem, toHex, type Clock, type Hex, type RandomBytes } from '#base';
import { readIfPresent } from '../files/files.ts';
import { parsePolicyText } from '../policy/policy.ts';
import { createIdentity, nodeName, parsePartialConfig, type NodeConfig } from '../process/process.ts';
import { NodeStore } from '../store/store.ts';
import { fingerprintOf, publicKeyInfo, rawPublicKey } from '../wire/wire.ts';
import { drawRecovery } from './backup.ts';
import { aloud, createOperator, read, readConfig, writeConfig } from './folder.ts';
import { providerOf } from './provider.ts';

export interface InitOptions {
  readonly folder: string;
  readonly party: number;
  readonly threshold: number;
  readonly listen: string;
  readonly healthPort: number;
  readonly provider: NodeConfig['provider'];
  readonly policyFile: string;
  /** Where the secret of a new recovery key is written; undefined: there will be no backups. */
  readonly recoveryFile: string | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly tell: (line: string) => void;
}

/** Makes the folder of a node: its store with its first policy, its identity, the key of its operator, and node.json, in which the peers are still to be named. */
export async function initNode({
  folder,
  party,
  threshold,
  listen,
  healthPort,
  provider,
  policyFile,
  recoveryFile,
  clock,
  random,
  tell,
}: InitOptions): Promise<void> {
  const policy = parsePolicyText(await read(policyFile));
  const [host, port] = endpointOf(listen);
  const opened = await providerOf({ provider });
  const makeFolder = async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await NodeStore.create({ folder, node: nodeName(party), provider: opened, random }, policy, clock.nowMs());
    return { identity: await createIdentity(folder, opened, random), operator: await createOperator(folder, random) };
  };
  if (await readIfPresent(join(folder, 'store.json'))) throw new Problem('node/store-exists', `${folder} holds a store already.`, { folder });
  // First, since the file may lie where nothing can be written; and gone again where the store is not made, since then it belongs to nothing.
  const recoveryKey = recoveryFile === undefined ? null : await drawRecovery(recoveryFile, random);
  const { identity, operator } = await makeFolder().catch(async (error: unknown) => {
    if (recoveryFile !== undefined) await rm(recoveryFile, { force: true });
    throw error;
  });
  const config: NodeConfig = {
    format: 'cairn-node/1',
    party,
    threshold,
    provider,
    listen: { host, port },
    health: { host: '127.0.0.1', port: healthPort },
    peers: [],
    coordinators: [],
    operators: [toHex(rawPublicKey(operator))],
    recoveryKey,
    selfTestEveryS: 3_600,
    book: null,
    timeouts: {},
  };
  await writeConfig(folder, config);
  tell(`party ${party} is made in ${resolve(folder)}`);
  tell(`fingerprint, to be read aloud:  ${aloud(identity.fingerprint)}`);
  if (recoveryKey === null) tell('no recovery key (--recovery): this node will have no backups');
  tell('the other operators add it by:');
  tell(`  cairn node peer ${party}=${listen}=${toHex(rawPublicKey(identity))} --folder THEIRS`);
}

/** Adds or replaces a peer of node.json: PARTY=HOST:PORT=KEY. Returns what the operator is to compare. */
export async function namePeer(folder: string, text: string): Promise<string[]> {
  const [party, endpoint, identity] = text.split('=');
  if (!party || !endpoint || !identity) throw new Problem('cli/bad-arguments', `"${text.slice(0, 120)}" is no peer: PARTY=HOST:PORT=KEY.`);
  const [host, port] = endpointOf(endpoint);
  const config = await readConfig(folder, 'partial');
  const peers = [...config.peers.filter((peer) => peer.party !== Number(party)), { party: Number(party), host, port, identity: identity as Hex }];
  const next = { ...config, peers: peers.sort((a, b) => a.party - b.party) };
  parsePartialConfig(JSON.stringify(next));
  await writeConfig(folder, next);
  const fingerprint = fingerprintOf(publicKeyInfo(fromHex(identity as Hex)));
  return [`party ${party} at ${endpoint}; its operator reads:`, `  ${aloud(fingerprint)}`];
}

/** Lets a coordinator (the platform) ask this node for signatures. */
export async function nameCoordinator(folder: string, key: string): Promise<void> {
  const config = await readConfig(folder, 'partial');
  const next = { ...config, coordinators: [...new Set([...config.coordinators, key as Hex])] };
  parsePartialConfig(JSON.stringify(next));
  await writeConfig(folder, next);
}

function endpointOf(text: string): readonly [host: string, port: number] {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) throw new Problem('cli/bad-arguments', `"${text.slice(0, 80)}" is no HOST:PORT.`);
  return [text.slice(0, at), port];
}
