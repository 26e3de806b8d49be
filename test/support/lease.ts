import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, openSync, readFileSync, closeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { assert } from '#base';

/** One PostgreSQL for all runs, or a chain for this run alone. */
export type Wanted = 'postgres' | 'chain';

/** One folder a clone and user, so that clones never share a server and a run finds the keeper of the run beside it. */
export function keeperFolder(): string {
  const clone = fileURLToPath(new URL('../../', import.meta.url));
  const key = createHash('sha256').update(`${process.getuid?.()} ${clone}`).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `cairn-test-${key}`);
  // 0711: PostgreSQL's own user walks through where tests run as root.
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  return folder;
}

/** Asks the keeper for a server and holds on to it until this process ends. Returns its URL. */
export async function lease(wanted: Wanted): Promise<string> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await ask(await reachKeeper(), wanted);
    // One that was ending when we came: the next one starts where it has gone.
    if (answer === undefined) continue;
    const { url, error } = JSON.parse(answer) as { url?: string; error?: string };
    assert(url !== undefined, `the keeper of the test servers cannot start ${wanted}: ${error}`);
    return url;
  }
  assert(false, `the keeper of the test servers ended; see ${keeperFolder()}/keeper.log`);
}

/** undefined where it ends before it answers. */
function ask(keeper: Socket, wanted: Wanted): Promise<string | undefined> {
  // The lease must not keep a finished run alive.
  keeper.unref();
  return new Promise((resolve) => {
    createInterface({ input: keeper }).once('line', resolve);
    keeper.once('close', () => resolve(undefined));
    keeper.write(`${wanted}\n`);
  });
}

async function reachKeeper(): Promise<Socket> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const socket = await connectToKeeper();
    if (socket) return socket;
    // Any number of them may be started: one gets the lock, the others leave when they cannot.
    if (attempt % 200 === 0) startKeeper();
    await sleep(50);
  }
  assert(false, `no keeper of the test servers answers; see ${keeperFolder()}/keeper.log`);
}

function startKeeper(): void {
  const log = openSync(join(keeperFolder(), 'keeper.log'), 'a');
  spawn(process.execPath, [fileURLToPath(new URL('./keeper.ts', import.meta.url))], { detached: true, stdio: ['ignore', log, log] }).unref();
  closeSync(log);
}

async function connectToKeeper(): Promise<Socket | undefined> {
  let port: number;
  try {
    port = (JSON.parse(readFileSync(join(keeperFolder(), 'keeper.json'), 'utf8')) as { port: number }).port;
  } catch {
    return undefined;
  }
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(undefined));
  });
}
