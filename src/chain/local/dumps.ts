import { existsSync, readFileSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Problem } from '#base';
import { fileProblem, writeFileDurably } from '#supervisor';
import type { Rpc } from './rpc.ts';

const unzip = promisify(gunzip);

/** A whole chain as anvil dumps it: gzip (whose checksum later tells a damaged file) of JSON with accounts, blocks, transactions, receipts and recent states. */
export interface Dump {
  /** The last block in it. */
  readonly block: bigint;
  readonly bytes: Uint8Array;
}

/** The newest dump that can be read. */
export interface LoadedDump {
  readonly json: Uint8Array;
  readonly from: 'newest' | 'previous';
}

const newest = (folder: string) => join(folder, 'dump.json.gz');
const previous = (folder: string) => join(folder, 'dump.previous.json.gz');

/** Asks the node for its dump. The caller makes sure that nothing is mined meanwhile: anvil reads blocks and accounts one after the other. */
export async function takeDump(rpc: Rpc): Promise<Dump> {
  const block = BigInt(await rpc<string>('eth_blockNumber'));
  // true: with the states of recent blocks, without which a reloaded chain can neither be asked about them nor reorganised.
  const hex = await rpc<string>('anvil_dumpState', true);
  return { block, bytes: Buffer.from(hex.slice(2), 'hex') };
}

/** Replaces the newest dump and keeps the one before it. At every instant a whole dump lies under the newest name. */
export async function saveDump(folder: string, dump: Dump): Promise<void> {
  const temporary = join(folder, 'dump.previous.new');
  try {
    if (existsSync(newest(folder))) {
      await rm(temporary, { force: true });
      // A second name for the same file, put in place by rename: the newest name never goes missing, as it would if the file itself were moved.
      await link(newest(folder), temporary);
      await rename(temporary, previous(folder));
    }
    await writeFileDurably(newest(folder), dump.bytes);
  } catch (error) {
    throw fileProblem(error, newest(folder));
  }
}

/** The newest readable dump; undefined where none was ever written. Damage to all of them is refused: going on without would be another chain under the same name. */
export async function loadDump(folder: string): Promise<LoadedDump | undefined> {
  const there = [['newest', newest(folder)] as const, ['previous', previous(folder)] as const].filter(([, path]) => existsSync(path));
  for (const [from, path] of there) {
    const json = await unzip(readFileSync(path)).catch(() => undefined);
    if (json) return { json, from };
  }
  if (there.length > 0) throw new Problem('chain/state-lost', `The dumps of the local chain in ${folder} are damaged.`, { folder });
  return undefined;
}
