/** Every field of every message of the protocol, in the order of its bytes. layouts.test.ts holds these tables against what the decoders read, so that no new field can be left out of a test that goes through them. */
import type { AbortCode, Effect } from '#mpc/protocol';
import type { Kind } from '../../../../mpc/protocol/keys/rounds.ts';
import { body, type Field } from './tampering.ts';

export type Round = 1 | 2 | 3;

export interface SigningField {
  readonly name: string;
  readonly round: Round;
  readonly at: number;
  readonly bytes: number;
  readonly kind: 'bytes' | 'scalar' | 'scalars' | 'point';
  /** What another well-formed value of this field leads to. */
  readonly code: AbortCode;
}

/** Every field of every message (T-04), where it stands, and the check that a wrong value of it runs into. */
export const SIGNING_FIELDS: readonly SigningField[] = [
  { name: 'sid', round: 1, at: 0, bytes: 32, kind: 'bytes', code: 'mpc/session-differs' },
  { name: 'setupId', round: 1, at: 32, bytes: 32, kind: 'bytes', code: 'mpc/session-differs' },
  { name: 'com', round: 1, at: 64, bytes: 32, kind: 'bytes', code: 'mpc/echo-differs' },
  { name: 'u', round: 1, at: 96, bytes: 8_704, kind: 'bytes', code: 'mpc/ot-check-failed' },
  { name: 'xh', round: 1, at: 8_800, bytes: 16, kind: 'bytes', code: 'mpc/ot-check-failed' },
  { name: 'T', round: 1, at: 8_816, bytes: 32, kind: 'bytes', code: 'mpc/ot-check-failed' },
  { name: 'R', round: 2, at: 0, bytes: 65, kind: 'point', code: 'mpc/bad-opening' },
  { name: 'salt', round: 2, at: 65, bytes: 32, kind: 'bytes', code: 'mpc/bad-opening' },
  { name: 'pk', round: 2, at: 97, bytes: 65, kind: 'point', code: 'mpc/product-check-failed' },
  { name: 'Gu', round: 2, at: 162, bytes: 65, kind: 'point', code: 'mpc/product-check-failed' },
  { name: 'Gv', round: 2, at: 227, bytes: 65, kind: 'point', code: 'mpc/product-check-failed' },
  { name: 'psi', round: 2, at: 292, bytes: 32, kind: 'scalar', code: 'mpc/invalid-signature' },
  { name: 'at', round: 2, at: 324, bytes: 53_248, kind: 'scalars', code: 'mpc/rvole-check-failed' },
  { name: 'eta', round: 2, at: 53_572, bytes: 64, kind: 'scalars', code: 'mpc/rvole-check-failed' },
  { name: 'M', round: 2, at: 53_636, bytes: 32, kind: 'bytes', code: 'mpc/rvole-check-failed' },
  { name: 'echo', round: 2, at: 53_668, bytes: 32, kind: 'bytes', code: 'mpc/echo-differs' },
  { name: 'u of the end', round: 3, at: 0, bytes: 32, kind: 'scalar', code: 'mpc/invalid-signature' },
  { name: 'w', round: 3, at: 32, bytes: 32, kind: 'scalar', code: 'mpc/invalid-signature' },
];

export const ROUND_BYTES: Readonly<Record<Round, number>> = { 1: 8_848, 2: 53_700, 3: 64 };

/** The table of section 12, once more. */
export const EFFECTS: Partial<Record<AbortCode, Effect>> = {
  'mpc/malformed-message': 'count',
  'mpc/session-differs': 'alarm',
  'mpc/echo-differs': 'keep-evidence',
  'mpc/bad-opening': 'keep-evidence',
  'mpc/ot-check-failed': 'poison-pair',
  'mpc/rvole-check-failed': 'poison-pair',
  'mpc/product-check-failed': 'poison-pair',
  'mpc/key-sum-differs': 'self-test',
  'mpc/invalid-signature': 'count-failure',
};

/** The messages of the life of a key behind their header, of 2-of-3 parties; a refresh of 3-of-3 opens two coefficients as well. */
export const BODIES: Readonly<Record<Kind, readonly Field[]>> = {
  'dkg/nonce': body(['N', 32]),
  'dkg/commitment': body(['C', 32]),
  'dkg/opening': body(['A_0', 65], ['A_1', 65], ['K', 65], ['rho', 32], ['cc', 32], ['salt', 32]),
  'dkg/share': body(['s', 32]),
  'dkg/proof': body(['z', 32], ['E', 32]),
  'refresh/nonce': body(['N', 32]),
  'refresh/commitment': body(['C', 32]),
  'refresh/opening': body(['A_1', 65], ['A_2', 65], ['salt', 32]),
  'refresh/share': body(['s', 32]),
  'refresh/echo': body(['E', 32]),
  'reshare/dealer-nonce': body(['N', 32]),
  'reshare/receiver-nonce': body(['N', 32]),
  'reshare/commitment': body(['C', 32]),
  'reshare/opening': body(['B_0', 65], ['B_1', 65], ['salt', 32]),
  'reshare/share': body(['s', 32], ['cc', 32]),
  'reshare/dealer-echo': body(['E', 32]),
  'reshare/receiver-echo': body(['E', 32]),
  confirmation: body(['digest', 32], ['signature', 64]),
};

/** The three messages of a set-up; the 256 phi are the first and the last of them and what is between. */
export const SETUP_FIELDS: Readonly<Record<'nonce' | 'exchange' | 'opening', readonly Field[]>> = {
  nonce: [{ name: 'N', at: 0, length: 32 }],
  exchange: [
    { name: 'com', at: 0, length: 32 },
    { name: 'A', at: 32, length: 33 },
    { name: 'phi_{0,0}', at: 65, length: 33 },
    { name: 'the phi between', at: 98, length: 254 * 33 },
    { name: 'phi_{127,1}', at: 8_480, length: 33 },
  ],
  opening: [
    { name: 'v', at: 0, length: 32 },
    { name: 'salt', at: 32, length: 32 },
  ],
};
