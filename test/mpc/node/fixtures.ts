import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { toHex, type Hex } from '#base';
import {
  keyFileProvider,
  NodeStore,
  parsePolicy,
  policyHash,
  type EpochRef,
  type Facts,
  type Head,
  type NewEpoch,
  type OpenOptions,
  type Policy,
  type SigningSession,
} from '#mpc/node';

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** The same byte so many times. */
export function bytes(value: number, length: number): Hex {
  return `0x${value.toString(16).padStart(2, '0').repeat(length)}`;
}

export const CHAIN = 31337n;
export const VAULT = bytes(0xa1, 20);
export const ANCHOR = bytes(0xa2, 20);
export const SAFE = bytes(0xa3, 20);
export const TIMELOCK = bytes(0xa4, 20);
export const TOKEN = bytes(0xb1, 20);
export const PAYEE = bytes(0xc1, 20);
export const TEST_DIGEST = bytes(0x7e, 32);
export const NOW_MS = Date.UTC(2026, 0, 7, 12);
export const DAY_MS = 86_400_000;

/** ed25519 keys of three operators and three approvers, the same in every run. */
const SECRETS: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
  ['op1', 'op2', 'op3', 'ann', 'ben', 'eve'].map((name, i) => [name, new Uint8Array(32).fill(i + 1)]),
);
export const publicKey = (name: string): Hex => toHex(ed25519.getPublicKey(SECRETS[name]!));
export const signAs = (name: string, message: Uint8Array): Hex => toHex(ed25519.sign(message, SECRETS[name]!));

/** A policy file as an operator writes it: loose enough for what most tests do not ask about. */
export function policyJson() {
  return {
    format: 'cairn-node-policy/1',
    version: 1,
    stop: 'nothing',
    clock: { backwardsS: 5, witnessS: null as number | null },
    kinds: ['anchor', 'cancel', 'governance', 'instruction', 'timelockCancel'] as string[],
    chains: [
      {
        chainId: String(CHAIN),
        anchors: [ANCHOR],
        vaults: [VAULT],
        safes: [SAFE],
        timelocks: [TIMELOCK],
        tokens: [{ token: TOKEN, perTransaction: '1000', perDay: '2000', perPayeePerDay: '1500' }],
      },
    ],
    payees: { registered: true, only: null as Hex[] | null },
    hours: [] as { kinds: string[]; days: number[]; from: string; to: string }[],
    approvers: [
      { name: 'ann', scheme: 'ed25519', key: publicKey('ann') },
      { name: 'ben', scheme: 'ed25519', key: publicKey('ben') },
    ] as { name: string; scheme: string; key: Hex }[],
    approvals: [] as { kinds: string[]; token: Hex | null; from: string; required: number; approvers: string[]; longestLifeS: number }[],
    operators: { quorum: 2, keys: ['op1', 'op2', 'op3'].map((name) => ({ name, key: publicKey(name) })) },
    changes: { tighteningDelayS: 3600, looseningDelayS: 172_800 },
  };
}

export type PolicyJson = ReturnType<typeof policyJson>;

/** That policy, changed as told. */
export function policyWith(change: (json: PolicyJson) => void = () => undefined): Policy {
  const json = policyJson();
  change(json);
  return parsePolicy(json);
}

export function factsWith(changes: Partial<Facts> = {}): Facts {
  return {
    kind: 'instruction',
    chainId: CHAIN,
    contracts: [{ role: 'vault', address: VAULT }],
    payments: [{ token: TOKEN, payee: PAYEE, amount: 100n, registered: true }],
    digest: bytes(0x0d, 32),
    requestId: 'request-1',
    requester: 'api',
    ...changes,
  };
}

export interface Home {
  readonly folder: string;
  readonly options: OpenOptions;
  /** A copy of the whole folder, as a snapshot would be. */
  snapshot(): string;
  /** Puts a snapshot back. */
  rollBack(snapshot: string): void;
}

const homes: string[] = [];

/** An empty store of node n1 in a folder of its own. `clearHomes` removes them all. */
export async function home(node = 'n1', policy = policyWith()): Promise<Home> {
  const root = emptyFolder();
  const options = optionsIn(root, node);
  await NodeStore.create(options, policy, NOW_MS);
  let snapshots = 0;
  return {
    folder: options.folder,
    options,
    snapshot() {
      const copy = join(root, `snapshot-${++snapshots}`);
      cpSync(options.folder, copy, { recursive: true });
      return copy;
    },
    rollBack(snapshot) {
      rmSync(options.folder, { recursive: true });
      cpSync(snapshot, options.folder, { recursive: true });
    },
  };
}

export function emptyFolder(): string {
  const root = mkdtempSync(join(tmpdir(), 'cairn-node-'));
  homes.push(root);
  return root;
}

/** The store of a root that `home` or a child made, opened by the key file beside it. */
export function optionsIn(root: string, node = 'n1'): OpenOptions {
  const key = join(root, 'store.key');
  writeFileSync(key, `${bytes(0x5a, 32)}\n`);
  chmodSync(key, 0o600);
  return {
    folder: join(root, 'data'),
    node,
    provider: keyFileProvider(key),
    random,
    isConfirmation: (_record, { party, signature }) => signature === bytes(party, 64),
    isTestDigest: (_record, _peers, digest) => digest === TEST_DIGEST,
  };
}

export function clearHomes(): void {
  for (const root of homes.splice(0)) rmSync(root, { recursive: true, force: true });
}

export function epoch(number: number, keyId = 'vault'): NewEpoch {
  return {
    ...refOf(number, keyId),
    epoch: number,
    parties: [1, 2, 3],
    data: { X: bytes(number, 33) },
    share: new Uint8Array(64).fill(0x40 + number),
    pairs: [2, 3].map((peer) => ({ peer, generation: 1, setupId: bytes(0x10 + peer, 32), secrets: new Uint8Array(5000).fill(0x60 + 10 * number + peer) })),
    backup: new Uint8Array(80).fill(0x80 + number),
  };
}

export function refOf(number: number, keyId = 'vault'): EpochRef {
  return { keyId, epochId: bytes(0xe0 + number, 32) };
}

export const bundle = [1, 2, 3].map((party) => ({ party, signature: bytes(party, 64) }));

/** Epoch 1 from the ceremony to ACTIVE. */
export async function activate(store: NodeStore, number = 1): Promise<void> {
  await store.putPending(epoch(number), NOW_MS);
  await store.confirm(refOf(number), bytes(1, 64), NOW_MS);
  await store.promote(refOf(number), bundle, NOW_MS);
}

export const NO_AUDIT: Head = { seq: 0, hash: bytes(0, 32) };

export function session(store: NodeStore, sid: number, changes: Partial<Facts> = {}): SigningSession {
  const facts = factsWith({ digest: bytes(sid, 32), requestId: `request-${sid}`, ...changes });
  return {
    ...refOf(1),
    sid: bytes(sid, 32),
    peers: [2],
    audit: NO_AUDIT,
    facts,
    approvals: [],
    intent: { kind: 'instruction', sid },
    policyHash: policyHash(store.policy.inForce),
  };
}

export function identity(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  return generateKeyPairSync('ed25519');
}
