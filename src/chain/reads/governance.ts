import { keccak256, stringToBytes } from 'viem';
import type { Hex } from '#base';
import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import { TIMELOCK_ABI } from '../abi/timelock.ts';
import { lower } from '../client/logs.ts';
import type { ChainClient } from '../client/types.ts';
import { logsBackwards, topicOf } from './backwards.ts';

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
  /** Acts that were proposed to the timelock and neither executed nor cancelled. */
  readonly openActs: readonly Hex[];
}

interface Contracts {
  readonly timelock: Hex;
  readonly anchor: Hex;
  readonly vault: Hex;
  readonly block: { readonly number: bigint };
}

// Of OpenZeppelin's TimelockController; the id of the act is the first topic of each.
const CALL_SCHEDULED = topicOf('CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)');
const CALL_EXECUTED = topicOf('CallExecuted(bytes32,uint256,address,uint256,bytes)');
const CANCELLED = topicOf('Cancelled(bytes32)');

async function openActs(client: ChainClient, { timelock, block: { number } }: Contracts, block: bigint): Promise<Hex[]> {
  const scheduled = new Set<Hex>();
  const ended = new Set<Hex>();
  for await (const logs of logsBackwards(client, { address: [timelock], topics: [[CALL_SCHEDULED, CALL_EXECUTED, CANCELLED]] }, number, block)) {
    for (const { topics } of logs) (topics[0] === CALL_SCHEDULED ? scheduled : ended).add(topics[1]!);
  }
  return [...scheduled].filter((act) => !ended.has(act));
}

/** Who governs the contracts, as of a block. */
export async function readGovernance(client: ChainClient, contracts: Contracts, block: bigint): Promise<Governance> {
  const open = await openActs(client, contracts, block);
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
      openActs: open,
    };
  });
}

const TIMELOCK_ROLES = ['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE', 'DEFAULT_ADMIN_ROLE'] as const;
export type TimelockRole = (typeof TIMELOCK_ROLES)[number];

/** The roles an account has in the timelock, as of a block. */
export async function rolesOf(client: ChainClient, timelock: Hex, account: Hex, block: bigint): Promise<TimelockRole[]> {
  return client.read(`the roles of ${account}`, async (viem) => {
    const held: TimelockRole[] = [];
    for (const role of TIMELOCK_ROLES) {
      // OpenZeppelin AccessControl: the administrator's role is zero, every other the hash of its name.
      const id: Hex = role === 'DEFAULT_ADMIN_ROLE' ? `0x${'00'.repeat(32)}` : keccak256(stringToBytes(role));
      if (await viem.readContract({ abi: TIMELOCK_ABI, address: timelock, functionName: 'hasRole', args: [id, account], blockNumber: block })) held.push(role);
    }
    return held;
  });
}
