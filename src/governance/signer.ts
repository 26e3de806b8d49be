import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { Problem, systemClock, type Hex, type RandomBytes } from '#base';
import { loadKey, openSigners, signatureOf, type Custody, type WatchFacts } from '#custody';
import { addressOf, fromRecovered, intentDigest, type Intent, type Signature } from '#custody/intents';
import type { Governing } from './context.ts';
import { text, type Values } from './terminal.ts';

/** Whoever signs: a person with a key file, or the group behind the door of custody, who is asked and may refuse. */
export interface Signer {
  readonly address: Hex;
  sign(intent: Intent): Promise<Signature>;
}

export interface KeySigner extends Signer {
  signDigest(digest: Uint8Array): Signature;
}

/** The signer nodes talk among themselves, and a person may have to approve. */
const PATIENCE_MS = 60_000;

const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));

type Named = { readonly kind: 'key'; readonly file: string } | { readonly kind: 'owner' };

/** Of `--key FILE` or `--as owner`: exactly one of them. Looks at nothing yet. */
export function readSigner(values: Values): Named {
  const [file, as] = [text(values, 'key'), text(values, 'as')];
  if ((file === undefined) === (as === undefined)) throw new Problem('cli/bad-arguments', 'Say who signs: either --key FILE or --as owner.');
  if (file !== undefined) return { kind: 'key', file };
  if (as !== 'owner') throw new Problem('cli/bad-arguments', `--as takes owner, not "${as!.slice(0, 40)}".`);
  return { kind: 'owner' };
}

export async function openSigner(named: Named, governing: Governing): Promise<Signer> {
  return named.kind === 'key' ? openKey(named.file) : openOwner(governing);
}

export async function openKey(file: string): Promise<KeySigner> {
  const key = await loadKey(file);
  const signDigest = (digest: Uint8Array): Signature => fromRecovered(secp256k1.sign(digest, key, { prehash: false, lowS: true, format: 'recovered' }));
  return { address: addressOf(secp256k1.getPublicKey(key)), signDigest, sign: async (intent) => signDigest(intentDigest(intent)) };
}

/** What the signer nodes have against what waits in the timelock, by party; undefined where this state folder knows none. */
export async function watchOfNodes({ stateDir }: Governing): Promise<ReadonlyMap<number, WatchFacts | undefined> | undefined> {
  const folder = join(stateDir, 'signers');
  if (!existsSync(folder)) return undefined;
  const custody = await openSigners({ folder, clock: systemClock, random, onEvent: () => undefined });
  return custody.watch().finally(() => custody.close());
}

/** The group's owner key, which is asked in structured intents only. */
async function openOwner({ stateDir }: Governing): Promise<Signer> {
  const folder = join(stateDir, 'signers');
  if (!existsSync(folder)) throw new Problem('cli/bad-state', `${stateDir} knows no signer nodes: the owner's custody is asked where cairn start runs.`);
  // Opened for each question: a channel that stays open would keep the command from ending.
  const ask = async <T>(question: (custody: Custody) => Promise<T>): Promise<T> => {
    const custody = await openSigners({ folder, clock: systemClock, random, onEvent: () => undefined });
    return question(custody).finally(() => custody.close());
  };
  return {
    address: await ask((custody) => custody.address('owner')),
    sign: (intent) => ask((custody) => signatureOf(custody, 'owner', intent, { patienceMs: PATIENCE_MS })),
  };
}
