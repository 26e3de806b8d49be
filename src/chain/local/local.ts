import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, Problem, systemClock, type Clock } from '#base';
import { acquireLock, fileProblem, findFreePort, isAlive, isPortFree, writeFileDurably, type Lock, type ProcessIdentity } from '#supervisor';
import { loadDump, saveDump, takeDump } from './dumps.ts';
import { mindNode, type LocalChainEvent } from './minder.ts';
import { endNode, launchNode, LOCAL_CHAIN_ID, rpcUrlOf, type Node } from './node.ts';
import { jsonRpc } from './rpc.ts';

export type { LocalChainEvent } from './minder.ts';

export interface LocalChainOptions {
  /** Holds the dumps, the log and chain.json (port and process). */
  readonly stateDir: string;
  /** This port or none; without it a free one is found, kept over restarts while it is free. */
  readonly port?: number;
  /** Block timestamps follow it. */
  readonly clock?: Clock;
  readonly onEvent?: (event: LocalChainEvent) => void;
}

/** A supervised chain on this machine whose blocks survive SIGKILL of us and of the node, once they are final. */
export interface LocalChain {
  readonly rpcUrl: string;
  readonly chainId: typeof LOCAL_CHAIN_ID;
  /** The last block that is in a dump on the disk: only those are final, because only those come back after a SIGKILL. */
  finalBlock(): bigint;
  /** Mines empty blocks (transactions are mined by themselves as they come) and returns the final block after them: for those who wait for time to pass on the chain. */
  mine(blocks: number): Promise<bigint>;
  /** Sets the balance of an account, in wei. */
  fund(address: string, wei: bigint): Promise<void>;
  /** Dumps now; returns the final block. */
  checkpoint(): Promise<bigint>;
  /** Of the node, which changes when it had to be started again. */
  pid(): number;
  /** Dumps, and ends the node. Nothing runs when this returns. */
  stop(): Promise<void>;
}

/** chain.json: what the next start needs of this one. */
interface Remembered {
  readonly port: number;
  readonly node?: ProcessIdentity;
}

/** Starts the chain of `stateDir`, or goes on with it: from the node that was left running, or from its newest dump. */
export async function startLocalChain(options: LocalChainOptions): Promise<LocalChain> {
  const { stateDir, clock = systemClock, onEvent = () => undefined } = options;
  const lock = takeLock(stateDir);
  try {
    const remembered = recall(stateDir);
    await stopOrphan(stateDir, remembered, onEvent);
    const port = await settlePort(remembered, options.port);
    const launch = () => launchFromDump(stateDir, port, onEvent);
    const node = await launch();
    // A new chain is dumped at once: its first block names it, and must not be another one after a crash.
    const dump = await takeDump(node.rpc);
    await saveDump(stateDir, dump);
    const minder = mindNode({ folder: stateDir, port, clock, launch, onEvent }, node, dump.block);
    return { ...minder, rpcUrl: rpcUrlOf(port), chainId: LOCAL_CHAIN_ID, stop: async () => (await minder.stop(), lock.release()) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function takeLock(stateDir: string): Lock {
  try {
    mkdirSync(stateDir, { recursive: true });
  } catch (error) {
    throw fileProblem(error, stateDir);
  }
  const lock = acquireLock(join(stateDir, 'chain.lock'));
  if (!lock) throw new Problem('chain/local-already-running', `Another process runs the local chain of ${stateDir}.`, { stateDir });
  return lock;
}

function recall(stateDir: string): Remembered {
  const file = join(stateDir, 'chain.json');
  if (!existsSync(file)) return { port: 0 };
  try {
    const remembered = JSON.parse(readFileSync(file, 'utf8')) as Remembered;
    assert(Number.isInteger(remembered.port) && ['undefined', 'object'].includes(typeof remembered.node), 'a field is missing');
    return remembered;
  } catch (cause) {
    throw new Problem('chain/local-damaged-state', `${file}, which holds the port and the process of the local chain, is damaged.`, { file }, cause);
  }
}

/** The lock is ours, so a node that still runs has nobody: what it mined is saved before it is ended. */
async function stopOrphan(stateDir: string, { port, node }: Remembered, onEvent: (event: LocalChainEvent) => void): Promise<void> {
  if (!node || !isAlive(node)) return;
  const dump = await takeDump(jsonRpc(rpcUrlOf(port))).catch(() => undefined);
  if (dump) await saveDump(stateDir, dump);
  await endNode(node);
  onEvent({ kind: 'orphan-stopped', savedBlock: dump?.block });
}

async function settlePort(remembered: Remembered, wanted: number | undefined): Promise<number> {
  if (wanted !== undefined && !(await isPortFree(wanted))) throw new Problem('chain/local-port-busy', `Port ${wanted} is taken.`, { port: wanted });
  const kept = remembered.port !== 0 && (await isPortFree(remembered.port)) ? remembered.port : undefined;
  return wanted ?? kept ?? findFreePort();
}

async function launchFromDump(stateDir: string, port: number, onEvent: (event: LocalChainEvent) => void): Promise<Node> {
  const dump = await loadDump(stateDir);
  const node = await launchNode(stateDir, port, dump?.json).catch((error: unknown) => {
    throw fileProblem(error, stateDir);
  });
  try {
    await writeFileDurably(join(stateDir, 'chain.json'), `${JSON.stringify({ port, node: node.identity } satisfies Remembered)}\n`);
    if (dump?.from === 'previous') onEvent({ kind: 'dump-damaged', finalBlock: BigInt(await node.rpc<string>('eth_blockNumber')) });
    return node;
  } catch (error) {
    await endNode(node.identity);
    throw fileProblem(error, stateDir);
  }
}
