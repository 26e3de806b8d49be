import { setTimeout as sleep } from 'node:timers/promises';
import { Problem, type Clock } from '#base';
import { saveDump, takeDump } from './dumps.ts';
import { endNode, rpcUrlOf, type Node } from './node.ts';
import { watchPending } from './pending.ts';

export type LocalChainEvent =
  /** A node that an earlier, killed process had left running was stopped; what it had mined was saved first. */
  | { readonly kind: 'orphan-stopped'; readonly savedBlock: bigint | undefined }
  /** The newest dump was damaged: the chain goes on from the one before it, and blocks that counted as final may be gone. */
  | { readonly kind: 'dump-damaged'; readonly finalBlock: bigint }
  /** The node ended without being asked to and runs again from its last dump. Blocks after it, none of them final, are gone: a reorganisation. */
  | { readonly kind: 'restarted'; readonly finalBlock: bigint; readonly lostBlocks: bigint }
  /** A dump could not be written; nothing becomes final until one can. Tried again twice a second, told once. */
  | { readonly kind: 'dump-failed'; readonly error: unknown }
  /** The node ended and does not come back. */
  | { readonly kind: 'lost'; readonly error: unknown };

export interface MinderSetup {
  readonly folder: string;
  readonly port: number;
  readonly clock: Clock;
  readonly launch: () => Promise<Node>;
  readonly onEvent: (event: LocalChainEvent) => void;
}

export interface Minder {
  finalBlock(): bigint;
  mine(blocks: number): Promise<bigint>;
  fund(address: string, wei: bigint): Promise<void>;
  checkpoint(): Promise<bigint>;
  pid(): number;
  stop(): Promise<void>;
}

/** Of one node that ended by itself, before it is given up. */
const MOST_STARTS = 5;
const START_PAUSE_MS = 200;

/** Also looks this often, for what no notification told: a transaction that became ready by itself, a dump that failed. */
const LOOK_MS = 500;

/**
 * Minds one node: everything that mines or dumps goes through one queue, so that a dump never catches the node between two blocks. A block is mined as
 * soon as a transaction waits, and dumped at once; bursts share blocks, and dumps.
 */
export function mindNode(setup: MinderSetup, first: Node, firstFinal: bigint): Minder {
  const { folder, port, clock, onEvent } = setup;
  let node = first;
  let final = firstFinal;
  let head = firstFinal;
  let stopping = false;
  let dumpFailed = false;
  let watching = { close: () => undefined as void };
  let tail: Promise<unknown> = Promise.resolve();
  let looks = 0;

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = tail.then(work);
    tail = turn.catch(() => undefined);
    return turn;
  };

  const mineBlock = async (): Promise<void> => {
    const parent = await node.rpc<{ timestamp: string }>('eth_getBlockByNumber', 'latest', false);
    // Never behind the parent, which the node would refuse, and not ahead of the clock either: two blocks of one second have one timestamp.
    const timestamp = Math.max(Number(parent.timestamp), Math.floor(clock.nowMs() / 1000));
    await node.rpc('evm_setNextBlockTimestamp', timestamp);
    await node.rpc('evm_mine');
    head = BigInt(await node.rpc<string>('eth_blockNumber'));
  };

  const settle = async (): Promise<bigint> => {
    const dump = await takeDump(node.rpc);
    await saveDump(folder, dump);
    final = head = dump.block;
    dumpFailed = false;
    return final;
  };

  const work = async (): Promise<void> => {
    const { pending } = await node.rpc<{ pending: string }>('txpool_status');
    if (BigInt(pending) > 0n) await mineBlock();
    // After every block, or a steady rain of transactions would put the dump off for ever; what falls meanwhile shares the next block.
    if (head !== final) await settle();
  };

  // However many transactions arrive, one look waits in the queue at most.
  const look = () => {
    if (stopping || looks > 0) return;
    looks++;
    const turn = inTurn(() => (looks--, work()));
    turn.catch(report);
  };

  const report = (error: unknown) => {
    // A node that does not answer has ended: onExit starts it again.
    if (stopping || dumpFailed || (error instanceof Problem && error.code === 'chain/unreachable')) return;
    dumpFailed = true;
    onEvent({ kind: 'dump-failed', error });
  };

  const restart = async () => {
    const lostBlocks = head - final;
    for (let starts = 1; ; starts++) {
      if (stopping) return;
      try {
        const started = await setup.launch();
        final = head = BigInt(await started.rpc<string>('eth_blockNumber'));
        node = started;
        onEvent({ kind: 'restarted', finalBlock: final, lostBlocks });
        attach();
        return;
      } catch (error) {
        // Killed again while it loads its dump, or short of something that another process gives back in a moment.
        if (starts >= MOST_STARTS) return onEvent({ kind: 'lost', error });
        await sleep(starts * START_PAUSE_MS);
      }
    }
  };

  const attach = () => {
    watching.close();
    watching = watchPending(rpcUrlOf(port), look);
    const { exitCode, signalCode } = node.process;
    const onExit = () => {
      if (!stopping) void inTurn(restart);
    };
    // It may have ended already, between its first answer and now: then nobody tells.
    if (exitCode !== null || signalCode !== null) onExit();
    else node.process.once('exit', onExit);
  };

  attach();
  const timer = setInterval(look, LOOK_MS);

  return {
    finalBlock: () => final,
    pid: () => node.identity.pid,
    mine: (blocks) =>
      inTurn(async () => {
        for (let mined = 0; mined < blocks; mined++) await mineBlock();
        return settle();
      }),
    fund: (address, wei) =>
      inTurn(async () => {
        await node.rpc('anvil_setBalance', address, `0x${wei.toString(16)}`);
        await settle();
      }),
    checkpoint: () => inTurn(settle),
    stop: async () => {
      stopping = true;
      clearInterval(timer);
      watching.close();
      await inTurn(settle).catch((error: unknown) => onEvent({ kind: 'dump-failed', error }));
      await endNode(node.identity);
    },
  };
}
