import { Problem, type Hex } from '#base';
import { TIMELOCK_ABI } from '#chain/abi';
import { transactionDigest } from '#custody/intents';
import { openGovernance, type Governing } from '../context.ts';
import { describeJudged, executeData, shownSeconds, type Judged, type Proposal } from '../core/core.ts';
import { openSafe } from '../safe.ts';
import { chainTimeS, prepareTransaction, sendTransaction } from '../send.ts';
import { openKey, type KeySigner } from '../signer.ts';
import { judgedProposal, requireNext } from './sign.ts';
import { text, type Terminal, type Values } from '../terminal.ts';

type Step = Extract<Judged, { kind: 'proposal' }>;

/** cairn govern execute: whatever the proposal's next step is, sent and paid by anybody. */
export async function executeCommand(values: Values, [file]: readonly string[], defaultState: string, terminal: Terminal): Promise<number> {
  const key = text(values, 'key');
  if (key === undefined) throw new Problem('cli/bad-arguments', 'Somebody pays the gas: it needs --key FILE, of any account with native coin.');
  const governing = await openGovernance(values, defaultState);
  const { proposal, judged } = await judgedProposal(governing, file!);
  const relayer = await openKey(key);
  terminal.say(describeJudged(governing.deployment, judged));
  if (judged.kind === 'owners') {
    terminal.say(await executeSafe(governing, relayer, proposal));
    return 0;
  }
  const state = await timelockState(governing, judged.id);
  switch (state.kind) {
    case 'unknown': {
      terminal.say(await executeSafe(governing, relayer, proposal));
      const after = await timelockState(governing, judged.id);
      terminal.say(`It waits in the timelock${after.kind === 'waiting' ? ` for ${shownSeconds(after.leftS)}` : ''}: the same command does it then.`);
      return 0;
    }
    case 'waiting':
      throw new Problem('governance/not-due', `Operation ${judged.id} waits ${shownSeconds(state.leftS)} more.`, {
        operation: judged.id,
        leftS: String(state.leftS),
      });
    case 'ready':
      terminal.say(await executeTimelock(governing, relayer, judged));
      return 0;
    case 'done':
      throw new Problem('governance/no-such-operation', `Operation ${judged.id} was executed before.`, { operation: judged.id });
  }
}

async function executeSafe(governing: Governing, relayer: KeySigner, proposal: Proposal): Promise<string> {
  const safe = await openSafe(governing);
  requireNext(safe, proposal);
  const counted = { ...proposal, signatures: proposal.signatures.filter(({ owner }) => safe.owners.includes(owner)) };
  if (counted.signatures.length < safe.threshold)
    throw new Problem(
      'governance/not-enough-signatures',
      `${counted.signatures.length} of the ${safe.threshold} signatures that the Safe wants are in the file.`,
    );
  return send(governing, relayer, governing.deployment.safe, await safe.execution(counted), 'Sent through the Safe');
}

async function executeTimelock(governing: Governing, relayer: KeySigner, { scheduling }: Step): Promise<string> {
  return send(governing, relayer, governing.deployment.timelock, executeData(scheduling), 'Done by the timelock');
}

async function send({ client }: Governing, relayer: KeySigner, to: Hex, data: Hex, what: string): Promise<string> {
  const transaction = await prepareTransaction(client, relayer.address, to, data);
  const { hash, block } = await sendTransaction(client, transaction, relayer.signDigest(transactionDigest(transaction)));
  return `\n${what} in block ${block}: ${hash}.`;
}

type TimelockState = { readonly kind: 'unknown' | 'ready' | 'done' } | { readonly kind: 'waiting'; readonly leftS: bigint };

/** OperationState of OpenZeppelin's TimelockController: Unset, Waiting, Ready, Done; by the chain's own clock. */
export async function timelockState({ client, deployment }: Governing, id: Hex): Promise<TimelockState> {
  const nowS = await chainTimeS(client);
  const readyAtS = await client.read('an operation', (viem) =>
    viem.readContract({ abi: TIMELOCK_ABI, address: deployment.timelock, functionName: 'getTimestamp', args: [id] }),
  );
  if (readyAtS === 0n) return { kind: 'unknown' };
  if (readyAtS === 1n) return { kind: 'done' };
  return readyAtS > nowS ? { kind: 'waiting', leftS: readyAtS - nowS } : { kind: 'ready' };
}
