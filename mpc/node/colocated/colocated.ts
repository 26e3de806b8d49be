/** The door of co-located nodes: all signer nodes of a platform as processes of one machine, which is a rehearsal of three machines and never more. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem, utf8, type Hex, type RandomBytes } from '#base';
import { ROLES, type Role } from '#custody/intents';
import { acquireLock } from '#supervisor';
import { holdCeremony, openDesk } from '../command/desk.ts';
import { readIfPresent, writeDurably } from '../files/files.ts';
import { appoint, isAppointed, type Appointment } from './appointment.ts';
import { Folders, makeFolders, PARTIES, settlePorts, THRESHOLD } from './folders.ts';
import { MindedNode, type NodeEvent } from './minder.ts';
import { nodeUsers, takeBack } from './users.ts';

export { nodeUsers, type Appointment, type NodeEvent };

export interface ColocatedOptions {
  /** Everything of the rehearsal is in it: made if absent. */
  readonly folder: string;
  readonly random: RandomBytes;
  readonly onStep: (text: string) => void;
  readonly onEvent: (event: NodeEvent) => void;
  /** Ends the start before its next ceremony. */
  readonly signal?: AbortSignal;
}

export interface Colocated {
  /** Registers a deployment with every node, as its operators would; nothing happens where they know it already. */
  appoint(appointment: Appointment): Promise<void>;
  /** Of the processes, by party; one that was started again has another. */
  pids(): readonly number[];
  /** Ends every node in order. Nothing runs when this returns. */
  stop(): Promise<void>;
}

/** A node that answers nobody for so long counts as down. */
const START_PATIENCE_MS = 60_000;

/** Starts the nodes of `folder`, and makes them and their keys where there are none: three separate ceremonies. As root, each node has an OS user of its own. node/folder-locked where another process runs them, node/no-os-user, session/ceremony-failed, node/ended-at-start where too few of them can start. */
export async function openColocated(options: ColocatedOptions): Promise<Colocated> {
  const { folder, random, onStep, onEvent, signal } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = acquireLock(join(folder, 'signers.lock'));
  if (!lock) throw new Problem('node/folder-locked', `Another process runs the signer nodes of ${folder}.`, { folder });
  const folders = new Folders(folder);
  const uids = nodeUsers();
  const nodes = PARTIES.map((party) => new MindedNode(folders, party, uids?.get(party), onEvent));
  /** While no node runs. */
  const takeFolders = async (): Promise<void> => {
    if (uids) await takeBack(folders);
  };
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  /** `isComplete`: whether the keys are there; without them every node has to be. */
  const start = async (isComplete: boolean): Promise<void> => {
    for (const node of nodes) await node.start();
    const ready = await Promise.all(nodes.map((node) => node.isReady(START_PATIENCE_MS, () => nodes.some(({ isLost }) => isLost))));
    const lost = nodes.filter(({ isLost }) => isLost);
    // With enough of the others it goes on; with too few it would wait for ever for what no start can bring.
    if (nodes.length - lost.length < (isComplete ? THRESHOLD : nodes.length))
      throw new Problem('node/ended-at-start', (await Promise.all(lost.map((node) => node.lastWords()))).join(' '), {
        parties: lost.map(({ party }) => party),
      });
    const up = nodes.filter((_, i) => ready[i]).map(({ party }) => party);
    const own = uids ? `an OS user (${[...uids.values()].join(', ')}) and a folder` : 'a folder';
    onStep(`signer nodes ${up.join(', ')} of ${nodes.length} are up, each a process with ${own} of its own`);
  };
  try {
    for (const node of nodes) await node.stopOrphan();
    await takeFolders();
    const isNew = !(await readIfPresent(folders.keys));
    if (isNew) {
      onStep(`making ${PARTIES.length} signer nodes in ${folder}`);
      await makeFolders(folders, random);
    }
    await settlePorts(folders);
    await start(!isNew);
    if (isNew) await holdCeremonies(folders, onStep, signal);
    return {
      appoint: async (appointment) => {
        if (await isAppointed(folders, appointment)) return;
        onStep(
          'registering contracts, book, merchants’ keys and bands of rates with every signer node: the rehearsal does what the operators of each do by hand',
        );
        onStep('the bands lie around the rehearsal’s own reference rates; operators of real nodes take rates from elsewhere than the platform');
        await stop();
        await takeFolders();
        await appoint(folders, appointment, random);
        await start(true);
      },
      pids: () => nodes.map(({ pid }) => pid),
      stop: async () => {
        await stop();
        lock.release();
      },
    };
  } catch (error) {
    await stop();
    lock.release();
    throw error;
  }
}

/** Every operator begins each ceremony at the own node; what node 1 tells of it is shown. */
async function holdCeremonies(folders: Folders, onStep: (text: string) => void, signal: AbortSignal | undefined): Promise<void> {
  const desks = await Promise.all(PARTIES.map((party) => openDesk(folders.node(party))));
  try {
    for (const role of ROLES) {
      signal?.throwIfAborted();
      onStep(`ceremony of the ${role} key: ${PARTIES.length} nodes generate it together, ${THRESHOLD} must sign, and none ever holds it`);
      const shown = (line: string): void => onStep(`  ${line.replace(/^\S+ +/, '')}`);
      await Promise.all(desks.map((desk, i) => holdCeremony(desk, { kind: 'generate', role }, i === 0 ? shown : () => undefined)));
    }
    const { keys } = (await desks[0]!.ask('node/status', {})) as unknown as { keys: readonly { readonly role: Role; readonly address: Hex }[] };
    await writeDurably(folders.keys, utf8(`${JSON.stringify(Object.fromEntries(keys.map(({ role, address }) => [role, address])), null, 1)}\n`));
  } finally {
    for (const desk of desks) desk.close();
  }
}
