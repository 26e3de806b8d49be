import { ed25519 } from '@noble/curves/ed25519.js';
import { fromHex, isHex, Problem, toHex, type Hex, type RandomBytes } from '#base';
import { changeMessage, parsePolicyText, policyHash, proposalId, stopSubject, type PolicyState } from '../policy/policy.ts';
import { openDesk, type NodeDesk } from './desk.ts';
import { read } from './folder.ts';

export interface PolicyCommand {
  readonly folder: string;
  /** show | propose FILE | approve ID | cancel ID | stop. */
  readonly words: readonly string[];
  /** Who signs, by the name in the policy, and the file with the secret of the own key; needed for all but show. */
  readonly operator: string | undefined;
  readonly keyFile: string | undefined;
  readonly random: RandomBytes;
  readonly tell: (line: string) => void;
}

/** Shows the policy of a running node, or brings it a change that an operator signs here. */
export async function policyCommand(command: PolicyCommand): Promise<number> {
  const desk = await openDesk(command.folder);
  try {
    const before = (await desk.ask('policy/show', {})) as unknown as PolicyState;
    const after = command.words[0] === 'show' ? before : await change(desk, before, command);
    tellPolicy(after, command.tell);
  } finally {
    desk.close();
  }
  return 0;
}

async function change(
  desk: NodeDesk,
  state: PolicyState,
  { words: [action = '', subject = ''], operator, keyFile, random }: PolicyCommand,
): Promise<PolicyState> {
  if (operator === undefined || keyFile === undefined) throw new Problem('cli/bad-arguments', `To ${action} a policy needs --operator NAME and --key FILE.`);
  const secret = (await read(keyFile)).trim();
  if (!isHex(secret, 32)) throw new Problem('cli/bad-arguments', `${keyFile} holds no ed25519 key: 32 bytes as 0x and hexadecimal digits.`);
  const sign = (kind: 'approve' | 'cancel' | 'stop', over: Hex): Hex => toHex(ed25519.sign(changeMessage(kind, over), fromHex(secret)));
  const ask = async (body: object): Promise<PolicyState> => (await desk.ask('policy/change', { operator, ...body })) as unknown as PolicyState;
  switch (action) {
    case 'propose': {
      const policy = parsePolicyText(await read(subject));
      const nonce = toHex(random(16));
      return ask({ change: 'proposed', policy, nonce, signature: sign('approve', proposalId(state.file, policy, nonce)) });
    }
    case 'approve':
      return ask({ change: 'approved', proposal: subject, signature: sign('approve', hash(subject)) });
    case 'cancel':
      return ask({ change: 'cancelled', proposal: subject, signature: sign('cancel', hash(subject)) });
    case 'stop':
      return ask({ change: 'stopped', signature: sign('stop', stopSubject(state)) });
    default:
      throw new Problem('cli/bad-arguments', 'cairn node policy knows show, propose FILE, approve ID, cancel ID and stop.');
  }
}

function hash(text: string): Hex {
  if (!isHex(text, 32)) throw new Problem('cli/bad-arguments', `"${text.slice(0, 80)}" is no id of a proposal.`);
  return text;
}

function tellPolicy({ inForce, file, proposals }: PolicyState, tell: (line: string) => void): void {
  tell(`in force      version ${inForce.version}, ${policyHash(inForce)}${inForce.stop === 'nothing' ? '' : `, STOPPED: ${inForce.stop}`}`);
  tell(`kinds         ${inForce.kinds.join(', ') || 'none'}`);
  tell(`operators     ${file.operators.quorum} of ${file.operators.keys.map(({ name }) => name).join(', ')}`);
  for (const { id, policy, direction, operators, status, effectiveAtMs } of proposals) {
    tell(`proposal      ${id}`);
    tell(
      `              version ${policy.version}, a ${direction}, ${status} by ${operators.join(', ')}${effectiveAtMs === undefined ? '' : `, in force from ${new Date(effectiveAtMs).toISOString()}`}`,
    );
  }
}
