import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { keccak256, stringToBytes } from 'viem';
import { Problem, unreadable } from '#base';
import { connectChain, type ChainClient } from '#chain';
import { LEDGER_ANCHOR_ABI, TIMELOCK_ABI } from '#chain/abi';
import { fileProblem, writeFileDurably } from '#supervisor';
import { proposalText, readGovernanceText, readProposalText, type GovernedDeployment, type Proposal } from './core/core.ts';
import { text, type Values } from './terminal.ts';

/** The deployment that is governed, and the operator's own view of its chain. */
export interface Governing {
  readonly deployment: GovernedDeployment;
  readonly client: ChainClient;
  /** Where cairn start keeps ledger, chain and keys; the owner's custody is asked there. */
  readonly stateDir: string;
}

const GOVERNANCE_FILE = 'governance.json';
const PROPOSER_ROLE = keccak256(stringToBytes('PROPOSER_ROLE'));

/** Reads which deployment is meant and connects to its chain; writes nothing. cli/bad-arguments, cli/bad-state, cli/bad-file, chain/unreachable, chain/wrong-chain, governance/other-deployment. */
export async function openGovernance(values: Values, defaultState: string): Promise<Governing> {
  const stateDir = resolve(text(values, 'state') ?? defaultState);
  const path = text(values, 'deployment') ?? join(stateDir, GOVERNANCE_FILE);
  const content = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (text(values, 'deployment') !== undefined) throw unreadable(path, cause);
    throw new Problem('cli/bad-state', `${stateDir} holds no deployment: there is no ${GOVERNANCE_FILE} in it.`, {}, cause);
  });
  const deployment = readGovernanceText(content, path);
  const rpcUrl = text(values, 'rpc') ?? deployment.rpcUrl;
  if (rpcUrl === null) throw new Problem('cli/bad-arguments', 'The deployment is on no local chain: it needs --rpc URL.');
  if (!URL.canParse(rpcUrl) || !/^https?:$/.test(new URL(rpcUrl).protocol)) throw new Problem('cli/bad-arguments', '--rpc takes an http or https URL.');
  const client = await connectChain({ rpcUrl, expectedChainId: BigInt(deployment.chainId), finality: { kind: 'tag', tag: 'finalized' } });
  await requireProposer(client, deployment);
  return { deployment, client, stateDir };
}

/** Addresses that do not belong together would show one thing and do another. */
async function requireProposer(client: ChainClient, { safe, timelock, anchor, vault }: GovernedDeployment): Promise<void> {
  const wrong = await client.read('whether the contracts belong together', async (viem) => {
    for (const [name, address] of Object.entries({ timelock, anchor, vault, safe })) {
      const code = await viem.getCode({ address });
      if (!code || code === '0x') return `there is no contract at ${address}, the ${name}`;
    }
    if (!(await viem.readContract({ abi: TIMELOCK_ABI, address: timelock, functionName: 'hasRole', args: [PROPOSER_ROLE, safe] })))
      return `the Safe ${safe} is no proposer of the timelock ${timelock}`;
    for (const [name, address] of Object.entries({ anchor, vault })) {
      const owner = await viem.readContract({ abi: LEDGER_ANCHOR_ABI, address, functionName: 'owner' });
      if (owner.toLowerCase() !== timelock) return `the ${name} ${address} belongs to ${owner.toLowerCase()}`;
    }
    return null;
  });
  if (wrong !== null) throw new Problem('governance/other-deployment', `The contracts do not belong together on this chain: ${wrong}.`);
}

export async function readProposal({ deployment }: Governing, path: string): Promise<Proposal> {
  const content = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  return readProposalText(deployment, content);
}

/** Whole or not at all. cli/bad-file where there is no folder for it. */
export async function writeProposal({ deployment }: Governing, path: string, proposal: Proposal): Promise<void> {
  await writeFileDurably(path, proposalText(deployment, proposal), 0o644).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw unreadable(dirname(path), error);
    throw fileProblem(error, path);
  });
}
