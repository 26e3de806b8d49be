import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHex, isHex, Problem, unreadable, type Clock, type RandomBytes } from '#base';
import { identityOf, IDENTITY_SEED_BYTES, isFingerprint, WIRE_LIMITS } from '#mpc/node/wire';
import type { PageSource } from './feeder.ts';
import { openThresholdCustody, type SignerNode, type ThresholdCustody, type ThresholdEvent } from './threshold.ts';

export interface SignersOptions {
  /** Of signers.json (docs/formats.md, cairn-signers/1) and coordinator.key. */
  readonly folder: string;
  /** The book that the nodes replay; absent where nothing is asked for that follows from it. */
  readonly source?: PageSource;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly onEvent: (event: ThresholdEvent) => void;
}

/** Three rounds of signers that share one machine with everything else. */
const ATTEMPT_TIMEOUT_MS = 10_000;
const DOWN_FOR_MS = 15_000;
const RETRY_AFTER_MS = 300;
const REFUSAL_HOLDS_MS = 2_000;

/** The signer nodes that the folder names, asked under its coordinator's key. custody/bad-signers-file */
export async function openSigners({ folder, ...options }: SignersOptions): Promise<ThresholdCustody> {
  const { threshold, nodes } = parseSigners(await read(join(folder, 'signers.json')));
  const seed = (await read(join(folder, 'coordinator.key'))).trim();
  if (!isHex(seed, IDENTITY_SEED_BYTES)) throw new Problem('custody/bad-key-file', `${join(folder, 'coordinator.key')} holds no key.`);
  return openThresholdCustody({
    ...options,
    nodes,
    threshold,
    identity: identityOf(fromHex(seed)),
    limits: WIRE_LIMITS,
    attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
    downForMs: DOWN_FOR_MS,
    retryAfterMs: RETRY_AFTER_MS,
    refusalHoldsMs: REFUSAL_HOLDS_MS,
  });
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
}

function parseSigners(text: string): { readonly threshold: number; readonly nodes: readonly SignerNode[] } {
  const { format, threshold, nodes } = asObject(text);
  if (format !== 'cairn-signers/1') throw bad('format', '"cairn-signers/1"');
  if (!Array.isArray(nodes)) throw bad('nodes', 'a list');
  const named = nodes.map(nodeOf);
  if (new Set(named.map(({ id }) => id)).size !== named.length) throw bad('nodes', 'a list of different parties');
  if (!isCount(threshold, 2, named.length)) throw bad('threshold', 'a number from 2 to that of the nodes');
  return { threshold, nodes: named };
}

function asObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new Problem('custody/bad-signers-file', 'signers.json is no JSON.', {}, cause);
  }
}

function nodeOf(value: unknown, i: number): SignerNode {
  const { id, host, port, fingerprint } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!isCount(id, 1, 255)) throw bad(`nodes[${i}].id`, 'a party');
  if (typeof host !== 'string' || host === '') throw bad(`nodes[${i}].host`, 'a host');
  if (!isCount(port, 1, 65_535)) throw bad(`nodes[${i}].port`, 'a port');
  if (!isFingerprint(fingerprint)) throw bad(`nodes[${i}].fingerprint`, 'a fingerprint');
  return { id, host, port, fingerprint };
}

function isCount(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

function bad(where: string, what: string): Problem {
  return new Problem('custody/bad-signers-file', `${where} in signers.json is not ${what}.`, { where });
}
