import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { systemClock } from '#base';
import { startLocalChain, type LocalChain } from '#chain';
import { startPostgres, type EmbeddedPostgres } from '#db';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the main job that is over: its server is stopped, its chain is up, and its database can be copied. */
export interface Played {
  readonly stateDir: string;
  readonly rpcUrl: string;
  readonly receipts: readonly string[];
  /** A copy of the database for a superuser to do with as he likes; dropped when `work` is done. */
  withCopy<T>(work: (copy: { readonly url: string; readonly superuser: pg.Client }) => Promise<T>): Promise<T>;
  stopDatabase(): Promise<void>;
  close(): Promise<void>;
}

/** `node src/cli.ts ...` and how it ended. */
export async function cairn(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return ended(process.execPath, [join(ROOT, 'src', 'cli.ts'), ...args], ROOT, env);
}

export async function ended(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  try {
    const { stdout, stderr } = await run(program, [...args], { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number | string; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}

/** Plays the example once, in a process of its own, and starts database and chain again behind it. About a minute. */
export async function playJob(): Promise<Played> {
  const stateDir = mkdtempSync(join(tmpdir(), 'cairn-played-'));
  const env = { ...process.env };
  delete env['DATABASE_URL'];
  delete env['RPC_URL'];
  await run(process.execPath, [join(ROOT, 'test', 'long', 'victim.ts'), stateDir], { cwd: ROOT, env, maxBuffer: 1 << 26 });
  const postgres = await startPostgres({ stateDir: join(stateDir, 'postgres') });
  const chain = await startLocalChain({ stateDir: join(stateDir, 'chain'), clock: systemClock });
  return played(stateDir, postgres, chain);
}

function played(stateDir: string, postgres: EmbeddedPostgres, chain: LocalChain): Played {
  const receipts = join(stateDir, 'receipts');
  let isStopped = false;
  const stopDatabase = async (): Promise<void> => {
    if (!isStopped) await postgres.stop();
    isStopped = true;
  };
  return {
    stateDir,
    rpcUrl: chain.rpcUrl,
    receipts: readdirSync(receipts).map((name) => join(receipts, name)),
    withCopy: async (work) => {
      const name = `tampered_${randomBytes(4).toString('hex')}`;
      await onServer(postgres.url, 'postgres', (admin) => admin.query(`create database ${name} template cairn`));
      try {
        return await onServer(postgres.url, name, (superuser) => work({ url: urlOf(postgres.url, name), superuser }));
      } finally {
        await onServer(postgres.url, 'postgres', (admin) => admin.query(`drop database ${name} with (force)`));
      }
    },
    stopDatabase,
    close: async () => {
      await stopDatabase();
      await chain.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer<T>(server: string, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: urlOf(server, database) });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
