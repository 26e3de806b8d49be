import { z } from 'zod';
import { Problem, toHex, type Hex } from '#base';
import { intentDigest, isSignatureBy } from '#custody/intents';
import { ADDRESS, jsonOf, whyNot, type GovernedDeployment } from './contracts.ts';
import { intentOf, type SafeTransaction } from './judge.ts';

const UINT = z.string().regex(/^(?:0|[1-9]\d{0,77})$/);

const PROPOSAL = z.strictObject({
  format: z.literal('cairn-proposal/1'),
  chainId: z.string().regex(/^[1-9]\d{0,18}$/),
  safe: ADDRESS,
  timelock: ADDRESS,
  /** Why, in the proposer's own words; signed by nobody. Without control characters, which could write over what a terminal shows beside it. */
  note: z
    .string()
    .max(2_000)
    .regex(/^\P{C}*$/u),
  transaction: z.strictObject({
    to: ADDRESS,
    value: UINT,
    data: z
      .string()
      .regex(/^0x(?:[0-9a-f]{2})*$/)
      .max(200_000),
    operation: z.int().min(0).max(255),
    safeTxGas: UINT,
    baseGas: UINT,
    gasPrice: UINT,
    gasToken: ADDRESS,
    refundReceiver: ADDRESS,
    nonce: UINT,
  }),
  signatures: z.array(z.strictObject({ owner: ADDRESS, signature: z.string().regex(/^0x[0-9a-f]{130}$/) })).max(50),
});

export interface OwnerSignature {
  readonly owner: Hex;
  /** r 32 || s 32 || v 1. */
  readonly signature: Hex;
}

/** A transaction of the Safe and the signatures so far: the file that operators pass around. */
export interface Proposal {
  readonly note: string;
  readonly transaction: SafeTransaction;
  /** One an owner, in the order of their addresses, as Safe takes them. */
  readonly signatures: readonly OwnerSignature[];
}

/** Whether the file's schema takes it. */
export function isNote(text: string): boolean {
  return PROPOSAL.shape.note.safeParse(text).success;
}

/** The 32 bytes that the owners sign. The members that an intent has no room for are zero after `judge`. */
export function proposalDigest(deployment: GovernedDeployment, transaction: SafeTransaction): Uint8Array {
  return intentDigest(intentOf(BigInt(deployment.chainId), deployment, transaction));
}

export function proposalText(deployment: GovernedDeployment, { note, transaction, signatures }: Proposal): string {
  const { chainId, safe, timelock } = deployment;
  const { to, value, data, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver, nonce } = transaction;
  const members = {
    to,
    value: String(value),
    data,
    operation,
    safeTxGas: String(safeTxGas),
    baseGas: String(baseGas),
    gasPrice: String(gasPrice),
    gasToken,
    refundReceiver,
    nonce: String(nonce),
  };
  return `${JSON.stringify({ format: 'cairn-proposal/1', chainId, safe, timelock, note, transaction: members, signatures }, null, 1)}\n`;
}

/**
 * The file of a proposal to this deployment. What it says of itself is not believed: the transaction is there whole, to be judged, and each signature is held against its owner. governance/bad-proposal,
 * governance/other-deployment, governance/bad-signature.
 */
export function readProposalText(deployment: GovernedDeployment, text: string): Proposal {
  const parsed = PROPOSAL.safeParse(jsonOf(text));
  if (!parsed.success) throw new Problem('governance/bad-proposal', `The file is no proposal: ${whyNot(parsed.error)}.`);
  const { chainId, safe, timelock, note, transaction: members } = parsed.data;
  if (chainId !== deployment.chainId || safe !== deployment.safe || timelock !== deployment.timelock)
    throw new Problem(
      'governance/other-deployment',
      `The proposal is for the Safe ${safe} on chain ${chainId}, not for ${deployment.safe} on chain ${deployment.chainId}.`,
    );
  const transaction: SafeTransaction = {
    ...members,
    data: members.data as Hex,
    value: BigInt(members.value),
    safeTxGas: BigInt(members.safeTxGas),
    baseGas: BigInt(members.baseGas),
    gasPrice: BigInt(members.gasPrice),
    nonce: BigInt(members.nonce),
  };
  const signatures = parsed.data.signatures as readonly OwnerSignature[];
  return signatures.reduce<Proposal>((proposal, { owner, signature }) => withSignature(deployment, proposal, owner, signature), {
    note,
    transaction,
    signatures: [],
  });
}

/** The proposal with one signature more; the same as before where this owner has signed. governance/bad-signature where it is not his, over exactly this. */
export function withSignature(deployment: GovernedDeployment, proposal: Proposal, owner: Hex, signature: Hex): Proposal {
  const digest = proposalDigest(deployment, proposal.transaction);
  if (!isSignatureBy(owner, digest, signature))
    throw new Problem('governance/bad-signature', `A signature in the proposal is not by ${owner} over what the proposal says now.`, {
      owner,
      digest: toHex(digest),
    });
  const others = proposal.signatures.filter((one) => one.owner !== owner);
  return { ...proposal, signatures: [...others, { owner, signature }].sort((a, b) => (a.owner < b.owner ? -1 : 1)) };
}
