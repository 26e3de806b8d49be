import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex, isHex, Problem, toHex, unreadable, utf8, type RandomBytes } from '#base';
import { writeDurably } from '../files/files.ts';
import { parseNodeConfig, parsePartialConfig, type NodeConfig } from '../process/process.ts';
import { identityOf, IDENTITY_SEED_BYTES, type Identity } from '../wire/wire.ts';

/** node.json of the folder. `partial`: while its peers are being named one after the other. */
export async function readConfig(folder: string, state: 'whole' | 'partial' = 'whole'): Promise<NodeConfig> {
  const text = await read(configPath(folder));
  return state === 'whole' ? parseNodeConfig(text) : parsePartialConfig(text);
}

function configPath(folder: string): string {
  return join(folder, 'node.json');
}

export async function writeConfig(folder: string, config: NodeConfig): Promise<void> {
  await writeDurably(configPath(folder), utf8(`${JSON.stringify(config, null, 2)}\n`));
}

export async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

/** A file for its owner alone; cli/bad-file where it exists. */
export async function writeNew(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EEXIST' ? 'exists already; nothing is overwritten' : `cannot be made (${cause.code})`;
    throw new Problem('cli/bad-file', `${path} ${why}.`, { path }, cause);
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The key by which the operator's own commands speak to the node: it opens no share and signs no order, but begins ceremonies. */
export async function operatorIdentity(folder: string): Promise<Identity> {
  const text = (await read(operatorPath(folder))).trim();
  if (!isHex(text, IDENTITY_SEED_BYTES)) throw new Problem('wire/bad-identity', `${operatorPath(folder)} holds no key.`);
  return identityOf(fromHex(text));
}

export async function createOperator(folder: string, random: RandomBytes): Promise<Identity> {
  const seed = random(IDENTITY_SEED_BYTES);
  await writeDurably(operatorPath(folder), utf8(`${toHex(seed)}\n`));
  return identityOf(seed);
}

function operatorPath(folder: string): string {
  return join(folder, 'operator.key');
}

/** 64 digits in groups of four, as one reads them aloud. */
export function aloud(fingerprint: string): string {
  return fingerprint.match(/.{4}/g)!.join(' ');
}
