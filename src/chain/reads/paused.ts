import { LEDGER_ANCHOR_ABI } from '../abi/ledger-anchor.ts';
import { SETTLEMENT_VAULT_ABI } from '../abi/settlement-vault.ts';
import type { ChainClient } from '../client/types.ts';
import type { Deployment } from '../deploy/types.ts';

/** Which of the two contracts the guardian has paused, as of the newest block: a pause counts from the block it is in. */
export async function pausedContracts(client: ChainClient, deployment: Pick<Deployment, 'anchor' | 'vault'>): Promise<readonly ('anchor' | 'vault')[]> {
  return client.read('whether the contracts are paused', async (viem) => {
    const [anchor, vault] = await Promise.all([
      viem.readContract({ abi: LEDGER_ANCHOR_ABI, address: deployment.anchor, functionName: 'paused' }),
      viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: deployment.vault, functionName: 'paused' }),
    ]);
    return [...(anchor ? (['anchor'] as const) : []), ...(vault ? (['vault'] as const) : [])];
  });
}
