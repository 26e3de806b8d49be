import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '#base';
import { openIdentity, type NodeConfig } from '../process/process.ts';
import { openLink, WIRE_LIMITS, type Link } from '../wire/wire.ts';
import { operatorIdentity, readConfig } from './folder.ts';
import { providerOf } from './provider.ts';

const PATIENCE = { timeoutMs: 15_000, resendForMs: 0 };
const POLL_MS = 200;

/** What an operator's command asks of its own running node. */
export interface NodeDesk {
  readonly config: NodeConfig;
  ask(method: string, body: unknown): Promise<Record<string, unknown>>;
  close(): void;
}

/** Opens a channel to the node of this folder, as its operator. */
export async function openDesk(folder: string): Promise<NodeDesk> {
  const config = await readConfig(folder);
  const { fingerprint } = await openIdentity(folder, await providerOf(config));
  const host = ['0.0.0.0', '::'].includes(config.listen.host) ? '127.0.0.1' : config.listen.host;
  const link: Link = openLink({ identity: await operatorIdentity(folder), part: 'operator', host, port: config.listen.port, fingerprint, limits: WIRE_LIMITS });
  return {
    config,
    ask: async (method, body) => {
      const answer = await link.call(method, new TextEncoder().encode(JSON.stringify(body)), PATIENCE);
      return JSON.parse(Buffer.from(answer).toString('utf8')) as Record<string, unknown>;
    },
    close: () => link.close(),
  };
}

/** Begins a ceremony and tells its transcript line by line until it ends; session/ceremony-failed with its last line. */
export async function holdCeremony(desk: NodeDesk, ceremony: Readonly<Record<string, unknown>>, tell: (line: string) => void): Promise<void> {
  const { id } = await desk.ask('ceremony/begin', ceremony);
  for (let told = 0; ; await sleep(POLL_MS)) {
    const { state, lines } = (await desk.ask('ceremony/progress', { id, after: told })) as { state: string; lines: { atMs: number; text: string }[] };
    for (const { atMs, text } of lines) tell(`${new Date(atMs).toISOString()}  ${text}`);
    told += lines.length;
    if (state === 'failed') throw new Problem('session/ceremony-failed', lines.at(-1)?.text ?? 'The transcript above has the reason.');
    if (state === 'done') return;
  }
}
