import { keccak256, stringToBytes, type PublicClient } from 'viem';
import type { Hex } from '#base';
import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import { SAFE_ABI } from '../abi/safe.ts';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import { TIMELOCK_ABI } from '../abi/timelock.ts';
import { lower } from '../client/logs.ts';
import type { ChainClient, ChainLog } from '../client/types.ts';
import { addressTopic, logsBackwards, topicAddress, topicOf } from './backwards.ts';

const TIMELOCK_ROLES = ['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE', 'DEFAULT_ADMIN_ROLE'] as const;
export type TimelockRole = (typeof TIMELOCK_ROLES)[number];

/** Everything of the Safe that decides who can act through it. Lists are sorted. */
export interface SafeState {
  readonly version: string;
  readonly singleton: Hex;
  readonly owners: readonly Hex[];
  readonly threshold: bigint;
  /** How many of its transactions were executed; the next one has this number. */
  readonly nonce: bigint;
  readonly modules: readonly Hex[];
  readonly guard: Hex;
  readonly moduleGuard: Hex;
  readonly fallbackHandler: Hex;
}

export interface Governance {
  readonly anchor: { readonly owner: Hex; readonly pendingOwner: Hex; readonly guardian: Hex; readonly poster: Hex; readonly paused: boolean };
  readonly vault: {
    readonly owner: Hex;
    readonly pendingOwner: Hex;
    readonly guardian: Hex;
    readonly signer: Hex;
    readonly paused: boolean;
    readonly anchor: Hex;
    /** 16 bytes: the uuid of the book. */
    readonly book: Hex;
  };
  readonly timelockDelayS: bigint;
  /** Whoever has each role of the timelock, sorted; the zero address is everybody. */
  readonly roles: Readonly<Record<TimelockRole, readonly Hex[]>>;
  readonly safe: SafeState;
  /** Acts that were proposed to the timelock and neither executed nor cancelled. */
  readonly openActs: readonly Hex[];
}

interface Contracts {
  readonly safe: Hex;
  readonly timelock: Hex;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly block: { readonly number: bigint };
}

// Of OpenZeppelin's TimelockController; the id of the act is the first topic of each.
const CALL_SCHEDULED = topicOf('CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)');
const CALL_EXECUTED = topicOf('CallExecuted(bytes32,uint256,address,uint256,bytes)');
const CANCELLED = topicOf('Cancelled(bytes32)');
/** Of OpenZeppelin's AccessControl: role, account, sender. */
const ROLE_GRANTED = topicOf('RoleGranted(bytes32,address,address)');

/** All logs of timelock and Safe with one of these first topics since the deployment, in the order of the chain. */
export async function governanceLogs(client: ChainClient, contracts: Contracts, topics: readonly Hex[], block: bigint): Promise<ChainLog[]> {
  const {
    safe,
    timelock,
    block: { number },
  } = contracts;
  const ranges: ChainLog[][] = [];
  for await (const logs of logsBackwards(client, { address: [safe, timelock], topics: [topics] }, number, block)) ranges.push(logs);
  return ranges.toReversed().flat();
}

async function openActs(client: ChainClient, { timelock, block: { number } }: Contracts, block: bigint): Promise<Hex[]> {
  // What was cancelled can be scheduled again under the same id: the last word about each counts.
  const last = new Map<Hex, Hex>();
  for await (const logs of logsBackwards(client, { address: [timelock], topics: [[CALL_SCHEDULED, CALL_EXECUTED, CANCELLED]] }, number, block)) {
    for (const { topics } of logs.toReversed()) if (!last.has(topics[1]!)) last.set(topics[1]!, topics[0]!);
  }
  return [...last].filter(([, topic]) => topic === CALL_SCHEDULED).map(([act]) => act);
}

/** OpenZeppelin AccessControl: the administrator's role is zero, every other the hash of its name. */
export function roleId(role: TimelockRole): Hex {
  return role === 'DEFAULT_ADMIN_ROLE' ? `0x${'00'.repeat(32)}` : keccak256(stringToBytes(role));
}

