import { join } from 'node:path';
import { Problem, type BookId, type Clock, type Hex, type MerchantId, type RandomBytes } from '#base';
import type { Deployment } from '#chain';
import { openSigners, type Custody, type PageSource, type ThresholdEvent } from '#custody';
import { nodeUsers, openColocated, type NodeEvent } from '#mpc/node/colocated';
import type { PlatformEvent } from './main.ts';

/** The only chain whose money is worth nothing by agreement. */
const LOCAL_CHAIN_ID = 31337n;

/** What the operators of the nodes know from elsewhere than the platform, in a rehearsal. */
export interface SignersWanted {
  /** Keys of the merchants, as they told the operators themselves. */
  readonly merchants: ReadonlyMap<MerchantId, Hex>;
  /** Around which no quote is worth more or less than a band; a source of rates that is not the platform's. */
  readonly rates: { readonly pivot: string; readonly rates: Readonly<Record<string, string>> };
  /** Also on a chain that is not a local one. */
  readonly force: boolean;
}

export interface SignersWorld {
  readonly stateDir: string;
  readonly chainId: bigint;
  /** The book that the nodes replay. */
  readonly source: PageSource;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onEvent: (event: PlatformEvent) => void;
  /** Ends the start before the next ceremony. */
  readonly signal: AbortSignal | undefined;
}

export interface Appointed {
  readonly deployment: Deployment;
  readonly owner: Hex;
  readonly book: BookId;
  readonly rpcUrl: string;
  /** Minor units, by symbol. */
  readonly caps: ReadonlyMap<string, { readonly perTransaction: bigint; readonly perDay: bigint }>;
}

/** Who holds a platform's keys. */
export interface Signers {
  readonly custody: Custody;
  /** Before this the nodes sign nothing but test signatures. */
  appoint(appointed: Appointed): Promise<void>;
  /** Of the processes that are ours. */
  pids(): readonly number[];
  stop(): Promise<void>;
}

export type OpenSigners = (world: SignersWorld) => Promise<Signers>;

/** Three signer nodes on this machine, and the client in front of them. custody/rehearsal-elsewhere on any chain but the local one, unless forced. */
export function signerNodes(wanted: SignersWanted): OpenSigners {
  return (world) => start(wanted, world);
}

/** custody/rehearsal-elsewhere: asked before anything is made for a chain whose signers must not share a machine. */
export function requireRehearsalChain(chainId: bigint, force: boolean): void {
  if (chainId !== LOCAL_CHAIN_ID && !force)
    throw new Problem(
      'custody/rehearsal-elsewhere',
      `Chain ${chainId} is not the local chain ${LOCAL_CHAIN_ID}, and the signer nodes would share one machine.`,
    );
}

async function start(
  { merchants, rates, force }: SignersWanted,
  { stateDir, chainId, source, clock, random, onEvent, signal }: SignersWorld,
): Promise<Signers> {
  requireRehearsalChain(chainId, force);
  const folder = join(stateDir, 'signers');
  const warn = (text: string): void => onEvent({ kind: 'warning', text });
  warn(
    `The three signer nodes share this machine${nodeUsers() ? ', its root' : ', this user'} and this disk: a rehearsal. Whoever takes the machine has all three shares; real nodes stand apart.`,
  );
  const step = (text: string): void => onEvent({ kind: 'step', text });
  const colocated = await openColocated({ folder, random, onStep: step, onEvent: (event) => warn(nodeText(event)), ...(signal && { signal }) });
  try {
    const custody = await openSigners({ folder, source, clock, random, onEvent: onceARefusal((event) => tellOf(event, step, warn)) });
    return {
      custody,
      appoint: ({ deployment, owner, book, rpcUrl, caps }) => {
        const { anchor, vault, timelock, safe, block, tokens } = deployment;
        const limited = tokens.map(({ symbol, address }) => ({ token: address, ...caps.get(symbol)! }));
        return colocated.appoint({ chainId, anchor, vault, timelock, safe, owner, book, fromBlock: block.number, rpcUrl, tokens: limited, merchants, rates });
      },
      pids: () => colocated.pids(),
      stop: async () => {
        custody.close();
        await colocated.stop();
      },
    };
  } catch (error) {
    await colocated.stop();
    throw error;
  }
}

function nodeText(event: NodeEvent): string {
  switch (event.kind) {
    case 'orphan-stopped':
      return `signer node ${event.party} was still running for an earlier start that was killed, and is stopped`;
    case 'restarted':
      return `signer node ${event.party} ended and was started again`;
    case 'lost':
      return `signer node ${event.party} ended and is not started again: ${event.log} has the reason`;
  }
}

/** A node is brought the book at every attempt, and refuses it as often. */
function onceARefusal(tell: (event: ThresholdEvent) => void): (event: ThresholdEvent) => void {
  const told = new Set<string>();
  return (event) => {
    const name = event.kind === 'feed-refused' ? `${event.node} ${event.reason}` : undefined;
    if (name !== undefined && told.has(name)) return;
    if (name !== undefined) told.add(name);
    tell(event);
  };
}

function tellOf(event: ThresholdEvent, step: (text: string) => void, warn: (text: string) => void): void {
  switch (event.kind) {
    case 'waiting':
      return warn(`too few signer nodes can be reached, and ${event.needed} must sign: everything waits for them, and nothing is lost`);
    case 'going-on':
      return step('enough signer nodes are back: it goes on');
    case 'feed-refused':
      return warn(`signer node ${event.node} does not believe the book (${event.rule}): ${event.reason}`);
    case 'attempt-failed':
      return;
  }
}
