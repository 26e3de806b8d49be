import { createPublicClient, http, type PublicClient } from 'viem';
import type { Hex, TimeMs } from '#base';
import { refuse, type Refusal } from '../core/core.ts';

/** Which block can be built upon for good: what an endpoint calls so, or so many blocks under its newest. */
export type NodeFinality = { readonly kind: 'tag'; readonly tag: 'finalized' | 'safe' | 'latest' } | { readonly kind: 'depth'; readonly blocks: number };

/** The node's own view of the chain: endpoints that its operator chose, asked all at once and compared. */
export interface ChainOptions {
  readonly urls: readonly string[];
  readonly finality: NodeFinality;
  /** So many have to answer; all of them unless said. Those that do must agree, whatever this is. */
  readonly needed?: number;
  /** How many blocks one may be behind another, and how old the newest block may be by the node's clock (null on a chain that mines only when it has to). */
  readonly maxBehindBlocks: number;
  readonly maxBehindMs: TimeMs | null;
  readonly timeoutMs: number;
}

export interface BlockFact {
  readonly number: bigint;
  readonly hash: string;
  readonly timestampS: bigint;
  /** Wei; 0 on a chain that has none. */
  readonly baseFeePerGas: bigint;
}

/** One look at the chain: everything in it is read at the same final block of every endpoint that answers. */
export interface Look {
  readonly final: BlockFact;
  /** The newest block of any endpoint: its number and its clock. */
  readonly newest: { readonly number: bigint; readonly timestampS: bigint };
  /** How far one of them may be behind another. */
  readonly maxBehindBlocks: bigint;
  /** What all of them answer alike; a refusal where they do not. */
  agreed<T>(what: string, read: (client: PublicClient) => Promise<T>): Promise<T | Refusal>;
  /** What each of them answers, for what differs by the moment. */
  each<T>(what: string, read: (client: PublicClient) => Promise<T>): Promise<readonly T[] | Refusal>;
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && (value as { readonly ok?: unknown }).ok === false && 'rule' in value;
}

interface Endpoint {
  readonly host: string;
  readonly client: PublicClient;
}

interface Heads {
  readonly endpoint: Endpoint;
  readonly finalNumber: bigint;
  readonly newest: BlockFact;
}

/** Looks at the chain through the endpoints of `options`. */
export class Endpoints {
  readonly #options: ChainOptions;
  readonly #chainId: bigint;
  readonly #endpoints: readonly Endpoint[];

