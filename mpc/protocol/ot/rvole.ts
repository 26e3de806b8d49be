/**
 * Random vector OLE (digest section 6; eprint 2023/765 protocol 5.2): Alice holds a_1..a_l, Bob gets a random b, and they end with c_i + d_i = a_i * b mod q.
 */
import { assert, concat, type RandomBytes } from '#base';
import { masked, weighed } from '../kernel/kernel.ts';
import { equal, wipe } from '../primitives/constantTime.ts';
import { H, H512, u16 } from '../primitives/hash.ts';
import type { PairId } from '../primitives/ids.ts';
import { HASH_BYTES, SCALAR_BYTES, VOLE_CHECKS, VOLE_INPUTS, VOLE_WIDTH, XI } from '../primitives/parameters.ts';
import { areScalars, bigEndian, mod, q, randomScalar, scalarBytes } from '../primitives/scalars.ts';
import { bitOf } from './baseOt.ts';
import type { Columns } from './columns.ts';
import { extend, pads, type SenderKeys } from './extension.ts';

const AT_BYTES = XI * VOLE_WIDTH * SCALAR_BYTES;
const ETA_BYTES = VOLE_CHECKS * SCALAR_BYTES;
/** at 53,248 || eta 64 || M 32. */
export const RVOLE_BYTES = AT_BYTES + ETA_BYTES + HASH_BYTES;

/** g_1..g_xi: H512("gadget/v1"; j) mod q (1). Global and fixed, so nobody chooses it after the choice bits. */
const GADGET: readonly bigint[] = Array.from({ length: XI }, (_, j) => H512('gadget/v1', u16(j)));

const GADGET_BYTES = concat(...GADGET.map(scalarBytes));

/** Both inputs or both outputs: u is about r_i, v about sk_i (7). */
export interface Two {
  readonly u: bigint;
  readonly v: bigint;
}

/** What Bob keeps between his message and Alice's. */
export interface BobState {
  /** b, which section 7 calls chi. */
  readonly b: bigint;
  readonly beta: Uint8Array;
  readonly gamma: Uint8Array;
  /** H(ot message of Bob), for theta. */
  readonly sent: Uint8Array;
}

/** zero where the bit is 0, one where it is 1, with the same work for either: BigInts cannot be masked bit by bit without losing their length, so the bit selects from two values that are both at hand. */
function select(bit: 0 | 1, zero: bigint, one: bigint): bigint {
  return [zero, one][bit]!;
}

/** 6.1: the OT extension's message, and b = sum_j beta_j g_j mod q. */
export function bob1(s: PairId, keys: SenderKeys, random: RandomBytes): { readonly message: Uint8Array; readonly state: BobState } {
  const { message, beta, gamma } = extend(s, keys, random);
  let b = 0n;
  for (let j = 0; j < XI; j++) b += select(bitOf(beta, j), q, GADGET[j]!);
  return { message, state: { b: b % q, beta, gamma, sent: H('rvole-ot/v1', message) } };
}

/** theta_{i,k} = H512("rvole-theta/v1"; s, H(ot message of Bob), H(at), i, k) mod q, at [i][k]. */
function thetas(s: PairId, sent: Uint8Array, at: Uint8Array): bigint[][] {
  const H_at = H('rvole-at/v1', countedList(at));
  return Array.from({ length: VOLE_INPUTS }, (_, i) => Array.from({ length: VOLE_CHECKS }, (_, k) => H512('rvole-theta/v1', s, sent, H_at, u16(i), u16(k))));
}

/** M = H("rvole-mu/v1"; s, mu) (6.2). */
function digestOfMu(s: PairId, mu: Uint8Array): Uint8Array {
  return H('rvole-mu/v1', s, countedList(mu));
}

/** Scalars as one part of a hash (2.1): count u32 BE || 32 bytes each. */
function countedList(scalars: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + scalars.length);
  new DataView(bytes.buffer).setUint32(0, scalars.length / SCALAR_BYTES);
  bytes.set(scalars, 4);
  return bytes;
}

/** 6.2: on an OT message that passed its check, with `columns` from that check: Alice's outputs c and her message. */
export function alice2(
  s: PairId,
  delta: Uint8Array,
  columns: Columns,
  otMessage: Uint8Array,
  a: Two,
  random: RandomBytes,
): { readonly message: Uint8Array; readonly c: Two } {
  const { alpha0, alpha1 } = pads(s, delta, columns);
  const ahat = [randomScalar(random), randomScalar(random)] as const; // ahat_k, fresh for the session and the peer
  const at = masked(alpha0, alpha1, [a.u, a.v, ...ahat]); // at_{j,i} = alpha0_{j,i} - alpha1_{j,i} + a_i, at_{j,l+k} = alpha0_{j,l+k} - alpha1_{j,l+k} + ahat_k
  const theta = thetas(s, H('rvole-ot/v1', otMessage), at);
  const eta = ahat.map((value, k) => mod(value + theta[0]![k]! * a.u + theta[1]![k]! * a.v)); // eta_k = ahat_k + sum_i theta_{i,k} a_i
  const { mu, sums } = weighed(GADGET_BYTES, alpha0, theta.flat()); // mu_{j,k} = alpha0_{j,l+k} + sum_i theta_{i,k} alpha0_{j,i}
  wipe(alpha0, alpha1);

  const message = new Uint8Array(RVOLE_BYTES);
  message.set(at);
  eta.forEach((value, k) => message.set(scalarBytes(value), AT_BYTES + k * SCALAR_BYTES));
  message.set(digestOfMu(s, mu), AT_BYTES + ETA_BYTES);
  return { message, c: { u: mod(-sums[0]), v: mod(-sums[1]) } }; // c_i = - sum_j g_j alpha0_{j,i}
}

/** Alice's message, read: every scalar below q. */
export interface AliceMessage {
  /** at_{j,w}, 32 bytes each, row by row. */
  readonly at: Uint8Array;
  readonly eta: readonly bigint[];
  readonly M: Uint8Array;
}

/** Null where a scalar is not canonical; the length is the caller's to have checked. */
export function readAliceMessage(bytes: Uint8Array): AliceMessage | null {
  assert(bytes.length === RVOLE_BYTES, 'the length of a message is checked before it is read');
  if (!areScalars(bytes.subarray(0, AT_BYTES + ETA_BYTES))) return null;
  const eta = [0, 1].map((k) => bigEndian(bytes.subarray(AT_BYTES + k * SCALAR_BYTES, AT_BYTES + (k + 1) * SCALAR_BYTES)));
  return { at: bytes.slice(0, AT_BYTES), eta, M: bytes.slice(AT_BYTES + ETA_BYTES) };
}

/** 6.3: Bob's outputs d, or null where Alice was inconsistent: a selective failure about beta, and the pair is to be poisoned. */
export function bob3(s: PairId, { beta, gamma, sent }: BobState, { at, eta, M }: AliceMessage): Two | null {
  const theta = thetas(s, sent, at);
  // dd_{j,i} = gamma_{j,i} + beta_j at_{j,i}; mu'_{j,k} = dd_{j,l+k} + sum_i theta_{i,k} dd_{j,i} - beta_j eta_k
  const { mu, sums } = weighed(GADGET_BYTES, gamma, theta.flat(), { beta, at, minusEta: eta.map((value) => mod(-value)) });
  if (!equal(digestOfMu(s, mu), M)) return null;
  return { u: sums[0], v: sums[1] }; // d_i = sum_j g_j dd_{j,i}
}