/** Whoever was ever given a role is in the events; who still has it, the contract says. */
async function readRoles(client: ChainClient, { timelock, block: { number } }: Contracts, block: bigint): Promise<Governance['roles']> {
  const everGiven = new Map<Hex, Set<Hex>>();
  for await (const logs of logsBackwards(client, { address: [timelock], topics: [ROLE_GRANTED] }, number, block)) {
    for (const { topics } of logs) {
      const accounts = everGiven.get(topics[1]!) ?? new Set();
      everGiven.set(topics[1]!, accounts.add(topicAddress(topics[2]!)));
    }
  }
  return client.read('who has the roles of the timelock', async (viem) => {
    const holders: [TimelockRole, Hex[]][] = [];
    for (const role of TIMELOCK_ROLES) {
      const held: Hex[] = [];
      for (const account of everGiven.get(roleId(role)) ?? []) {
        const args = [roleId(role), account] as const;
        if (await viem.readContract({ abi: TIMELOCK_ABI, address: timelock, functionName: 'hasRole', args, blockNumber: block })) held.push(account);
      }
      holders.push([role, held.sort()]);
    }
    return Object.fromEntries(holders) as unknown as Governance['roles'];
  });
}

/** Safe keeps guards and its fallback handler in slots named by a hash, its singleton in the first (Safe 1.5.0, GuardManager.sol, ModuleManager.sol, FallbackManager.sol, SafeStorage.sol). */
const SAFE_SLOTS = {
  singleton: `0x${'00'.repeat(32)}`,
  guard: keccak256(stringToBytes('guard_manager.guard.address')),
  moduleGuard: keccak256(stringToBytes('module_manager.module_guard.address')),
  fallbackHandler: keccak256(stringToBytes('fallback_manager.handler.address')),
} as const;
/** Beginning and end of a linked list of Safe. */
const SENTINEL: Hex = `0x${'1'.padStart(40, '0')}`;
/** More than anybody enables; a Safe of ours has none. */
const MOST_MODULES = 50n;

async function readSafe(viem: PublicClient, address: Hex, block: bigint): Promise<SafeState> {
  const safe = { abi: SAFE_ABI, address, blockNumber: block } as const;
  const slot = async (name: keyof typeof SAFE_SLOTS): Promise<Hex> =>
    topicAddress(lower((await viem.getStorageAt({ address, slot: SAFE_SLOTS[name], blockNumber: block })) ?? addressTopic('0x')));
  const [modules] = await viem.readContract({ ...safe, functionName: 'getModulesPaginated', args: [SENTINEL, MOST_MODULES] });
  return {
    version: await viem.readContract({ ...safe, functionName: 'VERSION' }),
    singleton: await slot('singleton'),
    owners: (await viem.readContract({ ...safe, functionName: 'getOwners' })).map(lower).sort(),
    threshold: await viem.readContract({ ...safe, functionName: 'getThreshold' }),
    nonce: await viem.readContract({ ...safe, functionName: 'nonce' }),
    modules: modules.map(lower).sort(),
    guard: await slot('guard'),
    moduleGuard: await slot('moduleGuard'),
    fallbackHandler: await slot('fallbackHandler'),
  };
}

/** Who governs the contracts, as of a block. */
export async function readGovernance(client: ChainClient, contracts: Contracts, block: bigint): Promise<Governance> {
  const open = await openActs(client, contracts, block);
  const roles = await readRoles(client, contracts, block);
  return client.read('who governs the contracts', async (viem) => {
    const anchor = { abi: LEDGER_ANCHOR_ABI, address: contracts.anchor, blockNumber: block } as const;
    const vault = { abi: SETTLEMENT_VAULT_ABI, address: contracts.vault, blockNumber: block } as const;
    const timelock = { abi: TIMELOCK_ABI, address: contracts.timelock } as const;
    return {
      anchor: {
        owner: lower(await viem.readContract({ ...anchor, functionName: 'owner' })),
        pendingOwner: lower(await viem.readContract({ ...anchor, functionName: 'pendingOwner' })),
        guardian: lower(await viem.readContract({ ...anchor, functionName: 'guardian' })),
        poster: lower(await viem.readContract({ ...anchor, functionName: 'poster' })),
        paused: await viem.readContract({ ...anchor, functionName: 'paused' }),
      },
      vault: {
        owner: lower(await viem.readContract({ ...vault, functionName: 'owner' })),
        pendingOwner: lower(await viem.readContract({ ...vault, functionName: 'pendingOwner' })),
        guardian: lower(await viem.readContract({ ...vault, functionName: 'guardian' })),
        signer: lower(await viem.readContract({ ...vault, functionName: 'signer' })),
        paused: await viem.readContract({ ...vault, functionName: 'paused' }),
        anchor: lower(await viem.readContract({ ...vault, functionName: 'anchor' })),
        book: lower(await viem.readContract({ ...vault, functionName: 'book' })),
      },
      timelockDelayS: await viem.readContract({ ...timelock, functionName: 'getMinDelay', blockNumber: block }),
      roles,
      safe: await readSafe(viem, contracts.safe, block),
      openActs: open,
    };
  });
}
