import { Problem } from '#base';
import { openGovernance, readProposal, writeProposal, type Governing } from '../context.ts';
import { describeJudged, intentOf, judge, shownAddress, withSignature, type Judged, type Proposal } from '../core/core.ts';
import { openSafe, type SafeSession } from '../safe.ts';
import { openSigner, readSigner } from '../signer.ts';
import { confirm, type Terminal, type Values } from '../terminal.ts';

/** cairn govern sign: shows what it would do, asks, and adds one signature to the file. */
export async function signCommand(values: Values, [file]: readonly string[], defaultState: string, terminal: Terminal): Promise<number> {
  const named = readSigner(values);
  const governing = await openGovernance(values, defaultState);
  const { proposal, judged } = await judgedProposal(governing, file!);
  const safe = await openSafe(governing);
  requireNext(safe, proposal);
  const signer = await openSigner(named, governing);
  const { deployment, client } = governing;
  if (!safe.owners.includes(signer.address))
    throw new Problem('governance/no-part', `${shownAddress(deployment, signer.address)} is no owner of the Safe.`, { address: signer.address });
  terminal.say(describeJudged(deployment, judged));
  if (proposal.note !== '') terminal.say(`  the proposer says: ${proposal.note}`);
  await confirm(values, terminal, `Sign it as ${shownAddress(deployment, signer.address)}?`);
  const signed = withSignature(deployment, proposal, signer.address, await signer.sign(intentOf(client.chainId, deployment, proposal.transaction)));
  await writeProposal(governing, file!, signed);
  terminal.say(`\n${signaturesText(governing, safe, signed)}`);
  return 0;
}

/** The proposal of a file, once everything in it is known to be what may be signed. */
export async function judgedProposal(governing: Governing, file: string): Promise<{ proposal: Proposal; judged: Judged }> {
  const proposal = await readProposal(governing, file);
  return { proposal, judged: judge(governing.deployment, proposal.transaction) };
}

/** A signature for a later number would stay good until that number comes, whatever happens before. */
export function requireNext({ nonce }: SafeSession, { transaction }: Proposal): void {
  if (transaction.nonce !== nonce)
    throw new Problem('governance/other-nonce', `The proposal is transaction ${transaction.nonce} of the Safe, whose next one is ${nonce}.`, {
      proposal: String(transaction.nonce),
      next: String(nonce),
    });
}

/** Who signed, of the owners as they are now: a signature of a former owner counts for nothing. */
export function signaturesText({ deployment }: Governing, { owners, threshold }: SafeSession, { signatures }: Proposal): string {
  const signed = owners.filter((owner) => signatures.some((one) => one.owner === owner));
  const missing = threshold - signed.length;
  const names = signed.map((owner) => shownAddress(deployment, owner));
  return `Signed by ${names.length === 0 ? 'nobody' : names.join(', ')}. ${missing > 0 ? `${missing} more needed.` : 'That is enough: cairn govern execute sends it.'}`;
}