  constructor(options: ChainOptions, chainId: bigint) {
    this.#options = options;
    this.#chainId = chainId;
    this.#endpoints = options.urls.map((url) => {
      const transport = http(url, { timeout: options.timeoutMs, retryCount: 1 });
      // A key in the path or the query of an address is a secret: only the host is ever shown.
      return { host: URL.canParse(url) ? new URL(url).host : 'an address that is none', client: createPublicClient({ transport, cacheTime: 0 }) };
    });
  }

  async look(nowMs: TimeMs): Promise<Look | Refusal> {
    const needed = this.#options.needed ?? this.#endpoints.length;
    const answers = await Promise.all(this.#endpoints.map((endpoint) => this.#heads(endpoint)));
    const heads = answers.filter((answer): answer is Heads => typeof answer !== 'string');
    const failed = answers.filter((answer) => typeof answer === 'string');
    if (heads.length < needed || heads.length === 0)
      return refuse('chain-answers', `${heads.length} of ${needed} endpoints answer: ${failed.join(', ') || 'none is configured'}`);
    const finals = heads.map(({ finalNumber }) => finalNumber);
    const [lowest, highest] = [least(finals), most(finals)];
    if (highest - lowest > BigInt(this.#options.maxBehindBlocks))
      return refuse('chain-recent', `One endpoint is at final block ${lowest}, another at ${highest}`);
    const newest = heads.map((head) => head.newest);
    const oldest = newest.reduce((a, b) => (a.timestampS < b.timestampS ? a : b));
    const { maxBehindMs } = this.#options;
    if (maxBehindMs !== null && nowMs - Number(oldest.timestampS) * 1000 > maxBehindMs)
      return refuse(
        'chain-recent',
        `The newest block of an endpoint, ${oldest.number}, is of ${oldest.timestampS} (seconds since 1970), and it is ${Math.floor(nowMs / 1000)}`,
      );
    const asked = heads.map(({ endpoint }) => endpoint);
    const final = await agreed(asked, `block ${lowest}`, async (client) => blockFact(await client.getBlock({ blockNumber: lowest })));
    if (isRefusal(final)) return final;
    return {
      final,
      newest: { number: most(newest.map(({ number }) => number)), timestampS: most(newest.map(({ timestampS }) => timestampS)) },
      maxBehindBlocks: BigInt(this.#options.maxBehindBlocks),
      agreed: (what, read) => agreed(asked, what, read),
      each: (what, read) => each(asked, what, read),
    };
  }

  /** Hands a signed transaction to all of them: what each objects to, by its host; null where it took it. */
  async send(raw: Hex): Promise<ReadonlyMap<string, string | null>> {
    const answers = await Promise.all(
      this.#endpoints.map(({ client, host }) =>
        client.sendRawTransaction({ serializedTransaction: raw }).then(
          (): [string, null] => [host, null],
          (error: unknown): [string, string] => [host, whyNotTaken(error)],
        ),
      ),
    );
    return new Map(answers);
  }

  async #heads(endpoint: Endpoint): Promise<Heads | string> {
    const { client, host } = endpoint;
    try {
      const chainId = BigInt(await client.getChainId());
      if (chainId !== this.#chainId) return `${host} serves chain ${chainId}`;
      const newest = blockFact(await client.getBlock({ blockTag: 'latest' }));
      const { finality } = this.#options;
      if (finality.kind === 'tag') return { endpoint, newest, finalNumber: blockFact(await client.getBlock({ blockTag: finality.tag })).number };
      const depth = BigInt(finality.blocks);
      return { endpoint, newest, finalNumber: newest.number > depth ? newest.number - depth : 0n };
    } catch (error) {
      return `${host} (${why(error)})`;
    }
  }
}

function blockFact(block: {
  readonly number: bigint | null;
  readonly hash: string | null;
  readonly timestamp: bigint;
  readonly baseFeePerGas: bigint | null;
}): BlockFact {
  return { number: block.number ?? 0n, hash: block.hash ?? '0x', timestampS: block.timestamp, baseFeePerGas: block.baseFeePerGas ?? 0n };
}

function why(error: unknown): string {
  const { shortMessage, message } = error as { readonly shortMessage?: string; readonly message?: string };
  return (shortMessage ?? message ?? 'it failed').split('\n')[0]!.slice(0, 120);
}

/** viem's own words are of the request; what the endpoint said stands in `details`. */
function whyNotTaken(error: unknown): string {
  const { details } = error as { readonly details?: unknown };
  return typeof details === 'string' && details !== '' ? details.split('\n')[0]!.slice(0, 120) : why(error);
}

function least(numbers: readonly bigint[]): bigint {
  return numbers.reduce((a, b) => (a < b ? a : b));
}

function most(numbers: readonly bigint[]): bigint {
  return numbers.reduce((a, b) => (a > b ? a : b));
}

async function each<T>(endpoints: readonly Endpoint[], what: string, read: (client: PublicClient) => Promise<T>): Promise<readonly T[] | Refusal> {
  const answers = await Promise.all(
    endpoints.map(({ client, host }) =>
      read(client).then(
        (value) => ({ value }),
        (error: unknown) => refuse('chain-answers', `${host} does not tell ${what}: ${why(error)}`),
      ),
    ),
  );
  const failed = answers.find(isRefusal);
  return failed ?? answers.map((answer) => (answer as { readonly value: T }).value);
}

async function agreed<T>(endpoints: readonly Endpoint[], what: string, read: (client: PublicClient) => Promise<T>): Promise<T | Refusal> {
  const answers = await each(endpoints, what, read);
  if (isRefusal(answers)) return answers;
  const spellings = answers.map((answer) => JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)));
  const other = spellings.findIndex((spelling) => spelling !== spellings[0]);
  if (other < 0) return answers[0]!;
  return refuse('chain-agrees', `${endpoints[0]!.host} and ${endpoints[other]!.host} contradict each other about ${what}`);
}
