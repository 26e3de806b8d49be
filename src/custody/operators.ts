import { secp256k1 } from '@noble/curves/secp256k1.js';
import { Problem, type Hex, type RandomBytes } from '#base';
import { addressOf } from './intents.ts';
import { loadOrCreateKey } from './keyStore.ts';

const LOCAL_CHAIN_ID = 31337n;

export interface OperatorsOptions {
  /** The addresses that the operators told us, where they did: then nothing is read or made. */
  readonly given: readonly Hex[] | undefined;
  /** Of the rehearsal's keys. It is not the server's own: a real operator's key never comes near the server. */
  readonly folder: string;
  readonly chainId: bigint;
  readonly random: RandomBytes;
}

export interface Operators {
  readonly addresses: readonly Hex[];
  /** Their keys are ours, made for play: to be announced in red. */
  readonly areRehearsal: boolean;
}

/** The two people who own the Safe beside the group's owner key. Where they are not given, keys are made for a rehearsal; custody/operators-needed on any chain but 31337. */
export async function openOperators({ given, folder, chainId, random }: OperatorsOptions): Promise<Operators> {
  if (given) return { addresses: given, areRehearsal: false };
  if (chainId !== LOCAL_CHAIN_ID)
    throw new Problem('custody/operators-needed', `Chain ${chainId} is not the local chain ${LOCAL_CHAIN_ID}, and no operators are named.`);
  const addresses: Hex[] = [];
  for (const name of ['operator-1', 'operator-2']) addresses.push(addressOf(secp256k1.getPublicKey(await loadOrCreateKey(folder, name, random))));
  return { addresses, areRehearsal: true };
}
