import { createPrivateKey, sign } from 'node:crypto';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex, systemClock, toHex, utf8, type Hex, type RandomBytes } from '#base';
import { findFreePort, isPortFree } from '#supervisor';
import { initNode, nameCoordinator } from '../command/init.ts';
import { readConfig, writeConfig } from '../command/folder.ts';
import { readIfPresent, writeDurably } from '../files/files.ts';
import { changeMessage } from '../policy/policy.ts';
import { fingerprintOf, identityOf, publicKeyInfo, rawPublicKey, type Fingerprint } from '../wire/wire.ts';

export const PARTIES = [1, 2, 3] as const;
export const THRESHOLD = 2;

/** What a platform needs to find its signer nodes: docs/formats.md, cairn-signers/1. */
interface SignersFile {
  readonly format: 'cairn-signers/1';
  readonly threshold: number;
  readonly nodes: readonly { readonly id: number; readonly host: string; readonly port: number; readonly fingerprint: Fingerprint }[];
}

/** Where everything of the rehearsal is: what in the real thing is on three machines, with three people, and with the platform. */
export class Folders {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  node(party: number): string {
    return join(this.root, `node-${party}`);
  }

  /** What only the operators of a node have in the real thing: the key that opens its store, its recovery secret, and their key for its policy. */
  operators(party: number, file: string): string {
    return join(this.root, `operators-${party}`, file);
  }

  log(party: number): string {
    return join(this.root, `node-${party}.log`);
  }

  process(party: number): string {
    return join(this.root, `node-${party}.process.json`);
  }

  /** Addresses of the three keys; there once all ceremonies are done. */
  get keys(): string {
    return join(this.root, 'keys.json');
  }

  get signers(): string {
    return join(this.root, 'signers.json');
  }

  get coordinator(): string {
    return join(this.root, 'coordinator.key');
  }
}

/** Begins with nothing: what an earlier start left before its ceremonies were done has signed nothing, and nobody was told its keys. */
export async function makeFolders(folders: Folders, random: RandomBytes): Promise<void> {
  for (const name of await readdir(folders.root)) if (!name.startsWith('signers.lock')) await rm(join(folders.root, name), { recursive: true, force: true });
  const coordinator = random(32);
  await writeDurably(folders.coordinator, utf8(`${toHex(coordinator)}\n`));
  for (const party of PARTIES) {
    await mkdir(join(folders.root, `operators-${party}`), { mode: 0o700 });
    await writeDurably(folders.operators(party, 'store.key'), utf8(`${toHex(random(32))}\n`));
    await writeDurably(folders.operators(party, 'policy.key'), utf8(`${toHex(random(32))}\n`));
    await writeDurably(folders.operators(party, 'policy-1.json'), utf8(JSON.stringify(firstPolicy(await policyKey(folders, party)))));
    await initNode({
      folder: folders.node(party),
      party,
      threshold: THRESHOLD,
      // Its place for now: settlePorts gives every node its port, at this start and at every other.
      listen: `127.0.0.1:${party}`,
      healthPort: 0,
      provider: { kind: 'key-file', path: folders.operators(party, 'store.key') },
      policyFile: folders.operators(party, 'policy-1.json'),
      recoveryFile: folders.operators(party, 'recovery.key'),
      clock: systemClock,
      random,
      tell: () => undefined,
    });
    await nameCoordinator(folders.node(party), toHex(rawPublicKey(identityOf(coordinator))));
  }
}

/** Gives every node the port it had, or a free one where somebody else took it, and tells the others and the platform. */
export async function settlePorts(folders: Folders): Promise<void> {
  const known = (await readIfPresent(folders.signers))?.toString('utf8');
  const before = known === undefined ? [] : (JSON.parse(known) as SignersFile).nodes;
  const ports: number[] = [];
  while (ports.length < PARTIES.length) {
    const kept = before[ports.length]?.port;
    const port = kept !== undefined && (await isPortFree(kept)) ? kept : await findFreePort();
    if (!ports.includes(port)) ports.push(port);
  }
  const keys = await Promise.all(PARTIES.map((party) => publicKeyOf(folders.node(party))));
  for (const party of PARTIES) {
    const config = await readConfig(folders.node(party), 'partial');
    const peers = PARTIES.filter((other) => other !== party).map((other) => ({
      party: other,
      host: '127.0.0.1',
      port: ports[other - 1]!,
      identity: keys[other - 1]!,
    }));
    // Its place too: somebody may have moved or copied the whole folder.
    const provider = { kind: 'key-file', path: folders.operators(party, 'store.key') } as const;
    await writeConfig(folders.node(party), { ...config, provider, listen: { host: '127.0.0.1', port: ports[party - 1]! }, peers });
  }
  const nodes = PARTIES.map((id) => ({ id, host: '127.0.0.1', port: ports[id - 1]!, fingerprint: fingerprintOf(publicKeyInfo(fromHex(keys[id - 1]!))) }));
  await writeDurably(folders.signers, utf8(`${JSON.stringify({ format: 'cairn-signers/1', threshold: THRESHOLD, nodes } satisfies SignersFile, null, 1)}\n`));
}

/** The key by which the operators of a node change its policy. */
export async function policyKey(folders: Folders, party: number): Promise<{ readonly publicKey: Hex; readonly approve: (proposal: Hex) => Hex }> {
  const identity = identityOf(fromHex((await readFile(folders.operators(party, 'policy.key'), 'utf8')).trim() as Hex));
  const privateKey = createPrivateKey(identity.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return {
    publicKey: toHex(rawPublicKey(identity)),
    approve: (proposal) => toHex(new Uint8Array(sign(null, changeMessage('approve', proposal), privateKey))),
  };
}

async function publicKeyOf(folder: string): Promise<Hex> {
  return (JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8')) as { publicKey: Hex }).publicKey;
}

/** Until the contracts are there, a node signs nothing but the test signatures of its ceremonies. A second's delay, because the rehearsal waits for it. */
function firstPolicy({ publicKey }: { readonly publicKey: Hex }) {
  return {
    format: 'cairn-node-policy/1',
    version: 1,
    stop: 'nothing',
    clock: { backwardsS: 60, witnessS: null },
    kinds: [],
    chains: [],
    payees: { registered: true, only: null },
    hours: [],
    approvers: [],
    approvals: [],
    operators: { quorum: 1, keys: [{ name: 'operator', key: publicKey }] },
    changes: { tighteningDelayS: 0, looseningDelayS: 1 },
  };
}
