import { encodeFunctionData } from 'viem';
import { Problem } from '#base';
import { LEDGER_ANCHOR_ABI } from '#chain/abi';
import { transactionDigest } from '#custody/intents';
import { openGovernance } from '../context.ts';
import { shownAddress } from '../core/core.ts';
import { prepareTransaction, sendTransaction } from '../send.ts';
import { openKey } from '../signer.ts';
import { confirm, text, type Terminal, type Values } from '../terminal.ts';

const CONSEQUENCES = {
  anchor: 'The anchor takes no leaf until it is unpaused: nothing new can be proven, and with that nothing new be paid.',
  vault: 'The vault pays nobody and takes no deposit until it is unpaused.',
} as const;

/** cairn govern pause: the guardian's brake, at once and without the Safe. Only the timelock lets go of it again. */
export async function pauseCommand(values: Values, [contract]: readonly string[], defaultState: string, terminal: Terminal): Promise<number> {
  const key = text(values, 'key');
  if (key === undefined) throw new Problem('cli/bad-arguments', 'The guardian pauses: it needs --key FILE.');
  if (contract !== 'anchor' && contract !== 'vault')
    throw new Problem('cli/bad-arguments', `There is an anchor and a vault to pause, no "${contract!.slice(0, 40)}".`);
  const { deployment, client } = await openGovernance(values, defaultState);
  const signer = await openKey(key);
  // Anchor and vault share their owner, their guardian and their pause (Governed.sol).
  const governed = { abi: LEDGER_ANCHOR_ABI, address: deployment[contract] } as const;
  const guardian = await client.read('the guardian', (viem) => viem.readContract({ ...governed, functionName: 'guardian' }));
  if (guardian.toLowerCase() !== signer.address)
    throw new Problem('governance/no-part', `${shownAddress(deployment, signer.address)} is not the guardian of the ${contract}.`, { address: signer.address });
  terminal.say(`${CONSEQUENCES[contract]} To unpause takes a proposal and its delay.`);
  await confirm(values, terminal, `Pause the ${contract}?`);
  const transaction = await prepareTransaction(
    client,
    signer.address,
    deployment[contract],
    encodeFunctionData({ abi: LEDGER_ANCHOR_ABI, functionName: 'pause' }),
  );
  const { hash, block } = await sendTransaction(client, transaction, signer.signDigest(transactionDigest(transaction)));
  terminal.say(`\nPaused in block ${block}: ${hash}.`);
  return 0;
}
