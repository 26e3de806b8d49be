import { readGovernance, type Governance } from '#chain';
import { fromHex, toHex, type Hex } from '#base';
import type { WatchFacts } from '#custody';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { openGovernance, type Governing } from '../context.ts';
import { describeJudged, intentOf, shownAddress, shownSeconds, signaturesIn, type Proposal, type TimelockOperation } from '../core/core.ts';
import { openSafe } from '../safe.ts';
import { watchOfNodes } from '../signer.ts';
import { describeOperation, operationsOf } from './cancel.ts';
import { timelockState } from './execute.ts';
import { judgedProposal, signaturesText } from './sign.ts';
import { type Terminal, type Values } from '../terminal.ts';

/** cairn govern status: who governs, what waits, and how far the proposals in files are. */
export async function statusCommand(values: Values, files: readonly string[], defaultState: string, terminal: Terminal): Promise<number> {
  const governing = await openGovernance(values, defaultState);
  const { client, deployment } = governing;
  const { number } = await client.head();
  const governance = await readGovernance(client, { ...deployment, block: { number: BigInt(deployment.fromBlock) } }, number);
  const operations = await operationsOf(governing);
  const pending = operations.filter(({ state }) => state === 'pending');
  const waiting = await Promise.all(
    pending.map(async (operation) => ({ operation, signers: signersOf(governance, operation), state: await timelockState(governing, operation.id) })),
  );
  const nodes = await watchOfNodes(governing);
  if (values['json'] === true) {
    const said = [...(nodes ?? [])].map(([node, watch]) => ({
      node,
      ...(watch ? { ...watch, pending: Object.fromEntries(watch.pending) } : { unreachable: true }),
    }));
    const facts = { format: 'cairn-governance-status/1', block: number, governance, pending: waiting, nodes: said };
    terminal.say(JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
    return 0;
  }
  terminal.say(whoGoverns(governing, governance).join('\n'));
  terminal.say(`\n${waiting.length === 0 ? 'Nothing waits in the timelock.' : `Waiting in the timelock: ${waiting.length}`}`);
  for (const { operation, signers, state } of waiting) {
    const left = state.kind === 'waiting' ? `${shownSeconds(state.leftS)} left` : 'due: anybody can execute it';
    terminal.say(`\n  ${operation.id}: ${left}`);
    terminal.say(
      describeOperation(governing, operation)
        .map((line) => `  ${line}`)
        .join('\n'),
    );
    terminal.say(`    proposed ${operation.proposedBy ? `by the Safe, signed by ${list(governing, signers)}` : 'NOT BY THE SAFE'} in ${operation.transaction}`);
    terminal.say(`    ${nodesOn(nodes, operation.id)}`);
    terminal.say(`    cancelled by any of ${list(governing, governance.roles.CANCELLER_ROLE)}: cairn govern cancel ${operation.id}`);
  }
  const cancelled = operations.filter(({ state }) => state === 'cancelled');
  if (cancelled.length > 0) terminal.say(`\nCANCELLED so far: ${cancelled.length}, the last one ${cancelled.at(-1)?.id}.`);
  for (const line of alarmsOf(nodes)) terminal.say(line);
  for (const file of files) await showFile(governing, operations, file, terminal);
  return 0;
}

async function showFile(governing: Governing, operations: readonly TimelockOperation[], file: string, terminal: Terminal): Promise<void> {
  const { proposal, judged } = await judgedProposal(governing, file);
  const safe = await openSafe(governing);
  terminal.say(`\n${file}\n${describeJudged(governing.deployment, judged)}`);
  const { nonce } = proposal.transaction;
  if (nonce === safe.nonce) terminal.say(signaturesText(governing, safe, proposal));
  else terminal.say(`It is transaction ${nonce} of the Safe, whose next one is ${safe.nonce}: nobody signs it ${nonce > safe.nonce ? 'yet' : 'any more'}.`);
  // A change of the Safe's owners leaves nothing at the timelock to find.
  if (nonce < safe.nonce && judged.kind === 'proposal') terminal.say(becameOf(operations, transactionHash(governing, proposal)));
}

function transactionHash({ client, deployment }: Governing, { transaction }: Proposal): Hex {
  return toHex(intentDigest(intentOf(client.chainId, deployment, transaction)));
}

/** What became of a Safe's transaction whose number is taken. */
function becameOf(operations: readonly TimelockOperation[], safeTransaction: Hex): string {
  const operation = operations.find(({ proposedBy }) => proposedBy?.safeTransaction === safeTransaction);
  switch (operation?.state) {
    case undefined:
      return 'It was NEVER PROPOSED to the timelock: another transaction of the Safe took its number.';
    case 'pending':
      return `It waits in the timelock as operation ${operation.id}.`;
    case 'executed':
      return `It was done, as operation ${operation.id}.`;
    case 'cancelled':
      return `It was CANCELLED, as operation ${operation.id}, and never done: it can only be proposed again.`;
  }
}

/** Which of the signer nodes agreed to it, and which cancel it. */
function nodesOn(nodes: ReadonlyMap<number, WatchFacts | undefined> | undefined, operation: Hex): string {
  if (!nodes) return 'signer nodes: this state folder knows none; cairn node status at each of them says whether it objects';
  const words = [...nodes].map(([node, watch]) => {
    if (!watch) return `${node} does not answer`;
    const objection = watch.pending.get(operation);
    if (objection === undefined) return `${node} has not seen it finally`;
    return objection === null ? `${node} agreed` : `${node} OBJECTS (${objection}) and cancels it`;
  });
  return `signer nodes: ${words.join(', ')}`;
}

/** What is wrong with the watch, whether or not anything waits: a thief's proposal comes when nobody looks. */
function alarmsOf(nodes: ReadonlyMap<number, WatchFacts | undefined> | undefined): string[] {
  const all = [...(nodes ?? [])];
  const watching = all.filter(([, watch]) => watch && watch.blind === null).length;
  return [
    ...all.flatMap(([node, watch]) => {
      if (!watch) return [`\nSigner node ${node} DOES NOT ANSWER: it cancels nothing.`];
      const blind = watch.blind === null ? [] : [`\nSigner node ${node} DOES NOT SEE THE TIMELOCK: ${watch.blind}`];
      return [...blind, ...watch.alarms.map((alarm) => `\nALARM of signer node ${node}: ${alarm}`)];
    }),
    ...(watching === all.length ? [] : [`\n${watching} of ${all.length} signer nodes watch the timelock.`]),
  ];
}

function list({ deployment }: Governing, addresses: readonly Hex[]): string {
  return addresses.length === 0 ? 'nobody' : addresses.map((address) => shownAddress(deployment, address)).join(', ');
}

/** Owners of the Safe whose signature over the proposing transaction is in what was sent. */
function signersOf({ safe }: Governance, { proposedBy }: TimelockOperation): Hex[] {
  if (!proposedBy) return [];
  const signatures = signaturesIn(proposedBy.signatures);
  return safe.owners.filter((owner) => signatures.some((signature) => isSignatureBy(owner, fromHex(proposedBy.safeTransaction), signature)));
}

/** Who has every role, and what is not as it was deployed. */
function whoGoverns(governing: Governing, { anchor, vault, roles, safe, timelockDelayS }: Governance): string[] {
  const { deployment } = governing;
  const intended = [deployment.owner, ...deployment.operators].sort();
  return [
    `Timelock ${deployment.timelock}, ${shownSeconds(timelockDelayS)}`,
    `  proposes     ${list(governing, roles.PROPOSER_ROLE)}`,
    `  cancels      ${list(governing, roles.CANCELLER_ROLE)}`,
    `  executes     ${list(governing, roles.EXECUTOR_ROLE)}`,
    `  administers  ${list(governing, roles.DEFAULT_ADMIN_ROLE)}`,
    `Safe ${deployment.safe}, version ${safe.version}, ${safe.threshold} of ${safe.owners.length}, next transaction ${safe.nonce}`,
    ...safe.owners.map((owner) => `  owner        ${shownAddress(deployment, owner)}`),
    ...(String(safe.owners) === String(intended) ? [] : [`  NOT THE OWNERS IT BEGAN WITH: ${list(governing, intended)}`]),
    ...(safe.modules.length === 0 ? [] : [`  MODULES ACT FOR IT: ${list(governing, safe.modules)}`]),
    ...(/^0x0+$/.test(safe.guard) && /^0x0+$/.test(safe.moduleGuard) ? [] : [`  GUARDED BY ${list(governing, [safe.guard, safe.moduleGuard])}`]),
    `Anchor ${deployment.anchor}${anchor.paused ? ', PAUSED' : ''}`,
    `  owner        ${shownAddress(deployment, anchor.owner)}`,
    `  guardian     ${shownAddress(deployment, anchor.guardian)}`,
    `  poster       ${anchor.poster}`,
    `Vault ${deployment.vault}${vault.paused ? ', PAUSED' : ''}`,
    `  owner        ${shownAddress(deployment, vault.owner)}`,
    `  guardian     ${shownAddress(deployment, vault.guardian)}`,
    `  signer       ${vault.signer}`,
  ];
}
