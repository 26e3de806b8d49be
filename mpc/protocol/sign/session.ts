/** Which session a signer takes part in (digest 2.6): it accepts one tuple, and starts that one, once. */
import { Problem, type RandomBytes } from '#base';
import { abort, Once } from '../primitives/abort.ts';
import { equal } from '../primitives/constantTime.ts';
import { sessionId, type Context, type SessionId, type Slot } from '../primitives/ids.ts';
import { contextOf, type KeyShare } from '../primitives/keyShare.ts';
import { HASH_BYTES } from '../primitives/parameters.ts';
import { signerSet, type PartyId } from '../primitives/parties.ts';
import { drawn } from '../primitives/scalars.ts';
import { derive, type Path } from '../keys/derivation.ts';

/** What a signer is asked to sign, after its policy has decided that it will. */
export interface SigningRequest {
  readonly key: KeyShare;
  /** S: exactly t parties, in any order. */
  readonly signers: readonly number[];
  /** Of the key that signs, below the root; [] is the root. */
  readonly path: Path;
  /** m: 32 bytes that this signer hashed itself. */
  readonly digest: Uint8Array;
  /** 32 bytes. */
  readonly requestId: Uint8Array;
}

/** A tuple that this signer accepted, with its own fresh slot. */
export interface Accepted {
  readonly key: KeyShare;
  readonly ctx: Context;
  /** S in order. */
  readonly signers: readonly PartyId[];
  readonly path: Path;
  /** tau and X' = X + tau G, recomputed here from (X, cc, path). */
  readonly tweak: bigint;
  readonly publicKey: Uint8Array;
  readonly digest: Uint8Array;
  readonly requestId: Uint8Array;
  readonly slot: Slot;
}

export interface Session extends Accepted {
  readonly sid: SessionId;
  readonly peers: readonly PartyId[];
}

/**
 * Accepts exactly one session: draws N_i, 32 fresh bytes that live in RAM only and are good for one start. The slot goes to the coordinator; the acceptance stays here, and dies with the process.
 * mpc/bad-parameters where the request is not one.
 */
export function acceptSigning(
  request: SigningRequest,
  policyHash: Uint8Array,
  random: RandomBytes,
): { readonly slot: Slot; readonly acceptance: Once<Accepted> } {
  const { key, signers, path, digest, requestId } = request;
  for (const [name, bytes] of Object.entries({ digest, requestId, policyHash }))
    if (bytes.length !== HASH_BYTES) throw new Problem('mpc/bad-parameters', `The ${name} has ${bytes.length} bytes instead of ${HASH_BYTES}.`);
  const S = signerSet(signers, key, key.id);
  const { tweak, publicKey } = derive(key, path);
  const slot: Slot = { nonce: drawn(HASH_BYTES, random), policyHash: new Uint8Array(policyHash) }; // N_i
  const accepted: Accepted = {
    key,
    ctx: contextOf(key),
    signers: S,
    path: [...path],
    tweak,
    publicKey,
    digest: new Uint8Array(digest),
    requestId: new Uint8Array(requestId),
    slot,
  };
  // The caller's slot is a copy, which it may wipe or change without changing what was accepted.
  return { slot: { nonce: slot.nonce.slice(), policyHash: slot.policyHash.slice() }, acceptance: new Once(accepted, 'This acceptance of a signature') };
}

/**
 * The session of an acceptance, which ends with this call whatever comes of it, so that one N_i gives at most one sid. mpc/not-the-accepted-session unless every signer has one slot and the own slot holds
 * what this signer drew and decided by.
 */
export function openSession(acceptance: Once<Accepted>, slots: ReadonlyMap<PartyId, Slot>): Session {
  const accepted = acceptance.take();
  const { key, ctx, signers, path, tweak, digest, requestId, slot } = accepted;
  const inOrder = signers.map((id) => slots.get(id));
  const isComplete = slots.size === signers.length && inOrder.every((each) => each?.nonce.length === HASH_BYTES && each.policyHash.length === HASH_BYTES);
  if (!isComplete) throw abort('mpc/not-the-accepted-session', null, `A session of signers ${signers.join(', ')} has one slot for each of them and no other.`);
  const own = slots.get(key.id)!;
  if (!equal(own.nonce, slot.nonce) || !equal(own.policyHash, slot.policyHash))
    throw abort('mpc/not-the-accepted-session', null, `The slot of party ${key.id} does not hold what it accepted.`);
  const sid = sessionId({ ctx, signers, path, tweak, digest, requestId, slots: inOrder as readonly Slot[] });
  return { ...accepted, sid, peers: signers.filter((id) => id !== key.id) };
}
