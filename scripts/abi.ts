/**
 * `node scripts/abi.ts`: writes everything that follows from the contracts: src/chain/abi/*.ts, src/chain/artifacts/*.json, and the snapshots of storage and gas in test/contracts/snapshots. Tests fail
 * when one of them differs from the sources.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { gasSnapshot } from './bench/gas/snapshot.ts';
import { compile, SOLC_SETTINGS, SOLC_VERSION, type CompiledContract } from './solc.ts';

const CONTRACTS = [
  { source: 'contracts/LedgerAnchor.sol', name: 'LedgerAnchor', file: 'ledger-anchor' },
  { source: 'contracts/SettlementVault.sol', name: 'SettlementVault', file: 'settlement-vault' },
  { source: 'contracts/Timelock.sol', name: 'Timelock', file: 'timelock' },
  { source: 'contracts/mocks/TestStablecoin.sol', name: 'TestStablecoin', file: 'test-stablecoin' },
] as const;

/** The generated files by their path from the repository's root, but for the gas, which is measured. */
export function generate(): ReadonlyMap<string, string> {
  const output = compile(
    CONTRACTS.map(({ source }) => source),
    { ...SOLC_SETTINGS, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'storageLayout'] } } },
  );
  const compiler = { version: SOLC_VERSION, settings: SOLC_SETTINGS, settingsHash: createHash('sha256').update(JSON.stringify(SOLC_SETTINGS)).digest('hex') };
  const files = new Map<string, string>();
  const storage: Record<string, readonly string[]> = {};
  for (const { source, name, file } of CONTRACTS) {
    const contract = output.contracts[source]![name]!;
    const constant = `${file.replaceAll('-', '_').toUpperCase()}_ABI`;
    // One line an entry: a change of the interface is a readable diff.
    const abi = `[\n${contract.abi.map((entry) => `  ${JSON.stringify(entry)}`).join(',\n')}\n]`;
    files.set(
      `src/chain/abi/${file}.ts`,
      `// Generated from ${source} by scripts/abi.ts: do not edit.\n// prettier-ignore\nexport const ${constant} = ${abi} as const;\n`,
    );
    const facts = { contractName: name, source, compiler, bytecode: `0x${contract.evm.bytecode.object}` };
    files.set(`src/chain/artifacts/${name}.json`, `${JSON.stringify(facts, null, 2).slice(0, -2)},\n  "abi": ${abi.replaceAll('\n', '\n  ')}\n}\n`);
    storage[name] = storageLines(contract);
  }
  files.set('test/contracts/snapshots/storage.json', `${JSON.stringify(storage, null, 2)}\n`);
  return files;
}

/** A line a variable: slot, byte offset, name, type. */
function storageLines({ storageLayout }: CompiledContract): string[] {
  return (storageLayout?.storage ?? []).map(({ slot, offset, label, type }) => `${slot}+${offset} ${label}: ${storageLayout?.types?.[type]?.label ?? type}`);
}

if (import.meta.main) {
  const root = new URL('..', import.meta.url);
  for (const folder of ['src/chain/abi', 'src/chain/artifacts', 'test/contracts/snapshots']) mkdirSync(new URL(folder, root), { recursive: true });
  const gas = `${JSON.stringify(await gasSnapshot(), null, 2)}\n`;
  for (const [path, content] of [...generate(), ['test/contracts/snapshots/gas.json', gas] as const]) {
    writeFileSync(new URL(path, root), content);
    console.log(path);
  }
}
