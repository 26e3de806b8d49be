import { decodeEventLog, parseAbi, parseAbiItem, type PublicClient } from 'viem';
import { toHex, uuidBytes, type Hex } from '#base';
import {
  refuse,
  type AnchoredFact,
  type DepositClaim,
  type DepositFact,
  type Refusal,
  type Registration,
  type VaultBits,
  type VaultFacts,
  depositAt,
} from '../core/core.ts';
import { isRefusal, type Look } from './endpoints.ts';

/** Read from the interfaces, not from our build. */
const ANCHORED = parseAbiItem('event Anchored(uint256 indexed index, bytes32 leaf, bytes32 previous, bytes32 commitment)');
const ANCHOR = parseAbi(['function commitment() view returns (bytes32)']);
const VAULT = parseAbi([
  'function anchor() view returns (address)',
  'function book() view returns (bytes16)',
  'function instructionState(bytes32 instruction) view returns (bool opened, uint256 settled, uint256 cancelled)',
]);

/** Blocks a request: what public endpoints allow at least. */
export const STEP = 2_000n;

/** Up to where the log was read: the next look goes on behind it, if it is still there. */
export interface Cursor {
  readonly block: bigint;
  readonly hash: string;
}

export interface LogView {
  readonly events: readonly AnchoredFact[];
  /** keccak(count, peaks) as the contract stores it. */
  readonly commitment: Hex;
  readonly cursor: Cursor;
}

/** What became final of the log since `cursor`. */
export async function readLog(look: Look, { anchor, fromBlock }: Registration, cursor: Cursor | null): Promise<LogView | Refusal> {
  const { final } = look;
  if (cursor !== null) {
    if (cursor.block > final.number && cursor.block - final.number <= look.maxBehindBlocks)
      return refuse('chain-recent', `Block ${cursor.block} was final before, and an endpoint is only at ${final.number} yet`);
    if (cursor.block > final.number) return refuse('chain-not-reorganised', `Block ${cursor.block} was final before, and now ${final.number} is the newest`);
    const there = await look.agreed(`block ${cursor.block}`, async (client) => (await client.getBlock({ blockNumber: cursor.block })).hash);
    if (isRefusal(there)) return there;
    if (there !== cursor.hash) return refuse('chain-not-reorganised', `Block ${cursor.block} was ${cursor.hash} when it was final, and is ${there} now`);
  }
  const events: AnchoredFact[] = [];
  for (let from = cursor === null ? fromBlock : cursor.block + 1n; from <= final.number; from += STEP) {
    const to = from + STEP - 1n < final.number ? from + STEP - 1n : final.number;
    const found = await look.agreed(`the log in blocks ${from} to ${to}`, (client) => anchoredIn(client, anchor, from, to));
    if (isRefusal(found)) return found;
    events.push(...found);
  }
  const commitment = await look.agreed('the commitment', (client) =>
    client.readContract({ abi: ANCHOR, address: anchor, functionName: 'commitment', blockNumber: final.number }),
  );
  if (isRefusal(commitment)) return commitment;
  return { events, commitment, cursor: { block: final.number, hash: final.hash } };
}

async function anchoredIn(client: PublicClient, anchor: Hex, fromBlock: bigint, toBlock: bigint): Promise<AnchoredFact[]> {
  const logs = await client.getLogs({ address: anchor, event: ANCHORED, fromBlock, toBlock });
  const found: AnchoredFact[] = [];
  for (const { topics, data, blockNumber } of logs) {
    const { args } = decodeEventLog({ abi: [ANCHORED], topics, data });
    found.push({ ...args, timestampS: (await client.getBlock({ blockNumber })).timestamp });
  }
  return found;
}

/** Null where the vault is the registered book's and believes the registered log. */
export async function readDeployment(look: Look, { vault, anchor, book }: Registration): Promise<Refusal | null> {
  const at = { abi: VAULT, address: vault, blockNumber: look.final.number } as const;
  const seen = await look.agreed('what the vault serves', async (client) => ({
    anchor: (await client.readContract({ ...at, functionName: 'anchor' })).toLowerCase(),
    book: await client.readContract({ ...at, functionName: 'book' }),
  }));
  if (isRefusal(seen)) return seen;
  if (seen.anchor !== anchor) return refuse('deployment-known', `The vault believes the log ${seen.anchor}, not ${anchor}`);
  return seen.book === toHex(uuidBytes(book)) ? null : refuse('deployment-known', `The vault serves the book ${seen.book}, not ${book}`);
}

type State = readonly [opened: boolean, settled: bigint, cancelled: bigint];

async function readStates(look: Look, vault: Hex, instruction: Hex): Promise<{ readonly final: State; readonly newest: readonly State[] } | Refusal> {
  const call = { abi: VAULT, address: vault, functionName: 'instructionState', args: [instruction] } as const;
  const final = await look.agreed(`instruction ${instruction}`, (client) => client.readContract({ ...call, blockNumber: look.final.number }));
  if (isRefusal(final)) return final;
  const newest = await look.each(`instruction ${instruction}`, (client) => client.readContract({ ...call, blockTag: 'latest' }));
  return isRefusal(newest) ? newest : { final, newest };
}

/**
 * What the vault says of an instruction, finally; and what any endpoint saw be paid since, because that can only refuse. A cancellation counts when it is final: what is cancelled is judged no more, so that
 * one endpoint alone, or a block that does not stay, must not say it.
 */
export async function readVault(look: Look, vault: Hex, instruction: Hex): Promise<VaultFacts | Refusal> {
  const states = await readStates(look, vault, instruction);
  if (isRefusal(states)) return states;
  return [states.final, ...states.newest].reduce<VaultFacts>(
    (seen, [opened, settled]) => ({ ...seen, opened: seen.opened || opened, settled: seen.settled | settled }),
    { opened: false, settled: 0n, cancelled: states.final[2] },
  );
}

/** The bits of an instruction in the final block, and those that any endpoint has in its newest. */
export async function readReleased(look: Look, vault: Hex, instruction: Hex): Promise<{ readonly final: VaultBits; readonly newest: VaultBits } | Refusal> {
  const states = await readStates(look, vault, instruction);
  if (isRefusal(states)) return states;
  const [, settled, cancelled] = states.final;
  const newest = states.newest.reduce((bits, [, , gone]) => bits | gone, cancelled);
  return {
    final: { settled, cancelled, timestampS: look.final.timestampS },
    newest: { settled, cancelled: newest, timestampS: look.newest.timestampS },
  };
}

interface RawReceipt {
  readonly status: string;
  readonly blockNumber: Hex;
  readonly logs: readonly { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex; readonly logIndex: Hex }[];
}

/** The deposit of a final block that the claim is about; null where there is none. */
export async function readDeposit(look: Look, vault: Hex, { transaction, logIndex }: DepositClaim): Promise<DepositFact | null | Refusal> {
  return look.agreed(`transaction ${transaction}`, async (client) => {
    const receipt: RawReceipt | null = await client.request({ method: 'eth_getTransactionReceipt', params: [transaction] });
    if (receipt?.status !== '0x1' || BigInt(receipt.blockNumber) > look.final.number) return null;
    const logs = receipt.logs.map((log) => ({
      address: lower(log.address),
      topics: log.topics.map(lower),
      data: lower(log.data),
      logIndex: Number(log.logIndex),
    }));
    return depositAt(vault, logs, logIndex);
  });
}

function lower(text: string): Hex {
  return text.toLowerCase() as Hex;
}
