import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { join } from 'node:path';
import { assert, concat, derivedId, Problem, utf8, type Hex, type RandomBytes } from '#base';
import { loadOrCreateKey, type Custody, type Outcome, type SignatureRequestId } from '#custody';
import { addressOf, fromRecovered, intentDigest, isSignatureBy, roleOf, ROLES, type Intent, type Role } from '#custody/intents';
import type { OpenSigners } from '#main';

/** The only chain that a test's key signs for: the local one. */
const LOCAL_CHAIN_ID = 31337n;

/** One local key a role behind the door of the signer nodes: for tests that are about something else, where three processes would be too dear. `folder` holds the key files. */
export async function openTestCustody(folder: string, random: RandomBytes): Promise<Custody> {
  const keys = new Map<Role, Uint8Array>();
  for (const role of ROLES) keys.set(role, await loadOrCreateKey(folder, role, random));
  return new TestCustody(keys);
}

/** In the place of a platform's signer nodes. */
export const testSigners: OpenSigners = async ({ stateDir, random }) => ({
  custody: await openTestCustody(join(stateDir, 'keys'), random),
  appoint: async () => undefined,
  pids: () => [],
  stop: async () => undefined,
});

class TestCustody implements Custody {
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

  async health(): Promise<{ readonly ok: boolean; readonly detail: string }> {
    return { ok: true, detail: 'keys of a test' };
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
