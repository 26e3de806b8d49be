/** The three messages of a signature between two signers, as bytes: one codec each, fixed lengths, nothing after the end (digest 2.3 and 7). */
import { concat } from '#base';
import { abort } from '../primitives/abort.ts';
import { HASH_BYTES, POINT_BYTES, SCALAR_BYTES } from '../primitives/parameters.ts';
import type { PartyId } from '../primitives/parties.ts';
import type { Point } from '../primitives/points.ts';
import { scalarBytes } from '../primitives/scalars.ts';
import { Reader } from '../primitives/wire.ts';
import { EXTENSION_BYTES } from '../ot/extension.ts';
import { readAliceMessage, RVOLE_BYTES, type AliceMessage } from '../ot/rvole.ts';

/** sid 32 || setupId 32 || com 32 || ot 8,752. */
export interface Round1Message {
  /** In clear, and compared before anything that depends on Delta (2.6). */
  readonly sid: Uint8Array;
  readonly setupId: Uint8Array;
  readonly com: Uint8Array;
  readonly ot: Uint8Array;
}

/** R 65 || salt 32 || pk 65 || Gu 65 || Gv 65 || psi 32 || rvole 53,344 || echo 32. */
export interface Round2Message {
  readonly R: Point;
  readonly RBytes: Uint8Array;
  readonly salt: Uint8Array;
  readonly pk: Point;
  readonly Gu: Point;
  readonly Gv: Point;
  readonly psi: bigint;
  readonly rvole: AliceMessage;
  readonly echo: Uint8Array;
}

/** The same before it is read: points and the multiplication are bytes already when they are made. */
export interface Round2Fields {
  readonly R: Uint8Array;
  readonly salt: Uint8Array;
  readonly pk: Uint8Array;
  readonly Gu: Uint8Array;
  readonly Gv: Uint8Array;
  readonly psi: bigint;
  readonly rvole: Uint8Array;
  readonly echo: Uint8Array;
}

/** u 32 || w 32. */
export interface Round3Message {
  readonly u: bigint;
  readonly w: bigint;
}

export const ROUND1_BYTES = 3 * HASH_BYTES + EXTENSION_BYTES;
export const ROUND2_BYTES = 4 * POINT_BYTES + 2 * HASH_BYTES + SCALAR_BYTES + RVOLE_BYTES;
export const ROUND3_BYTES = 2 * SCALAR_BYTES;

export function encodeRound1({ sid, setupId, com, ot }: Round1Message): Uint8Array {
  return concat(sid, setupId, com, ot);
}

export function decodeRound1(bytes: Uint8Array, from: PartyId): Round1Message {
  const read = new Reader(bytes, ROUND1_BYTES, from, 'The first message');
  const message = { sid: read.bytes(HASH_BYTES), setupId: read.bytes(HASH_BYTES), com: read.bytes(HASH_BYTES), ot: read.bytes(EXTENSION_BYTES) };
  read.end();
  return message;
}

export function encodeRound2({ R, salt, pk, Gu, Gv, psi, rvole, echo }: Round2Fields): Uint8Array {
  return concat(R, salt, pk, Gu, Gv, scalarBytes(psi), rvole, echo);
}

export function decodeRound2(bytes: Uint8Array, from: PartyId): Round2Message {
  const read = new Reader(bytes, ROUND2_BYTES, from, 'The second message');
  const RBytes = new Uint8Array(bytes.subarray(0, POINT_BYTES));
  const fields = { R: read.point(), salt: read.bytes(HASH_BYTES), pk: read.point(), Gu: read.point(), Gv: read.point(), psi: read.scalar() };
  const rvole = readAliceMessage(read.bytes(RVOLE_BYTES));
  const echo = read.bytes(HASH_BYTES);
  read.end();
  if (!rvole) throw abort('mpc/malformed-message', from, `The multiplication of party ${from} has a scalar that is not below q.`);
  return { ...fields, RBytes, rvole, echo };
}

export function encodeRound3({ u, w }: Round3Message): Uint8Array {
  return concat(scalarBytes(u), scalarBytes(w));
}

export function decodeRound3(bytes: Uint8Array, from: PartyId): Round3Message {
  const read = new Reader(bytes, ROUND3_BYTES, from, 'The third message');
  const message = { u: read.scalar(), w: read.scalar() };
  read.end();
  return message;
}
