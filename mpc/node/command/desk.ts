import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '#base';
import { openIdentity, type NodeConfig } from '../process/process.ts';
import { openLink, WIRE_LIMITS, type Link } from '../wire/wire.ts';
import { operatorIdentity, readConfig } from './folder.ts';
import { providerOf } from './provider.ts';

const PATIENCE = { timeoutMs: 15_000, resendForMs: 0 };
const POLL_MS = 200;
/** A ceremony goes on without who looks on. A look that fails, as after this process was held still for a while, is taken again so often. */
const LOOKS = 4;

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
  const begun = desk.ask('ceremony/begin', ceremony).catch((cause: unknown) => {
    if (!(cause instanceof Problem) || cause.code !== 'wire/no-answer') throw cause;
    const detail =
      'The node did not say whether it began. Look at `cairn node status` and the log of the node; where no epoch is new there, begin again at all nodes.';
    throw new Problem('session/ceremony-failed', detail, {}, cause);
  });
  const { id } = await begun;
  for (let told = 0; ; await sleep(POLL_MS)) {
    const { state, lines } = (await look(desk, { id, after: told })) as { state: string; lines: { atMs: number; text: string }[] };
    for (const { atMs, text } of lines) tell(`${new Date(atMs).toISOString()}  ${text}`);
    told += lines.length;
    if (state === 'failed') throw new Problem('session/ceremony-failed', lines.at(-1)?.text ?? 'The transcript above has the reason.');
    if (state === 'done') return;
  }
}

async function look(desk: NodeDesk, body: unknown): Promise<Record<string, unknown>> {
  for (let tries = 1; ; tries++) {
    try {
      return await desk.ask('ceremony/progress', body);
    } catch (cause) {
      if (!(cause instanceof Problem) || cause.code !== 'wire/no-answer') throw cause;
      if (tries < LOOKS) continue;
      const detail =
        'The node does not answer any more, and may go on. Look at `cairn node status` and the log of the node; where no epoch is new there, begin again at all nodes.';
      throw new Problem('session/ceremony-failed', detail, {}, cause);
    }
  }
}
