import { keccak256, stringToBytes, encodeFunctionData } from 'viem';
import { isHex, Problem, type Hex } from '#base';
import { governanceLogs } from '#chain';
import { TIMELOCK_ABI } from '#chain/abi';
import { timelockCancelTransaction, type TimelockCancelIntent } from '#custody/intents';
import { openGovernance, type Governing } from '../context.ts';
import { decodeCall, describeCall, GOVERNANCE_TOPICS, shownAddress, timelockOperations, type TimelockOperation } from '../core/core.ts';
import { prepareTransaction, sendTransaction } from '../send.ts';
import { openSigner, readSigner } from '../signer.ts';
import { judgedProposal } from './sign.ts';
import { confirm, type Terminal, type Values } from '../terminal.ts';

const CANCELLER_ROLE = keccak256(stringToBytes('CANCELLER_ROLE'));

/** cairn govern cancel: ends a pending operation for good; it can only be proposed again. */
export async function cancelCommand(values: Values, [what]: readonly string[], defaultState: string, terminal: Terminal): Promise<number> {
  const named = readSigner(values);
  const governing = await openGovernance(values, defaultState);
  const { deployment, client } = governing;
  const id = await operationNamed(governing, what!);
  const signer = await openSigner(named, governing);
  const { address } = signer;
  const may = await client.read('who may cancel', (viem) =>
    viem.readContract({ abi: TIMELOCK_ABI, address: deployment.timelock, functionName: 'hasRole', args: [CANCELLER_ROLE, address] }),
  );
  if (!may) throw new Problem('governance/no-part', `${shownAddress(deployment, address)} may not cancel.`, { address });
  const operation = (await operationsOf(governing)).findLast((candidate) => candidate.id === id);
  if (operation?.state !== 'pending')
    throw new Problem('governance/no-such-operation', `Operation ${id} is ${operation ? operation.state : 'unknown to the timelock'}.`, { operation: id });
  terminal.say(['Nobody would be able to do this any more, unless it is proposed again:', ...describeOperation(governing, operation)].join('\n'));
  await confirm(values, terminal, `Cancel it as ${shownAddress(deployment, address)}?`);
  const data = encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'cancel', args: [id] });
  const { nonce, gas, maxFeePerGas, maxPriorityFeePerGas } = await prepareTransaction(client, address, deployment.timelock, data);
  const intent: TimelockCancelIntent = {
    kind: 'timelockCancel',
    chainId: client.chainId,
    timelock: deployment.timelock,
    operation: id,
    nonce,
    gas,
    maxFeePerGas,
    maxPriorityFeePerGas,
  };
  const { hash, block } = await sendTransaction(client, timelockCancelTransaction(intent), await signer.sign(intent));
  terminal.say(`\nCancelled in block ${block}: ${hash}.`);
  return 0;
}

/** By its id, or by the file that proposed it. */
async function operationNamed(governing: Governing, what: string): Promise<Hex> {
  if (isHex(what, 32)) return what;
  const { judged } = await judgedProposal(governing, what);
  if (judged.kind === 'owners')
    throw new Problem('governance/no-such-operation', 'A change of the Safe’s owners does not pass the timelock, and cannot be cancelled there.');
  return judged.id;
}

export async function operationsOf({ client, deployment }: Governing): Promise<TimelockOperation[]> {
  const { number } = await client.head();
  const logs = await governanceLogs(client, { ...deployment, block: { number: BigInt(deployment.fromBlock) } }, GOVERNANCE_TOPICS, number);
  return timelockOperations(deployment, logs);
}

/** Its calls in words. Somebody may have proposed what we cannot read: that is said, because it is a reason to cancel. */
export function describeOperation({ deployment }: Governing, { calls }: TimelockOperation): string[] {
  return calls.flatMap((call) => {
    try {
      return describeCall(deployment, decodeCall(deployment, call));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return [`  UNREADABLE: ${error.detail}`, `    to ${call.to}, ${call.value} wei, ${call.data}`];
    }
  });
}
