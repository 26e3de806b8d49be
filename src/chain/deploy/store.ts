import { fromHex, Problem, toHex, type TimeMs } from '#base';
import { execute, loadSql, query, type Database } from '#db';
import type { DeployedToken, Deployment, SafeContracts } from './types.ts';

const sql = loadSql(new URL('./sql/deployment.sql', import.meta.url), ['insertDeployment', 'readDeployment']);

interface DeploymentRow {
  readonly chain_id: bigint;
  readonly safe: Uint8Array | null;
  readonly safe_contracts: SafeContracts | null;
  readonly timelock: Uint8Array;
  readonly anchor: Uint8Array;
  readonly vault: Uint8Array;
  readonly tokens: readonly DeployedToken[];
  readonly deployer: Uint8Array;
  readonly block_number: bigint;
  readonly block_hash: Uint8Array;
}

/** Undefined before there is one. */
export async function recordedDeployment(database: Database): Promise<Deployment | undefined> {
  const [row] = await query<DeploymentRow>(database.pool, sql.readDeployment);
  if (!row) return undefined;
  if (!row.safe || !row.safe_contracts)
    throw new Problem('chain/deployment-differs', 'The recorded deployment was made before there was a Safe that proposes to its timelock.');
  return {
    chainId: row.chain_id,
    safe: toHex(row.safe),
    safeContracts: row.safe_contracts,
    timelock: toHex(row.timelock),
    anchor: toHex(row.anchor),
    vault: toHex(row.vault),
    tokens: row.tokens,
    deployer: toHex(row.deployer),
    block: { number: row.block_number, hash: toHex(row.block_hash) },
  };
}

export async function recordDeployment(database: Database, deployment: Deployment, nowMs: TimeMs): Promise<void> {
  await execute(database.pool, sql.insertDeployment, [
    deployment.chainId,
    fromHex(deployment.safe),
    JSON.stringify(deployment.safeContracts),
    fromHex(deployment.timelock),
    fromHex(deployment.anchor),
    fromHex(deployment.vault),
    JSON.stringify(deployment.tokens),
    fromHex(deployment.deployer),
    deployment.block.number,
    fromHex(deployment.block.hash),
    nowMs,
  ]);
}

/** For whoever only reads (exports, audits): the addresses, or chain/not-deployed. */
export async function requireDeployment(database: Database): Promise<Deployment> {
  const recorded = await recordedDeployment(database);
  if (!recorded) throw new Problem('chain/not-deployed', 'This database records no deployment of the contracts.');
  return recorded;
}
