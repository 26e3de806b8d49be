/** Additive shares of zero from pairwise seeds (digest 4.1). */
import { H, H512, u16 } from '../primitives/hash.ts';
import type { SessionId, SetupSessionId } from '../primitives/ids.ts';
import type { PartyId } from '../primitives/parties.ts';
import { mod } from '../primitives/scalars.ts';

/** The commitment to one party's contribution v, 32 bytes. */
export function seedCommitment(sid: SetupSessionId, own: PartyId, peer: PartyId, v: Uint8Array, salt: Uint8Array): Uint8Array {
  return H('zseed-com/v1', sid, u16(own), u16(peer), v, salt);
}

/** z_ij = H("zseed/v1"; sid_setup, i, j, v_i, v_j) with i < j. */
export function zeroSeed(sid: SetupSessionId, i: PartyId, j: PartyId, vI: Uint8Array, vJ: Uint8Array): Uint8Array {
  return H('zseed/v1', sid, u16(i), u16(j), vI, vJ);
}

/** zeta_i = sum_{j in S, j>i} F(z_ij, sid) - sum_{j in S, j<i} F(z_ij, sid), F(z, sid) = H512("zero/v1"; z, sid) mod q. The sum over S is 0. */
export function zeroShare(i: PartyId, seeds: ReadonlyMap<PartyId, Uint8Array>, sid: SessionId): bigint {
  let zeta = 0n;
  for (const [j, z] of seeds) {
    const F = H512('zero/v1', z, sid);
    zeta += j > i ? F : -F;
  }
  return mod(zeta);
}
