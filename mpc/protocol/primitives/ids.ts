/** The identities that every hash is keyed by (digest 2.5, 2.6, 4). */
import { assert } from '#base';
import { H, list, u16, u32 } from './hash.ts';
import { CURVE_NAME, HASH_BYTES, POINT_BYTES, PROTOCOL_VERSION } from './parameters.ts';
import { allParties, partiesPart, type PartyId, type Threshold } from './parties.ts';
import { scalarBytes } from './scalars.ts';

/** 32 bytes; the brand says what they name. */
export type Id32<Brand extends string> = Uint8Array & { readonly __id: Brand };

/** Of a key, for ever: chosen by its operators at key generation. */
export type KeyId = Id32<'key'>;
export type EpochId = Id32<'epoch'>;
/** Key, epoch and parties, in every session id. */
export type Context = Id32<'context'>;
/** Of a signing session (2.6). */
export type SessionId = Id32<'session'>;
/** Of one run of section 4 between two parties, before it ends. */
export type SetupSessionId = Id32<'setup-session'>;
/** Of its finished transcript. */
export type SetupId = Id32<'setup'>;
/** Of one direction of a pair within one session: s of sections 5 and 6. */
export type PairId = Id32<'pair'>;

/** The bytes as an id; mpc/bad-parameters is the caller's to raise, so a wrong length is a bug here. */
export function id32<Id extends Id32<string>>(bytes: Uint8Array): Id {
  assert(bytes.length === HASH_BYTES, `an id has ${HASH_BYTES} bytes, not ${bytes.length}`);
  return bytes as Id;
}

export interface EpochFacts {
  /** sid of the attempt that made it: a counter alone would let two attempts at one epoch collide. */
  readonly attempt: Uint8Array;
  readonly epoch: number;
  /** X and X_1..X_n, 65 bytes each. */
  readonly publicKey: Uint8Array;
  readonly publicShares: readonly Uint8Array[];
  readonly chainCode: Uint8Array;
  /** Of all parties in id order: 32 bytes each, the SHA-256 of the key that its channel is authenticated by. */
  readonly identities: readonly Uint8Array[];
}

/** epochId = H("epoch/v1"; sid, epoch, X, X_1..X_n, cc, identity keys) (2.5). */
export function epochId({ attempt, epoch, publicKey, publicShares, chainCode, identities }: EpochFacts): EpochId {
  return id32(H('epoch/v1', attempt, u32(epoch), publicKey, list(publicShares, POINT_BYTES), chainCode, list(identities, HASH_BYTES)));
}

export interface ContextFacts extends Threshold {
  readonly keyId: KeyId;
  readonly epochId: EpochId;
  readonly publicKey: Uint8Array;
}

/** ctx = H("ctx/v1"; protocol version, curve, keyId, epochId, n, t, sorted party ids, X) (2.5). */
export function context({ keyId, epochId, n, t, publicKey }: ContextFacts): Context {
  return id32(H('ctx/v1', PROTOCOL_VERSION, CURVE_NAME, keyId, epochId, u16(n), u16(t), partiesPart(allParties(n)), publicKey));
}

/** One signer's slot of a session: what it drew and the policy it decided by. */
export interface Slot {
  /** N_i: 32 fresh bytes, drawn in RAM after the decision, never persisted, good for one session (2.6). */
  readonly nonce: Uint8Array;
  readonly policyHash: Uint8Array;
}

export interface SessionFacts {
  readonly ctx: Context;
  /** S, in order. */
  readonly signers: readonly PartyId[];
  /** Non-hardened BIP-32 steps, root first. */
  readonly path: readonly number[];
  /** tau, recomputed by each party from (X, cc, path), never taken from the wire. */
  readonly tweak: bigint;
  /** m: 32 bytes. */
  readonly digest: Uint8Array;
  /** 32 bytes. */
  readonly requestId: Uint8Array;
  /** In the order of the signers. */
  readonly slots: readonly Slot[];
}

/** sid = H("sign-sid/v1"; ctx, S, path, tau, m, requestId, (N_i, policyHash_i) in id order) (2.6). */
export function sessionId({ ctx, signers, path, tweak, digest, requestId, slots }: SessionFacts): SessionId {
  assert(slots.length === signers.length, 'every signer has one slot');
  const slotBytes = slots.map(({ nonce, policyHash }) => {
    assert(nonce.length === HASH_BYTES && policyHash.length === HASH_BYTES, 'a slot is two strings of 32 bytes');
    const bytes = new Uint8Array(2 * HASH_BYTES);
    bytes.set(nonce);
    bytes.set(policyHash, HASH_BYTES);
    return bytes;
  });
  return id32(H('sign-sid/v1', ctx, partiesPart(signers), list(path.map(u32), 4), scalarBytes(tweak), digest, requestId, list(slotBytes, 2 * HASH_BYTES)));
}

/** sid_setup = H("setup-sid/v1"; ctx, i, j, generation, N_i, N_j) with i < j (4): fresh at every run. */
export function setupSessionId(ctx: Context, i: PartyId, j: PartyId, generation: number, nonceI: Uint8Array, nonceJ: Uint8Array): SetupSessionId {
  assert(i < j, 'the lower party comes first');
  return id32(H('setup-sid/v1', ctx, u16(i), u16(j), u32(generation), nonceI, nonceJ));
}

/** pid(A, B) = H("pair/v1"; sid, A, B, setupId), A the RVOLE input holder, B the choice holder (2.6). */
export function pairId(sid: SessionId, alice: PartyId, bob: PartyId, setupId: SetupId): PairId {
  return id32(H('pair/v1', sid, u16(alice), u16(bob), setupId));
}
