/** Every field of a message, and what can be done to it on its way. */
import assert from 'node:assert/strict';
import type { PartyId } from '#mpc/protocol';
import type { Kind } from '../../../../mpc/protocol/keys/rounds.ts';
import { bigEndian, q } from '../../../../mpc/protocol/primitives/scalars.ts';
import { concat, uintBytes } from '#base';
import { isAbort, type Endings, type Hand, type Label, type Passing } from './ceremony.ts';
import { random } from './dealer.ts';

export interface Field {
  readonly name: string;
  readonly at: number;
  readonly length: number;
}

export interface Change {
  readonly name: string;
  readonly apply: (bytes: Uint8Array) => Uint8Array;
}

/** The code, or one of the codes, and who is to blame for it. */
export interface Verdict {
  readonly codes: readonly string[];
  readonly culprit: PartyId | null;
}

export const HEADER: readonly Field[] = [
  { name: 'kind', at: 0, length: 1 },
  { name: 'sid', at: 1, length: 32 },
  { name: 'from', at: 33, length: 2 },
  { name: 'to', at: 35, length: 2 },
];

/** Fields one after the other behind the header. */
export function body(...fields: readonly (readonly [name: string, length: number])[]): Field[] {
  let at = 37;
  return fields.map(([name, length]) => {
    const field = { name, at, length };
    at += length;
    return field;
  });
}

function changed({ at, length }: Field, change: (value: bigint) => bigint): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const value = BigInt.asUintN(8 * length, change(bigEndian(bytes.subarray(at, at + length))));
    return concat(bytes.subarray(0, at), uintBytes(value, length), bytes.subarray(at + length));
  };
}

/** A random bit flipped, one added, q added. */
export function changesOf(field: Field): Change[] {
  const bit = bigEndian(random(4)) % BigInt(8 * field.length);
  return [
    { name: `bit ${bit} of ${field.name} flipped`, apply: changed(field, (value) => value ^ (1n << bit)) },
    { name: `${field.name} + 1`, apply: changed(field, (value) => value + 1n) },
    ...(field.length >= 32 ? [{ name: `${field.name} + q`, apply: changed(field, (value) => value + q) }] : []),
    { name: `${field.name} all ones`, apply: changed(field, () => -1n) },
  ];
}

export const LENGTHS: readonly Change[] = [
  { name: 'the last byte cut off', apply: (bytes) => bytes.slice(0, -1) },
  { name: 'a byte more at the end', apply: (bytes) => concat(bytes, Uint8Array.of(0)) },
  { name: 'cut down to the header', apply: (bytes) => bytes.slice(0, 37) },
  { name: 'nothing at all', apply: () => new Uint8Array() },
];

export function changing(kind: Kind, from: Label, to: Label, change: Change): Hand {
  return (passing: Passing) => (passing.kind === kind && passing.from === from && passing.to === to ? change.apply(passing.bytes) : passing.bytes);
}

/** Everything that passed, for a message to be shown again in another's place. */
export function recording(into: Passing[]): Hand {
  return (passing) => {
    into.push(passing);
    return passing.bytes;
  };
}

export function assertVerdict(endings: Endings<unknown>, at: Label, { codes, culprit }: Verdict, what: string): void {
  const ending = endings.get(at);
  assert.ok(isAbort(ending), `${what}: ${at} did not abort`);
  const { problem, effect } = ending.abort;
  assert.ok(codes.includes(problem.code), `${what}: ${problem.message}`);
  assert.equal(ending.abort.culprit, culprit, `${what}: ${problem.message}`);
  assert.notEqual(effect, 'poison-pair', what);
}
