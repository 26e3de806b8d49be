import { join } from 'node:path';
import { canonicalJson, parseCanonicalJson } from '#anchor/core';
import { isHex, Problem, toHex, utf8, type Hex, type RandomBytes } from '#base';
import { lockFolder, readIfPresent, writeDurably } from '../files/files.ts';
import { unwrapMoved, type KeyProvider, type WrappedKey } from './keyProvider.ts';
import { KEY_BYTES } from './seal.ts';

const FORMAT = 'cairn-node-store/1';

interface Header {
  readonly format: typeof FORMAT;
  readonly node: string;
  readonly storeId: Hex;
  readonly provider: string;
  readonly wrapped: WrappedKey;
}

export interface OpenedHeader {
  readonly storeId: Hex;
  /** 32 bytes, for whoever opened it to wipe. */
  readonly storeKey: Uint8Array;
}

/** What is bound to the wrapped key: changing any of it leaves a header that no longer opens. */
function contextOf({ wrapped: _wrapped, ...named }: Header): Uint8Array {
  return utf8(canonicalJson(named));
}

function pathOf(folder: string): string {
  return join(folder, 'store.json');
}

/** Draws the store's id and key and writes the header. node/store-exists. */
export async function createHeader(folder: string, node: string, provider: KeyProvider, random: RandomBytes): Promise<OpenedHeader> {
  if (await readIfPresent(pathOf(folder))) throw new Problem('node/store-exists', `${folder} holds a store already.`, { folder });
  const [storeId, storeKey] = [toHex(random(16)), random(KEY_BYTES)];
  await writeHeader(folder, { format: FORMAT, node, storeId, provider: provider.kind, wrapped: {} }, storeKey, provider, random);
  return { storeId, storeKey };
}

/**
 * Wraps the store's key anew: another passphrase, a stronger cost, another kind of provider. The old header is overwritten, old copies of it stay what they are. Does nothing where `from` no longer opens it
 * and `to` does: a change that was killed half-way is begun again. Not while the node runs: node/folder-locked.
 */
export async function rewrapHeader(folder: string, from: KeyProvider, to: KeyProvider, random: RandomBytes): Promise<void> {
  const lock = await lockFolder(folder);
  try {
    const header = await readHeader(folder);
    const storeKey = await unwrapMoved(header.wrapped, contextOf({ ...header, provider: from.kind }), from, contextOf({ ...header, provider: to.kind }), to);
    if (!storeKey) return;
    await writeHeader(folder, { ...header, provider: to.kind }, storeKey, to, random);
    storeKey.fill(0);
  } finally {
    lock.release();
  }
}

/** node/store-absent, node/store-tampered where it cannot be read, node/store-swapped where it is another node's, node/wrong-key where it does not open. */
export async function openHeader(folder: string, node: string, provider: KeyProvider): Promise<OpenedHeader> {
  const header = await readHeader(folder);
  if (header.node !== node)
    throw new Problem('node/store-swapped', `${folder} is the store of node ${header.node}, not of ${node}.`, { found: header.node, expected: node });
  if (header.provider !== provider.kind) throw new Problem('node/wrong-key', `The store is opened by a ${header.provider}, not by a ${provider.kind}.`);
  return { storeId: header.storeId, storeKey: await provider.unwrap(header.wrapped, contextOf(header)) };
}

async function writeHeader(folder: string, header: Header, storeKey: Uint8Array, provider: KeyProvider, random: RandomBytes): Promise<void> {
  const wrapped = await provider.wrap(storeKey, contextOf(header), random);
  await writeDurably(pathOf(folder), utf8(`${canonicalJson({ ...header, wrapped })}\n`));
}

async function readHeader(folder: string): Promise<Header> {
  const bytes = await readIfPresent(pathOf(folder));
  if (!bytes) throw new Problem('node/store-absent', `There is no ${pathOf(folder)}.`, { folder });
  const tampered = (cause?: unknown) => new Problem('node/store-tampered', `${pathOf(folder)} is no header of a store.`, { file: 'store.json' }, cause);
  const text = bytes.toString();
  if (!text.endsWith('\n')) throw tampered();
  let header: Header;
  try {
    header = parseCanonicalJson(text.slice(0, -1)) as unknown as Header;
  } catch (cause) {
    throw tampered(cause);
  }
  const isWhole =
    header?.format === FORMAT &&
    typeof header.node === 'string' &&
    typeof header.provider === 'string' &&
    typeof header.wrapped === 'object' &&
    header.wrapped !== null;
  if (!isWhole || typeof header.storeId !== 'string' || !isHex(header.storeId, 16)) throw tampered();
  return header;
}
