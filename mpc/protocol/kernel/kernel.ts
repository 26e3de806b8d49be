/**
 * The long vectors of a signature (digest 5 and 6), which is where its time would go: 1,632 hashes and some 5,000 products mod q a party and peer. vole.as does them in WebAssembly, in one sequence of
 * operations whatever the secrets are. One instance a process; a call leaves nothing in it.
 */
import { assert } from '#base';
import { SCALAR_BYTES, VOLE_CHECKS, VOLE_WIDTH, XI } from '../primitives/parameters.ts';
import { bigEndian, scalarBytes } from '../primitives/scalars.ts';
import { KERNEL_WASM } from './wasm.ts';

interface Address {
  readonly value: number;
}

/** The functions of vole.as and where they take and leave what. */
interface KernelExports extends Readonly<
  Record<'BLOCKS' | 'HASHES' | 'PADS' | 'OTHERS' | 'AT' | 'INPUTS' | 'BETA' | 'THETA' | 'MINUS_ETA' | 'MU' | 'SUMS' | 'GADGET', Address>
> {
  readonly memory: WebAssembly.Memory;
  shake(count: number, length: number): void;
  mask(): void;
  weigh(): void;
  wipe(): void;
}

const kernel = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(KERNEL_WASM, 'base64'))).exports as KernelExports;
// It never grows.
const memory = new Uint8Array(kernel.memory.buffer);

/** SHAKE256: a rate of 136 bytes, its four bits of suffix with the first of the padding, the last of the padding. */
const RATE = 136;
const SUFFIX = 0x1f;
const LAST_BIT = 0x80;

const AT_BYTES = XI * VOLE_WIDTH * SCALAR_BYTES;

/**
 * SHAKE256 of `count` messages (even, at most xi) to `length` bytes each (a multiple of four, at most 128), one behind the other. They are one template of less than a block, but for what `vary` writes
 * into message i, which begins at `at` of the bytes that it gets.
 */
export function shakes(template: Uint8Array, count: number, length: number, vary: (bytes: Uint8Array, at: number, i: number) => void): Uint8Array {
  assert(template.length < RATE && count % 2 === 0 && count <= XI && length % 4 === 0 && length <= 128, 'the kernel hashes messages of one block');
  const [blocks, hashes] = [kernel.BLOCKS.value, kernel.HASHES.value];
  memory.set(template, blocks);
  memory[blocks + template.length]! ^= SUFFIX;
  memory[blocks + RATE - 1]! ^= LAST_BIT;
  const end = blocks + count * RATE;
  for (let to = blocks + RATE; to < end; to += to - blocks) memory.copyWithin(to, blocks, Math.min(to, end - (to - blocks)));
  for (let i = 0; i < count; i++) vary(memory, blocks + i * RATE, i);
  kernel.shake(count, length);
  const out = memory.slice(hashes, hashes + count * length);
  kernel.wipe();
  return out;
}

/** at_{j,w} = alpha0_{j,w} - alpha1_{j,w} + (a_1, a_2, ahat_1, ahat_2)_w mod q (6.2), 32 bytes each, row by row; so are the pads, numbers below 2^256. */
export function masked(alpha0: Uint8Array, alpha1: Uint8Array, inputs: readonly bigint[]): Uint8Array {
  put(kernel.PADS, alpha0, AT_BYTES);
  put(kernel.OTHERS, alpha1, AT_BYTES);
  putScalars(kernel.INPUTS, inputs, VOLE_WIDTH);
  kernel.mask();
  const at = taken(kernel.AT, AT_BYTES);
  kernel.wipe();
  return at;
}

/** What 6.3 gives Bob, and with beta = 0 what 6.2 gives Alice. */
export interface Weighed {
  /** mu_{j,k}, 32 bytes each, row by row. */
  readonly mu: Uint8Array;
  /** sum_j g_j dd_{j,1} and sum_j g_j dd_{j,2}, in [0, q). */
  readonly sums: readonly [bigint, bigint];
}

export interface Correction {
  readonly beta: Uint8Array;
  readonly at: Uint8Array;
  /** -eta_1 and -eta_2 mod q. */
  readonly minusEta: readonly bigint[];
}

/** mu and the sums over dd_{j,w} = pad_{j,w} + beta_j at_{j,w}: gamma and what Alice sent for Bob, alpha0 alone for Alice. `theta` is row by row, [i][k]. */
export function weighed(gadget: Uint8Array, pads: Uint8Array, theta: readonly bigint[], correction?: Correction): Weighed {
  put(kernel.GADGET, gadget, XI * SCALAR_BYTES);
  put(kernel.PADS, pads, AT_BYTES);
  putScalars(kernel.THETA, theta, VOLE_CHECKS * (VOLE_WIDTH - VOLE_CHECKS));
  if (correction) {
    put(kernel.BETA, correction.beta, XI / 8);
    put(kernel.AT, correction.at, AT_BYTES);
    putScalars(kernel.MINUS_ETA, correction.minusEta, VOLE_CHECKS);
  }
  kernel.weigh();
  const mu = taken(kernel.MU, XI * VOLE_CHECKS * SCALAR_BYTES);
  const sums = taken(kernel.SUMS, 2 * SCALAR_BYTES);
  kernel.wipe();
  return { mu, sums: [bigEndian(sums.subarray(0, SCALAR_BYTES)), bigEndian(sums.subarray(SCALAR_BYTES))] };
}

function put({ value }: Address, bytes: Uint8Array, length: number): void {
  assert(bytes.length === length, `the kernel takes ${length} bytes here, not ${bytes.length}`);
  memory.set(bytes, value);
}

function putScalars({ value }: Address, scalars: readonly bigint[], count: number): void {
  assert(scalars.length === count, `the kernel takes ${count} scalars here, not ${scalars.length}`);
  scalars.forEach((scalar, index) => memory.set(scalarBytes(scalar), value + index * SCALAR_BYTES));
}

function taken({ value }: Address, length: number): Uint8Array {
  return memory.slice(value, value + length);
}
