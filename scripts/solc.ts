import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { assert } from '#base';

/** The one place that says how the contracts are compiled: Hardhat, the ABI generator, the model checker and the gas report all compile with it. */
export const SOLC_VERSION = '0.8.37';
export const SOLC_PATH = fileURLToPath(import.meta.resolve('solc/soljson.js'));
export const SOLC_SETTINGS = {
  optimizer: { enabled: true, runs: 1_000_000 },
  // Nothing newer than Cancun (transient storage) is used, so the same bytecode runs on chains that have no CLZ (Osaka).
  evmVersion: 'cancun',
  // Without a hash of the sources in the bytecode, a comment does not change what is deployed.
  metadata: { bytecodeHash: 'none' },
};

export interface CompiledContract {
  readonly abi: readonly Record<string, unknown>[];
  readonly evm: { readonly bytecode: { readonly object: string }; readonly deployedBytecode: { readonly object: string } };
  readonly storageLayout?: { readonly storage: readonly StorageEntry[]; readonly types: Readonly<Record<string, { readonly label: string }>> | null };
}

export interface StorageEntry {
  readonly label: string;
  readonly slot: string;
  readonly offset: number;
  readonly type: string;
}

export interface SolcMessage {
  readonly severity: 'error' | 'warning' | 'info';
  readonly errorCode?: string;
  readonly formattedMessage: string;
}

export interface SolcOutput {
  readonly errors?: readonly SolcMessage[];
  readonly contracts: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Compiles files of this repository (paths from its root) and whatever they import; npm imports are read from node_modules. */
export function compile(paths: readonly string[], settings: Readonly<Record<string, unknown>>): SolcOutput {
  const solc = createRequire(import.meta.url)('solc') as {
    compile(input: string, callbacks: { import(path: string): { contents: string } | { error: string } }): string;
  };
  const read = (path: string): { contents: string } | { error: string } => {
    try {
      return { contents: readFileSync(`${ROOT}${path.startsWith('@') ? 'node_modules/' : ''}${path}`, 'utf8') };
    } catch (error) {
      return { error: String(error) };
    }
  };
  const sources = Object.fromEntries(paths.map((path) => [path, { content: readFileSync(ROOT + path, 'utf8') }]));
  const output = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources, settings }), { import: read })) as SolcOutput;
  const failures = output.errors?.filter(({ severity }) => severity === 'error') ?? [];
  assert(failures.length === 0, failures.map(({ formattedMessage }) => formattedMessage).join('\n'));
  return output;
}
