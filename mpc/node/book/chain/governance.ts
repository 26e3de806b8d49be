import { parseAbi, type PublicClient } from 'viem';
import type { Hex } from '#base';
import { GOVERNANCE_TOPICS, type GovernanceLog, type TimelockOperation } from '#governance/core';
import { refuse, type Refusal, type Registration } from '../core/core.ts';
import type { GovernanceView } from '../governance.ts';
import { isRefusal, type Look } from './endpoints.ts';
import { STEP, type Cursor } from './reads.ts';

const TIMELOCK = parseAbi(['function getTimestamp(bytes32 id) view returns (uint256)']);

/** What `getTimestamp` gives for what is done (TimelockController, _DONE_TIMESTAMP); 0 for what is not there. */
const DONE = 1n;
/** Operations that one question is about: an attacker may have scheduled thousands. */
const AT_ONCE = 32;

/** The governance of one deployment as it is finally, looked at again and again: each look reads what became final since the last one. One look at a time. */
export class GovernanceReader {
  readonly #registration: Registration;
  #cursor: Cursor | null = null;
  #logs: GovernanceLog[] = [];
  #queue: Promise<unknown> = Promise.resolve();

  constructor(registration: Registration) {
    this.#registration = registration;
  }

  /** Every log of timelock and Safe since the deployment, in the order of the chain, and what the owner's account has sent and has. */
  read(look: Look): Promise<GovernanceView | Refusal> {
    const result = this.#queue.then(() => this.#read(look));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #read(look: Look): Promise<GovernanceView | Refusal> {
    const { timelock, safe, owner, fromBlock } = this.#registration;
    const { final } = look;
    const stale = await this.#follow(look);
    if (stale) return stale;
    const logs: GovernanceLog[] = [];
    for (let from = this.#cursor === null ? fromBlock : this.#cursor.block + 1n; from <= final.number; from += STEP) {
      const to = from + STEP - 1n < final.number ? from + STEP - 1n : final.number;
      const found = await look.agreed(`the timelock in blocks ${from} to ${to}`, (client) => governanceLogs(client, [timelock, safe], from, to));
      if (isRefusal(found)) return found;
      logs.push(...found);
    }
    this.#logs = [...this.#logs, ...logs];
    this.#cursor = { block: final.number, hash: final.hash };
    const nonce = await look.agreed('the transactions of the owner', (client) => client.getTransactionCount({ address: owner, blockTag: 'latest' }));
    if (isRefusal(nonce)) return nonce;
    const balance = await look.agreed('the coin of the owner', (client) => client.getBalance({ address: owner, blockNumber: final.number }));
    if (isRefusal(balance)) return balance;
    return {
      logs: this.#logs,
      account: { nonce: BigInt(nonce), balance },
      baseFeePerGas: final.baseFeePerGas,
      newestS: look.newest.timestampS,
      witnessedMs: Number(final.timestampS) * 1000,
    };
  }

  /** Whether what was read before still is the beginning. A chain that was reorganised under a final block is read anew: nothing of this is kept anywhere. */
  async #follow(look: Look): Promise<Refusal | null> {
    const cursor = this.#cursor;
    if (cursor === null) return null;
    // Another endpoint that is a little behind answers this time, or the chain lost blocks and grows again: which of them, shows at the same height.
    if (cursor.block > look.final.number) return refuse('chain-recent', `Block ${cursor.block} was final before, and now ${look.final.number} is the newest`);
    const there = await look.agreed(`block ${cursor.block}`, async (client) => (await client.getBlock({ blockNumber: cursor.block })).hash);
    if (isRefusal(there)) return there;
    if (there !== cursor.hash) [this.#cursor, this.#logs] = [null, []];
    return null;
  }
}

/** When each of these pending operations can be executed, seconds of the chain's clock, by the final block; and whether any endpoint still has it waiting in its newest block. */
export async function readDue(
  look: Look,
  { timelock }: Registration,
  pending: readonly TimelockOperation[],
): Promise<readonly { readonly dueS: bigint; readonly isOpen: boolean }[] | Refusal> {
  const found: { readonly dueS: bigint; readonly isOpen: boolean }[] = [];
  for (let i = 0; i < pending.length; i += AT_ONCE) {
    const ids = pending.slice(i, i + AT_ONCE).map(({ id }) => id);
    const at = (client: PublicClient, block: { readonly blockNumber: bigint } | { readonly blockTag: 'latest' }) =>
      Promise.all(ids.map((id) => client.readContract({ abi: TIMELOCK, address: timelock, functionName: 'getTimestamp', args: [id], ...block })));
    const due = await look.agreed('when operations are due', (client) => at(client, { blockNumber: look.final.number }));
    if (isRefusal(due)) return due;
    const newest = await look.each('when operations are due', (client) => at(client, { blockTag: 'latest' }));
    if (isRefusal(newest)) return newest;
    found.push(...due.map((dueS, k) => ({ dueS, isOpen: newest.some((one) => one[k]! > DONE) })));
  }
  return found;
}

async function governanceLogs(client: PublicClient, address: readonly Hex[], from: bigint, to: bigint): Promise<GovernanceLog[]> {
  const range = { fromBlock: hex(from), toBlock: hex(to) };
  const logs = await client.request({ method: 'eth_getLogs', params: [{ address: [...address], topics: [[...GOVERNANCE_TOPICS]], ...range }] });
  return logs
    .toSorted((a, b) => Number(BigInt(a.blockNumber ?? 0) - BigInt(b.blockNumber ?? 0)) || Number(BigInt(a.logIndex ?? 0) - BigInt(b.logIndex ?? 0)))
    .map((log) => ({
      address: lower(log.address),
      topics: log.topics.map(lower),
      data: lower(log.data),
      transactionHash: lower(log.transactionHash ?? '0x'),
    }));
}

function hex(number: bigint): Hex {
  return `0x${number.toString(16)}`;
}

function lower(text: string): Hex {
  return text.toLowerCase() as Hex;
}
