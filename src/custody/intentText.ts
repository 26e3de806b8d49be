import { isHex, isUuid, Problem, type Hex } from '#base';
import type { Intent, Role } from './intents.ts';

/** How a member is written in JSON, with what it has to be. Integers of any size are decimal strings without a leading zero, so that each value has one spelling. */
type Form = 'address' | 'bytes32' | 'bytes' | 'count' | 'integer' | 'role' | 'seconds' | 'text' | 'uint8' | 'uint16' | 'uint128' | 'uuid' | Members;
type Members = { readonly [member: string]: Form };

const MEMBERS: Readonly<Record<Intent['kind'], Members>> = {
  anchor: { chainId: 'integer', anchor: 'address', previous: 'bytes32', leaf: 'bytes32' },
  instruction: {
    chainId: 'integer',
    vault: 'address',
    instruction: {
      book: 'uuid',
      window: 'uuid',
      index: 'uint16',
      token: 'address',
      listHash: 'bytes32',
      count: 'uint8',
      total: 'uint128',
      notAfterS: 'seconds',
    },
  },
  cancel: { chainId: 'integer', vault: 'address', instruction: 'bytes32', index: 'uint8' },
  timelockCancel: {
    chainId: 'integer',
    timelock: 'address',
    operation: 'bytes32',
    nonce: 'integer',
    gas: 'integer',
    maxFeePerGas: 'integer',
    maxPriorityFeePerGas: 'integer',
  },
  authorisation: {
    chainId: 'integer',
    vault: 'address',
    token: 'address',
    name: 'text',
    version: 'text',
    holder: 'role',
    from: 'address',
    value: 'integer',
    validBeforeS: 'seconds',
    index: 'count',
  },
  governance: { chainId: 'integer', safe: 'address', to: 'address', value: 'integer', data: 'bytes', nonce: 'integer' },
};

const KEYS: Readonly<Record<Role, true>> = { poster: true, vault: true, owner: true };
/** What a person can be shown: no control characters, no halves of characters. */
const TEXT = /^\P{C}{0,64}$/u;
const INTEGER = /^(?:0|[1-9]\d{0,77})$/;

/** JSON of an intent, for a channel: its members in the order of the schema. */
export function intentToJson(intent: Intent): string {
  return JSON.stringify(intent, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

/** The intent that somebody else wrote: exactly its members, each well-formed; custody/bad-intent names the first that is not. What it asks for is judged elsewhere. */
export function intentFromJson(json: unknown): Intent {
  const { kind, ...members } = asObject(json, 'intent');
  if (typeof kind !== 'string' || !Object.hasOwn(MEMBERS, kind))
    throw new Problem('custody/bad-intent', `There is no intent of kind "${String(kind).slice(0, 40)}".`);
  return { kind, ...(read(MEMBERS[kind as Intent['kind']], members, kind) as object) } as Intent;
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Problem('custody/bad-intent', `${path} is no object.`);
  return value as Record<string, unknown>;
}

function read(form: Form, value: unknown, path: string): unknown {
  if (typeof form !== 'string') {
    const object = asObject(value, path);
    const unknown = Object.keys(object).find((member) => !Object.hasOwn(form, member));
    if (unknown !== undefined) throw new Problem('custody/bad-intent', `${path} has no member ${unknown.slice(0, 40)}.`);
    return Object.fromEntries(Object.entries(form).map(([member, inner]) => [member, read(inner, object[member], `${path}.${member}`)]));
  }
  if (!isWellFormed(form, value)) throw new Problem('custody/bad-intent', `${path} is no ${form}.`);
  return form === 'integer' || form === 'uint128' ? BigInt(value as string) : value;
}

function isWellFormed(form: Form, value: unknown): boolean {
  switch (form) {
    case 'address':
      return isBytes(value, 20);
    case 'bytes32':
      return isBytes(value, 32);
    case 'bytes':
      return isBytes(value);
    case 'uuid':
      return typeof value === 'string' && isUuid(value);
    case 'integer':
      return isInteger(value, 256);
    case 'uint128':
      return isInteger(value, 128);
    case 'role':
      return typeof value === 'string' && Object.hasOwn(KEYS, value);
    case 'text':
      return typeof value === 'string' && TEXT.test(value);
    case 'uint8':
      return isCount(value, 0xff);
    case 'uint16':
      return isCount(value, 0xffff);
    default:
      return isCount(value, Number.MAX_SAFE_INTEGER);
  }
}

function isBytes(value: unknown, length?: number): value is Hex {
  return typeof value === 'string' && isHex(value, length);
}

function isInteger(value: unknown, bits: number): boolean {
  return typeof value === 'string' && INTEGER.test(value) && BigInt(value) < 1n << BigInt(bits);
}

function isCount(value: unknown, most: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most;
}
