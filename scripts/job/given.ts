import { readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { isAddress } from 'viem';
import { fromHex, Problem, unreadable, type Hex } from '#base';
import { isDatabaseUrl } from '#db';
import { MAX_FILE_BYTES } from '#payments/core';

export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** All that cairn start is told, checked: after this nothing that was mistyped comes to light any more. */
export interface Given {
  readonly environment: Environment;
  /** Absolute. It may not be there yet. */
  readonly stateDir: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Null runs the repository's example. */
  readonly input: { readonly path: string; readonly bytes: Uint8Array; readonly payees: 'invented' | 'none' } | null;
}

export interface Environment {
  readonly databaseUrl?: string;
  readonly rpcUrl?: string;
  readonly deployerKey?: Hex;
  readonly operators?: readonly Hex[];
}

const CLONE = fileURLToPath(new URL('../../', import.meta.url));

/** Reads options, environment and input file, and writes nothing. Throws `cli/bad-arguments`, `cli/bad-environment`, `cli/bad-state`, `cli/bad-file`, `payments/file-too-large`. */
export function readGiven(values: Values, env: NodeJS.ProcessEnv): Given {
  const environment = readEnvironment(env);
  if (values['deploy'] && environment.rpcUrl === undefined)
    throw new Problem('cli/bad-arguments', '--deploy goes with RPC_URL: on a local chain the contracts are deployed unasked.');
  if (values['force-rehearsal'] && environment.rpcUrl === undefined)
    throw new Problem('cli/bad-arguments', '--force-rehearsal goes with RPC_URL: on a local chain nothing has to be forced.');
  return { environment, port: portOf(values), stateDir: stateDirOf(values), input: inputOf(values) };
}

/** A variable that is empty counts as not set. What is wrong in it is not repeated: a URL can hold a password, and a key is one. */
function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const { DATABASE_URL: databaseUrl, RPC_URL: rpcUrl, DEPLOYER_KEY: deployerKey, OPERATORS: operators } = env;
  if (databaseUrl && !isDatabaseUrl(databaseUrl))
    throw new Problem('cli/bad-environment', 'DATABASE_URL does not have the form postgres://USER:PASSWORD@HOST:PORT/DATABASE.');
  if (rpcUrl && !isHttpUrl(rpcUrl)) throw new Problem('cli/bad-environment', 'RPC_URL is not an http or https URL.');
  const key = deployerKey ? keyOf(deployerKey) : undefined;
  const named = operators ? operatorsOf(operators) : undefined;
  return {
    ...(named ? { operators: named } : {}),
    ...(databaseUrl ? { databaseUrl } : {}),
    ...(rpcUrl ? { rpcUrl } : {}),
    ...(key ? { deployerKey: key } : {}),
  };
}

/** In mixed case an address is its own checksum (EIP-55). */
function operatorsOf(text: string): readonly Hex[] {
  const addresses = text.split(',').map((part) => part.trim());
  if (addresses.length !== 2 || !addresses.every((address) => isAddress(address)) || addresses[0]!.toLowerCase() === addresses[1]!.toLowerCase())
    throw new Problem('cli/bad-environment', 'OPERATORS is not two different addresses, divided by a comma: 0x and 40 hexadecimal digits each.');
  return addresses.map((address) => address.toLowerCase() as Hex);
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function keyOf(text: string): Hex {
  const digits = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text)?.[1]?.toLowerCase();
  if (digits === undefined)
    throw new Problem('cli/bad-environment', 'DEPLOYER_KEY is not a private key: 32 bytes as 64 hexadecimal digits, with or without 0x.');
  // SEC 1 section 3.2.1: a private key is a number from 1 to n - 1.
  if (!secp256k1.utils.isValidSecretKey(fromHex(`0x${digits}`)))
    throw new Problem('cli/bad-environment', 'DEPLOYER_KEY is 32 bytes and still no private key: zero, or beyond the order of secp256k1.');
  return `0x${digits}`;
}

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function portOf(values: Values): number {
  const given = text(values, 'port');
  if (given === undefined) return 0;
  if (!/^\d{1,5}$/.test(given) || Number(given) > 65_535)
    throw new Problem('cli/bad-arguments', `--port takes a number from 0 to 65535, not "${given.slice(0, 40)}".`);
  return Number(given);
}

function stateDirOf(values: Values): string {
  const dir = resolve(text(values, 'state') ?? join(CLONE, '.cairn', 'state'));
  for (let at = dir; ; at = dirname(at)) {
    const there = lookAt(at);
    if (there?.isDirectory()) return dir;
    if (there) throw new Problem('cli/bad-state', at === dir ? `${dir} is a file, not a folder.` : `${dir} cannot be a folder: ${at} is a file.`);
    if (at === dirname(at)) return dir;
  }
}

function lookAt(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Something on the way to it is a file, which is found on the way up.
    if (code === 'ENOTDIR') return undefined;
    throw new Problem('cli/bad-state', `The folder ${path} cannot be looked at (${code}).`, {}, cause);
  }
}

function inputOf(values: Values): Given['input'] {
  const path = text(values, 'input');
  if (path === undefined && values['sandbox-payees']) throw new Problem('cli/bad-arguments', '--sandbox-payees goes with --input FILE.');
  if (path === undefined) return null;
  return { path, bytes: readInput(path), payees: values['sandbox-payees'] ? 'invented' : 'none' };
}

/** Asked for its size before it is read: what we refuse anyway is not brought into memory first. */
function readInput(path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES)
      throw new Problem('payments/file-too-large', `${path} has ${size} bytes; we read at most ${MAX_FILE_BYTES}.`, { bytes: size, limit: MAX_FILE_BYTES });
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw cause instanceof Problem ? cause : unreadable(path, cause);
  }
}
