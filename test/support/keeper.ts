/**
 * A process beside the test runs, started by the first that needs it: it owns the servers the tests use, so that several mocha processes share one
 * PostgreSQL and none leaves anything running however it ends. A run holds a connection (lease.ts); the kernel closes that even after a SIGKILL.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type EmbeddedPostgres } from '#db';
import { acquireLock, findFreePort, type Lock } from '#supervisor';
import { endNode, launchNode, rpcUrlOf, type Node } from '../../src/chain/local/node.ts';
import { keeperFolder, type Wanted } from './lease.ts';

/** Long enough for the next of several short runs, short enough that nothing is left when a build ends. */
const LINGER_MS = 3000;
/** A keeper that is ending holds the lock until its servers are down. */
const LOCK_WAIT_MS = 30_000;

const folder = keeperFolder();
const lock = await waitForLock();
if (lock) await keep(lock);

async function waitForLock(): Promise<Lock | undefined> {
  for (let waited = 0; waited < LOCK_WAIT_MS; waited += 50) {
    const taken = acquireLock(join(folder, 'keeper.lock'));
    if (taken) return taken;
    await sleep(50);
  }
  return undefined;
}

async function keep(held: Lock): Promise<void> {
  const stateDir = join(folder, 'state');
  let postgres: Promise<EmbeddedPostgres> | undefined;
  const runs = new Set<Socket>();
  let ending: NodeJS.Timeout | undefined;

  // What a test writes need not survive a power cut; tests of exactly that start a server of their own.
  const start = () => startPostgres({ stateDir, settings: { fsync: 'off', full_page_writes: 'off' } });

  // A chain belongs to one run, because tests take it back and forth; it ends with the run that asked for it.
  const chains = new Map<Socket, Promise<Node>>();
  const startChain = async (folderOfChain: string, port: number) => {
    mkdirSync(folderOfChain, { recursive: true });
    const node = await launchNode(folderOfChain, port, undefined);
    await node.rpc('evm_setAutomine', true);
    return node;
  };

  const answers: Record<Wanted, (run: Socket) => Promise<string>> = {
    postgres: async () => (await (postgres ??= start())).url,
    chain: async (run) => {
      const port = await findFreePort();
      const node = startChain(join(stateDir, `chain-${port}`), port);
      chains.set(run, node);
      await node;
      return rpcUrlOf(port);
    },
  };

  const endChain = async (run: Socket) => {
    const node = await chains.get(run)?.catch(() => undefined);
    chains.delete(run);
    if (node) await endNode(node.identity);
  };

  const server = createServer((run) => {
    clearTimeout(ending);
    runs.add(run);
    run.on('error', () => undefined);
    run.on('close', () => {
      runs.delete(run);
      void endChain(run);
      if (runs.size === 0) ending = setTimeout(() => void end(), LINGER_MS);
    });
    createInterface({ input: run }).on('line', (wanted) => {
      answers[wanted as Wanted](run).then(
        (url) => run.write(`${JSON.stringify({ url })}\n`),
        (error: unknown) => run.write(`${JSON.stringify({ error: String(error) })}\n`),
      );
    });
  });

  const end = async () => {
    server.close();
    rmSync(join(folder, 'keeper.json'), { force: true });
    for (const run of runs) run.destroy();
    await Promise.all([...chains.keys()].map(endChain));
    await (await postgres)?.stop();
    rmSync(stateDir, { recursive: true, force: true });
    held.release();
    process.exit(0);
  };

  server.listen(0, '127.0.0.1', () => {
    writeFileSync(join(folder, 'keeper.json'), JSON.stringify(server.address()));
    ending = setTimeout(() => void end(), 10 * LINGER_MS);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end());
}
