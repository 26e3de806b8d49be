import { join } from 'node:path';
import type { Hex } from '#base';
import { readGovernance, type ChainClient, type Deployment, type TimelockRole } from '#chain';
import { governanceText } from '#governance/core';
import { writeFileDurably } from '#supervisor';

export interface Governors {
  readonly deployment: Deployment;
  readonly stateDir: string;
  /** Of a local chain; null elsewhere, where each operator has an endpoint of his own. */
  readonly rpcUrl: string | null;
  readonly owner: Hex;
  readonly guardian: Hex;
  readonly operators: readonly Hex[];
}

/** Leaves the addresses where the operators' commands look for them: nothing secret, and theirs to compare. */
export async function leaveGovernance({ deployment, stateDir, rpcUrl, owner, guardian, operators }: Governors): Promise<void> {
  const { chainId, safe, safeContracts, timelock, anchor, vault, tokens, block } = deployment;
  const text = governanceText({
    format: 'cairn-governance/1',
    chainId: String(chainId),
    rpcUrl,
    safe,
    safeContracts,
    timelock,
    anchor,
    vault,
    tokens: [...tokens],
    owner,
    guardian,
    operators: [...operators],
    fromBlock: String(block.number),
  });
  await writeFileDurably(join(stateDir, 'governance.json'), text, 0o644);
}

/** Who governs, as the chain has it now, in one sentence. */
export async function whoGoverns(client: ChainClient, deployment: Deployment): Promise<string> {
  const { safe, timelock, deployer } = deployment;
  const { roles, safe: state, timelockDelayS } = await readGovernance(client, deployment, (await client.head()).number);
  const names = new Map<Hex, string>([
    [safe, `the Safe ${safe} (${state.threshold} of ${state.owners.length})`],
    [timelock, 'the timelock itself'],
    [`0x${'00'.repeat(20)}`, 'anybody'],
  ]);
  const who = (role: TimelockRole) => roles[role].map((address) => names.get(address) ?? address).join(' and ') || 'nobody';
  const everybody = [...Object.values(roles).flat(), ...state.owners];
  return [
    `governance: ${who('PROPOSER_ROLE')} proposes`,
    `${who('CANCELLER_ROLE')} can cancel`,
    `${who('EXECUTOR_ROLE')} executes after ${timelockDelayS} s`,
    `${who('DEFAULT_ADMIN_ROLE')} gives the roles`,
    everybody.includes(deployer) ? 'AND THE DEPLOYER STILL HAS A ROLE' : 'the deployer has none',
  ].join(', ');
}
