import { z } from 'zod';
import { Problem, type Hex } from '#base';
import { LEDGER_ANCHOR_ABI, SAFE_ABI, SETTLEMENT_VAULT_ABI, TIMELOCK_ABI } from '#chain/abi';

/** Lower-case, so that one address has one spelling. */
export const ADDRESS = z.string().regex(/^0x[0-9a-f]{40}$/) as unknown as z.ZodType<Hex>;

const DEPLOYMENT = z.strictObject({
  format: z.literal('cairn-governance/1'),
  chainId: z.string().regex(/^[1-9]\d{0,18}$/),
  /** Of a local chain; the URL of any other may hold a password, and each operator has an endpoint of his own anyway. */
  rpcUrl: z.string().nullable(),
  safe: ADDRESS,
  safeContracts: z.strictObject({ singleton: ADDRESS, factory: ADDRESS, fallbackHandler: ADDRESS, multiSend: ADDRESS, multiSendCallOnly: ADDRESS }),
  timelock: ADDRESS,
  anchor: ADDRESS,
  vault: ADDRESS,
  tokens: z.array(z.strictObject({ symbol: z.string().regex(/^[\w.-]{1,32}$/), decimals: z.int().min(0).max(38), address: ADDRESS })),
  owner: ADDRESS,
  guardian: ADDRESS,
  operators: z.array(ADDRESS),
  /** First block of the deployment, decimal. */
  fromBlock: z.string().regex(/^\d{1,19}$/),
});

/** What an operator needs to know of a deployment to govern it: addresses, and nothing secret. Each compares it once with what the others have. */
export type GovernedDeployment = z.infer<typeof DEPLOYMENT>;

export function governanceText(deployment: GovernedDeployment): string {
  return `${JSON.stringify(deployment, null, 1)}\n`;
}

/** cli/bad-file where it is none. */
export function readGovernanceText(text: string, path: string): GovernedDeployment {
  const parsed = DEPLOYMENT.safeParse(jsonOf(text));
  if (!parsed.success) throw new Problem('cli/bad-file', `${path} does not name a deployment: ${whyNot(parsed.error)}.`, { path });
  return parsed.data;
}

/** undefined where it is no JSON, which no schema of ours takes. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The first thing that is wrong, in words; what of it comes from the file is shown without its control characters. */
export function whyNot(error: z.ZodError): string {
  const [issue] = error.issues;
  const words = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : (issue?.message ?? 'it cannot be read');
  return words.replaceAll(/\p{C}/gu, '\ufffd').slice(0, 300);
}

/** The contracts that governance can act on, by the names that operators use. */
export const CONTRACTS = { anchor: LEDGER_ANCHOR_ABI, vault: SETTLEMENT_VAULT_ABI, timelock: TIMELOCK_ABI, safe: SAFE_ABI } as const;
export type ContractName = keyof typeof CONTRACTS;
export const CONTRACT_NAMES = Object.keys(CONTRACTS) as readonly ContractName[];

export type Contracts = Pick<GovernedDeployment, ContractName>;

/**
 * What governance may do: every function that the timelock alone may call, and of the Safe how its owners change. Nothing else is proposed or signed; among it the Safe's modules, guards and fallback
 * handler, with any of which it would no longer be its owners who act.
 */
export const GOVERNABLE: Readonly<Record<ContractName, readonly string[]>> = {
  anchor: ['setPoster', 'setGuardian', 'pause', 'unpause', 'transferOwnership', 'acceptOwnership'],
  vault: ['setSigner', 'list', 'setCaps', 'unlist', 'setGuardian', 'pause', 'unpause', 'transferOwnership', 'acceptOwnership'],
  timelock: ['updateDelay', 'grantRole', 'revokeRole'],
  safe: ['addOwnerWithThreshold', 'removeOwner', 'swapOwner', 'changeThreshold'],
};
