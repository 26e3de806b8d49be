import { Problem, systemClock, type Clock, type Hex } from '#base';
import type { Database } from '#db';
import type { ChainClient, ChainLog } from '../client/types.ts';
import type { Deployment } from '../deploy/types.ts';
import { addressTopic, BLOCKS_A_REQUEST, logsOf } from '../reads/backwards.ts';
import { receiptOf } from '../outbox/observe.ts';
import { DEPOSITED, matchDeposits, TOKEN_LISTED, TRANSFER } from './match.ts';
import { DepositStore, type Cursor } from './store.ts';
import type { Deposit, DepositChange, DepositScanner, ScanReport } from './types.ts';

export interface DepositScannerOptions {
  readonly database: Database;
  readonly client: ChainClient;
  readonly deployment: Pick<Deployment, 'vault' | 'tokens' | 'block'>;
  /** When changes are noted; the system's unless said. */
  readonly clock?: Clock;
}

export function createDepositScanner(options: DepositScannerOptions): DepositScanner {
  const { client, deployment, clock = systemClock } = options;
  const { vault } = deployment;
  const tokens = deployment.tokens.map(({ address }) => address);
  const store = new DepositStore(options.database, client.chainId, vault);

  async function depositsOf(from: bigint, to: bigint): Promise<Deposit[]> {
    const incoming = await logsOf(client, { address: tokens, topics: [TRANSFER, null, addressTopic(vault)] }, from, to);
    const own = await logsOf(client, { address: [vault], topics: [[DEPOSITED, TOKEN_LISTED]] }, from, to);
    const listings = new Set(own.filter(({ topics }) => topics[0] === TOKEN_LISTED).map(({ transactionHash }) => transactionHash));
    const beside: ChainLog[] = [];
    for (const hash of listings)
      beside.push(...((await receiptOf(client, hash))?.logs ?? []).filter((log) => isOutgoing(log, tokens, vault) || isOther(log, vault)));
    return matchDeposits(client.chainId, vault, [...incoming, ...own, ...beside].sort(inOrder));
  }

  /** Behind a final block that stands still there can be more blocks than an endpoint tells of at once. */
  async function depositsInRanges(from: bigint, to: bigint): Promise<Deposit[]> {
    const deposits: Deposit[] = [];
    for (let next = from; next <= to; next += BLOCKS_A_REQUEST) {
      const last = next + BLOCKS_A_REQUEST - 1n;
      deposits.push(...(await depositsOf(next, last < to ? last : to)));
    }
    return deposits;
  }

  /** Reads the range between two looks at its last block, so that a node which changed its mind in between is asked again later. */
  async function depositsOfFinal(from: bigint, to: bigint): Promise<{ deposits: Deposit[]; cursor: Cursor }> {
    const before = await client.block(to);
    const deposits = await depositsOf(from, to);
    const after = await client.block(to);
    if (before.hash !== after.hash) throw replaced(to);
    return { deposits, cursor: { block: to, blockHash: after.hash } };
  }

  async function resume(final: bigint): Promise<bigint> {
    const cursor = await store.cursor();
    if (!cursor) return deployment.block.number;
    if (cursor.block <= final && (await client.block(cursor.block)).hash !== cursor.blockHash) throw replaced(cursor.block);
    return cursor.block + 1n;
  }

  async function scan(credit: (deposit: Deposit) => Promise<void>): Promise<ScanReport> {
    const final = await client.finalBlock();
    const changes: DepositChange[] = [];
    let next = await resume(final);
    while (next <= final) {
      const last = next + BLOCKS_A_REQUEST - 1n;
      const { deposits, cursor } = await depositsOfFinal(next, last < final ? last : final);
      for (const deposit of deposits) await credit(deposit);
      changes.push(...(await store.final(deposits, cursor, clock.nowMs())));
      next = cursor.block + 1n;
    }
    changes.push(...(await look(next)));
    return { scannedTo: next - 1n, changes };
  }

  /** Brings the view behind the final block up to date. What a reorganisation in the middle leaves wrong here, the next look puts right. */
  async function look(from: bigint): Promise<DepositChange[]> {
    const { number: head } = await client.head();
    const shown = await depositsInRanges(from, head).catch(unlessTorn);
    if (!shown) return [];
    const still = new Set(shown.map(({ digest }) => digest));
    const vanished = (await store.seen()).filter(({ digest }) => !still.has(digest));
    return store.view(shown, vanished, clock.nowMs());
  }

  return { scan, pending: () => store.seen(), plain: (from, after, limit) => store.plain(from, after, limit) };
}

function replaced(block: bigint): Problem {
  return new Problem('chain/reorganised-final-block', `Block ${block} counted as final and is another one now.`, { block: String(block) });
}

/** The token's logs and the vault's are asked for one after the other: behind the final block a reorganisation in between can leave one without the other. */
function unlessTorn(error: unknown): undefined {
  if (error instanceof Problem && error.code === 'chain/deposit-unmatched') return undefined;
  throw error;
}

function isOutgoing(log: ChainLog, tokens: readonly Hex[], vault: Hex): boolean {
  return tokens.includes(log.address) && log.topics[0] === TRANSFER && log.topics[1] === addressTopic(vault);
}

/** What the vault says and `own` has not: it tells a payout from the way back of a probe. */
function isOther(log: ChainLog, vault: Hex): boolean {
  return log.address === vault && log.topics[0] !== DEPOSITED && log.topics[0] !== TOKEN_LISTED;
}

function inOrder(a: ChainLog, b: ChainLog): number {
  return a.blockNumber === b.blockNumber ? a.logIndex - b.logIndex : a.blockNumber < b.blockNumber ? -1 : 1;
}
