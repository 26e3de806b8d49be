import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, concat, derivedId, Problem, utf8, type Hex, type RandomBytes } from '#base';
import { addressOf, fromRecovered, intentDigest, isSignatureBy, roleOf, ROLES, type Intent, type Role } from './intents.ts';
import { loadOrCreateKey } from './keyStore.ts';
import type { Custody, Outcome, SignatureRequestId } from './types.ts';

/** The only chain a development key signs for: the local one. */
const LOCAL_CHAIN_ID = 31337n;

export interface DevelopmentCustodyOptions {
  /** Folder of the three key files; made if absent. */
  readonly folder: string;
  /** Of the chain the process is connected to. */
  readonly chainId: bigint;
  readonly random: RandomBytes;
}

/** One local key a role behind the door of the signer nodes. custody/not-a-local-chain on any chain but 31337. */
export async function openDevelopmentCustody({ folder, chainId, random }: DevelopmentCustodyOptions): Promise<Custody> {
  requireLocalChain(chainId);
  const keys = new Map<Role, Uint8Array>();
  for (const role of ROLES) keys.set(role, await loadOrCreateKey(folder, role, random));
  return new DevelopmentCustody(keys);
}

/** custody/not-a-local-chain on any chain but 31337: asked before anything is made for a chain that no key of ours signs for. */
export function requireLocalChain(chainId: bigint): void {
  if (chainId !== LOCAL_CHAIN_ID) throw new Problem('custody/not-a-local-chain', `Chain ${chainId} is not the local chain ${LOCAL_CHAIN_ID}.`);
}

class DevelopmentCustody implements Custody {
  readonly kind = 'development';
  readonly #keys: ReadonlyMap<Role, Uint8Array>;
  /** Forgotten with the process: whoever waits asks again and finds the same request. */
  readonly #outcomes = new Map<SignatureRequestId, Outcome>();

  constructor(keys: ReadonlyMap<Role, Uint8Array>) {
    this.#keys = keys;
  }

  async address(role: Role): Promise<Hex> {
    return addressOf(secp256k1.getPublicKey(this.#keys.get(role)!));
  }

  async requestSignature(role: Role, intent: Intent): Promise<{ readonly id: SignatureRequestId }> {
    const digest = intentDigest(intent);
    const id = derivedId<SignatureRequestId>(keccak_256(concat(utf8(`cairn.signature.${role}`), digest)));
    if (this.#outcomes.has(id)) return { id };
    this.#outcomes.set(id, { status: 'pending' });
    // Like the signer nodes, it answers after the request is acknowledged, never within it.
    setImmediate(() => this.#outcomes.set(id, this.#judge(role, intent, digest)));
    return { id };
  }

  async outcome(id: SignatureRequestId): Promise<Outcome> {
    const outcome = this.#outcomes.get(id);
    if (!outcome) throw new Problem('custody/unknown-request', `Nobody asked for signature ${id} since this process started.`);
    return outcome;
  }

  #judge(role: Role, intent: Intent, digest: Uint8Array): Outcome {
    if (roleOf(intent) !== role) return { status: 'refused', rule: 'role', reason: `The ${role} key does not sign intents of kind ${intent.kind}.` };
    if (intent.chainId !== LOCAL_CHAIN_ID) return { status: 'refused', rule: 'chain', reason: `The intent is for chain ${intent.chainId}, not the local one.` };
    const key = this.#keys.get(role)!;
    const signature = fromRecovered(secp256k1.sign(digest, key, { prehash: false, lowS: true, format: 'recovered' }));
    // Signed by one library, checked by another before it leaves.
    assert(isSignatureBy(addressOf(secp256k1.getPublicKey(key)), digest, signature), 'a signature that its own key does not verify never leaves');
    return { status: 'signed', signature };
  }
}
