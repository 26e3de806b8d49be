import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, Problem } from '#base';
import { endProcess, findProcess, launchDetached, type ProcessIdentity } from '#supervisor';
import { jsonRpc, type Rpc } from './rpc.ts';

/** The chain id that everything made for play only demands: development keys sign for no other. */
export const LOCAL_CHAIN_ID = 31337;

/** States of this many recent blocks can be asked about, reorganised and dumped; older ones would make every dump larger (33 kB a block with our contracts). */
const KEPT_STATES = 64;

export interface Node {
  readonly process: ChildProcess;
  readonly identity: ProcessIdentity;
  readonly rpc: Rpc;
}

export function rpcUrlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Starts anvil on the given state (JSON of a dump), or on a new chain, and waits until it answers. It mines only when told. */
export async function launchNode(folder: string, port: number, state: Uint8Array | undefined): Promise<Node> {
  const stateFile = join(folder, 'loading.json');
  const logFile = join(folder, 'anvil.log');
  if (state) writeFileSync(stateFile, state, { mode: 0o600 });
  const logged = existsSync(logFile) ? statSync(logFile).size : 0;
  const child = await launchDetached({
    command: binary(),
    args: [...options(port), ...(state ? ['--load-state', stateFile] : [])],
    cwd: folder,
    // anvil makes a folder in its HOME, which need not be anybody's.
    env: { PATH: process.env['PATH'] ?? '', HOME: folder },
    logFile,
  });
  const rpc = jsonRpc(rpcUrlOf(port));
  const identity = await waitUntilItAnswers(child, rpc, () => readFileSync(logFile, 'utf8').slice(logged));
  rmSync(stateFile, { force: true });
  return { process: child, identity, rpc };
}

function options(port: number): string[] {
  const chain = ['--chain-id', String(LOCAL_CHAIN_ID), '--hardfork', 'osaka', '--enable-tx-gas-limit', '--slots-in-an-epoch', '1'];
  const server = ['--host', '127.0.0.1', '--port', String(port), '--no-cors', '--no-request-size-limit', '--quiet'];
  return [...server, ...chain, '--no-mining', '--prune-history', String(KEPT_STATES)];
}

function binary(): string {
  // The platform's package, not the wrapper script of @foundry-rs/anvil: a wrapper killed by SIGKILL would leave the real process behind.
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${architecture}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'anvil');
  } catch (cause) {
    throw new Problem('chain/local-no-binary', `The npm package ${name} is not installed.`, { name }, cause);
  }
}

async function waitUntilItAnswers(child: ChildProcess, rpc: Rpc, output: () => string): Promise<ProcessIdentity> {
  for (;;) {
    // Asked in this order: an answer counts only while our own process is there, since another may sit on the port.
    const answered = await rpc('eth_chainId').then(
      () => true,
      () => false,
    );
    const identity = child.exitCode === null && child.signalCode === null ? findNode(child.pid!) : undefined;
    if (!identity) throw startProblem(output());
    if (answered) return identity;
    await sleep(10);
  }
}

function startProblem(output: string): Problem {
  const last = output.trim().split('\n').at(-1) ?? '';
  if (/Address already in use/i.test(output)) return new Problem('chain/local-port-busy', 'The port of the local chain is taken.');
  return new Problem('chain/local-start-failed', `anvil did not start: ${last || 'it gave no reason'}.`);
}

/** The anvil of that process number; undefined where it is gone, or another program has the number now. */
function findNode(pid: number): ProcessIdentity | undefined {
  return findProcess(pid, 'anvil');
}

/** Its state is in a dump by now, or given up: there is nothing to wait for. */
export async function endNode(identity: ProcessIdentity): Promise<void> {
  const ended = await endProcess(identity, [
    ['SIGTERM', 2000],
    ['SIGKILL', 5000],
  ]);
  assert(ended, `anvil, process ${identity.pid}, cannot be ended`);
}
