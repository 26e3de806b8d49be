import { Problem, toHex, uuidBytes, type Hex } from '#base';
import type { ChainClient } from '../client/types.ts';
import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import { SAFE_ABI } from '../abi/safe.ts';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import { TIMELOCK_ABI } from '../abi/timelock.ts';
import { lower } from '../client/logs.ts';
import { readGovernance, roleId } from '../reads/governance.ts';
import { SAFE_THRESHOLD, SAFE_VERSION } from './safe.ts';
import type { DeployedToken, Deployment, DeployOptions } from './types.ts';

const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`;

/** At every start: is this still the chain that the deployment was made on, with all of it in place? */
export async function checkDeployment(client: ChainClient, deployment: Deployment): Promise<void> {
  if (client.chainId !== deployment.chainId) {
    throw new Problem('chain/wrong-chain', `The deployment is on chain ${deployment.chainId}; the RPC endpoint serves ${client.chainId}.`, {
      expected: String(deployment.chainId),
      found: String(client.chainId),
    });
  }
  const { number, hash } = deployment.block;
  const found = await client.block(number);
  if (found.hash !== hash)
    throw new Problem('chain/state-lost', `Block ${number}, in which the deployment began, is another one now.`, { block: String(number), hash });
  const places = {
    safe: deployment.safe,
    ...deployment.safeContracts,
    timelock: deployment.timelock,
    anchor: deployment.anchor,
    vault: deployment.vault,
    ...Object.fromEntries(deployment.tokens.map((t) => [t.symbol, t.address])),
  };
  for (const [name, address] of Object.entries(places)) {
    const code = await client.read(`the code of ${name}`, (viem) => viem.getCode({ address }));
    if (!code || code === '0x') throw new Problem('chain/state-lost', `There is no contract any more at the address of ${name}.`, { name, address });
  }
}

/** At every start: is it the one that is asked for? The book and the tokens are what no governance changes; keys, caps and delay are as they are on the chain now. */
export async function checkIdentity(client: ChainClient, { vault, tokens }: Deployment, wanted: DeployOptions): Promise<void> {
  const served = lower(
    await client.read('the book of the vault', (viem) => viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: vault, functionName: 'book' })),
  );
  const book = toHex(uuidBytes(wanted.book));
  if (served !== book) throw new Problem('chain/deployment-differs', `The vault serves the book ${served}, and ${book} is asked for.`, { served, book });
  const named = ({ symbol, decimals, address }: DeployedToken): string => `${symbol} (${decimals} decimals) ${address}`;
  const recorded = tokens.map(named).sort();
  const asked = wanted.tokens
    .map((token) => named({ ...token, address: token.address ?? tokens.find(({ symbol }) => symbol === token.symbol)?.address ?? ZERO_ADDRESS }))
    .sort();
  if (String(recorded) !== String(asked))
    throw new Problem('chain/deployment-differs', 'The recorded deployment was made for other tokens than are asked for.', { recorded, asked });
}

/** At every start: do the contracts take what our keys sign? Governance puts others in their places, and then they are exchanged here too. */
export async function checkHolders(client: ChainClient, { anchor, vault, timelock, safe }: Deployment, { signers, operators }: DeployOptions): Promise<void> {
  const { poster, signer, owners, canCancel } = await client.read('whose signatures the contracts take', async (viem) => ({
    poster: lower(await viem.readContract({ abi: LEDGER_ANCHOR_ABI, address: anchor, functionName: 'poster' })),
    signer: lower(await viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: vault, functionName: 'signer' })),
    owners: (await viem.readContract({ abi: SAFE_ABI, address: safe, functionName: 'getOwners' })).map(lower),
    canCancel: await viem.readContract({ abi: TIMELOCK_ABI, address: timelock, functionName: 'hasRole', args: [roleId('CANCELLER_ROLE'), signers.owner] }),
  }));
  const differences = [
    ...(poster === signers.poster ? [] : [`the anchor’s poster is ${poster}, and the signers’ is ${signers.poster}`]),
    ...(signer === signers.vault ? [] : [`the vault’s signer is ${signer}, and the signers’ is ${signers.vault}`]),
    ...(canCancel ? [] : [`the signers’ owner key ${signers.owner} may not cancel at the timelock`]),
    ...[signers.owner, ...operators].filter((key) => !owners.includes(key)).map((key) => `${key} is no owner of the Safe`),
  ];
  if (differences.length > 0) throw new Problem('chain/keys-differ', `The contracts name other keys than ours: ${differences.join('; ')}.`, { differences });
}

/** After a deployment: does everything belong to whom it should, every role to whom it is meant for, and nothing to the deployer? */
export async function checkGovernance(client: ChainClient, deployment: Deployment, wanted: DeployOptions): Promise<void> {
  const block = (await client.head()).number;
  const governance = await readGovernance(client, deployment, block);
  const expected: typeof governance = {
    anchor: { owner: deployment.timelock, pendingOwner: ZERO_ADDRESS, guardian: wanted.guardian, poster: wanted.signers.poster, paused: false },
    vault: {
      owner: deployment.timelock,
      pendingOwner: ZERO_ADDRESS,
      guardian: wanted.guardian,
      signer: wanted.signers.vault,
      paused: false,
      anchor: deployment.anchor,
      book: toHex(uuidBytes(wanted.book)),
    },
    timelockDelayS: BigInt(wanted.timelockDelayS),
    roles: {
      PROPOSER_ROLE: [deployment.safe],
      CANCELLER_ROLE: [wanted.signers.owner, wanted.guardian].sort(),
      // OpenZeppelin's way to say: anybody.
      EXECUTOR_ROLE: [ZERO_ADDRESS],
      DEFAULT_ADMIN_ROLE: [deployment.timelock],
    },
    safe: {
      version: SAFE_VERSION,
      singleton: deployment.safeContracts.singleton,
      owners: [wanted.signers.owner, ...wanted.operators].sort(),
      threshold: BigInt(SAFE_THRESHOLD),
      nonce: 0n,
      modules: [],
      guard: ZERO_ADDRESS,
      moduleGuard: ZERO_ADDRESS,
      fallbackHandler: deployment.safeContracts.fallbackHandler,
    },
    openActs: [],
  };
  const text = (facts: object): string => JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  if (text(governance) !== text(expected)) {
    throw new Problem('chain/deployment-failed', 'The contracts do not belong to whom they should.', {
      found: JSON.parse(text(governance)) as unknown,
      expected: JSON.parse(text(expected)) as unknown,
    });
  }
}
