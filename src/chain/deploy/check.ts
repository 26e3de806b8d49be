import { Problem, toHex, uuidBytes, type Hex } from '#base';
import type { ChainClient } from '../client/types.ts';
import { readGovernance } from '../reads/governance.ts';
import { SAFE_THRESHOLD, SAFE_VERSION } from './safe.ts';
import type { Deployment, DeployOptions } from './types.ts';

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
