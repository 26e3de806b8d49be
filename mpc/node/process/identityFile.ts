import { join } from 'node:path';
import { fromHex, isHex, Problem, toHex, utf8, type Hex, type RandomBytes } from '#base';
import { readIfPresent, writeDurably } from '../files/files.ts';
import { unwrapMoved, type KeyProvider, type WrappedKey } from '../store/store.ts';
import { identityOf, IDENTITY_SEED_BYTES, rawPublicKey, type Identity } from '../wire/wire.ts';

/** The node's own key on the network, wrapped by the same provider that opens its store. */
interface IdentityFile {
  readonly format: 'cairn-node-identity/1';
  /** 32 bytes: what operators tell each other. */
  readonly publicKey: Hex;
  readonly wrapped: WrappedKey;
}

const CONTEXT = utf8('cairn/node-identity/v1');

function pathIn(folder: string): string {
  return join(folder, 'identity.json');
}

/** Draws an identity and keeps it sealed. node/store-exists where there is one. */
export async function createIdentity(folder: string, provider: KeyProvider, random: RandomBytes): Promise<Identity> {
  if (await readIfPresent(pathIn(folder))) throw new Problem('node/store-exists', `${folder} holds an identity already.`, { folder });
  const seed = random(IDENTITY_SEED_BYTES);
  const identity = identityOf(seed);
  const file: IdentityFile = { format: 'cairn-node-identity/1', publicKey: toHex(rawPublicKey(identity)), wrapped: await provider.wrap(seed, CONTEXT, random) };
  seed.fill(0);
  await writeDurably(pathIn(folder), utf8(`${JSON.stringify(file)}\n`));
  return identity;
}

/** node/store-absent, node/wrong-key, node/store-tampered where the key in it is not the one that it names. */
export async function openIdentity(folder: string, provider: KeyProvider): Promise<Identity> {
  const bytes = await readIfPresent(pathIn(folder));
  if (!bytes) throw new Problem('node/store-absent', `There is no ${pathIn(folder)}.`, { folder });
  const file = parse(bytes);
  const seed = await provider.unwrap(file.wrapped, CONTEXT);
  const identity = identityOf(seed);
  seed.fill(0);
  if (Buffer.compare(rawPublicKey(identity), fromHex(file.publicKey)) !== 0)
    throw new Problem('node/store-tampered', `${pathIn(folder)} names another key than it holds.`, { file: 'identity.json' });
  return identity;
}

/** Wraps the identity anew, so that `to` opens it. Does nothing where it does already: a change that was killed half-way is begun again. */
export async function rewrapIdentity(folder: string, from: KeyProvider, to: KeyProvider, random: RandomBytes): Promise<void> {
  const bytes = await readIfPresent(pathIn(folder));
  if (!bytes) throw new Problem('node/store-absent', `There is no ${pathIn(folder)}.`, { folder });
  const file = parse(bytes);
  const seed = await unwrapMoved(file.wrapped, CONTEXT, from, CONTEXT, to);
  if (!seed) return;
  const wrapped = await to.wrap(seed, CONTEXT, random);
  seed.fill(0);
  await writeDurably(pathIn(folder), utf8(`${JSON.stringify({ ...file, wrapped })}\n`));
}

function parse(bytes: Buffer): IdentityFile {
  try {
    const file = JSON.parse(bytes.toString('utf8')) as IdentityFile;
    if (file.format === 'cairn-node-identity/1' && typeof file.publicKey === 'string' && isHex(file.publicKey, 32) && typeof file.wrapped === 'object')
      return file;
  } catch {
    // Said below.
  }
  throw new Problem('node/store-tampered', 'identity.json is no identity of a node.', { file: 'identity.json' });
}
