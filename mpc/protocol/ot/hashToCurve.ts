import { secp256k1_hasher } from '@noble/curves/secp256k1.js';
import { utf8 } from '#base';
import { encodeParts, u16 } from '../primitives/hash.ts';
import type { SetupSessionId } from '../primitives/ids.ts';
import type { PartyId } from '../primitives/parties.ts';
import type { Point } from '../primitives/points.ts';

/** RFC 9380 section 3.1: the suite is part of the tag. */
const DST = utf8('CAIRN-DKLS23-V01-with-secp256k1_XMD:SHA-256_SSWU_RO_');

/**
 * Hc_b(i, P) (4.3): a point whose discrete logarithm nobody knows. With h = hash * G it would be public, and a base OT without secrets (4.4).
 * RFC 9380's SSWU map, one sequence of operations for every input, on both sides: the receiver's time must not follow its choice b, and counts of try-and-increment can be computed by everybody. For the
 * same reason b is a part of what is hashed and not a branch to another tag.
 */
export function hashToCurve(sid: SetupSessionId, alice: PartyId, bob: PartyId, i: number, b: number, P: Uint8Array): Point {
  return secp256k1_hasher.hashToCurve(encodeParts('bot-h2c/v1', [sid, u16(alice), u16(bob), u16(i), u16(b), P]), { DST });
}
