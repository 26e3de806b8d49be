import { ed25519 } from '@noble/curves/ed25519.js';
import { fromHex, hashTypedData, isHex, type Eip712Struct, type Hex, type TimeMs } from '#base';
import { isSignatureBy } from '#custody/intents';
import type { Facts } from './facts.ts';
import type { Policy } from './schema.ts';

/** "I agree that this digest is signed for this request", until a time. */
export interface Approval {
  /** Name of an approver of the policy. */
  readonly approver: string;
  /** Seconds. */
  readonly expiresS: number;
  /** ed25519: 64 bytes over the digest below. eip712: r || s || v over the same. */
  readonly signature: Hex;
}

export const APPROVAL_STRUCT: Eip712Struct = {
  name: 'Approval',
  members: [
    ['bytes32', 'intent'],
    ['string', 'request'],
    ['string', 'approver'],
    ['uint64', 'expires'],
  ],
};

/** What an approver signs, with either kind of key: bound to the intent, to this one request, to the approver's name and to a time. */
export function approvalDigest({ digest, requestId, chainId, contracts }: Facts, approver: string, expiresS: number): Uint8Array {
  const verifyingContract = contracts[0]?.address ?? `0x${'00'.repeat(20)}`;
  const message = { intent: digest, request: requestId, approver, expires: BigInt(expiresS) };
  return hashTypedData({ name: 'CairnApproval', version: '1', chainId, verifyingContract }, APPROVAL_STRUCT, message);
}

/** Whether ed25519 accepts it by RFC 8032's strict rules; malformed bytes are a no. */
export function isEd25519(signature: Hex, message: Uint8Array, publicKey: Hex): boolean {
  if (!isHex(signature, 64)) return false;
  return ed25519.verify(fromHex(signature), message, fromHex(publicKey), { zip215: false });
}

/** The names of those whose approval of this very request is valid now, each once; whoever asks does not approve. */
export function validApprovers(policy: Policy, facts: Facts, approvals: readonly Approval[], longestLifeS: number, nowMs: TimeMs): Set<string> {
  const valid = new Set<string>();
  // The first of each: a list of a hundred thousand signatures would keep this node busy for minutes.
  const first = new Map(approvals.toReversed().map((approval) => [approval.approver, approval]));
  for (const { approver: named, expiresS, signature } of first.values()) {
    const approver = policy.approvers.find(({ name }) => name === named);
    if (!approver || facts.requester === approver.name || facts.requester === approver.key) continue;
    if (!Number.isSafeInteger(expiresS) || expiresS * 1000 < nowMs || expiresS * 1000 > nowMs + longestLifeS * 1000) continue;
    const digest = approvalDigest(facts, approver.name, expiresS);
    const { key } = approver;
    const isTheirs = approver.scheme === 'ed25519' ? isEd25519(signature, digest, key) : isSignatureBy(key, digest, signature);
    if (isTheirs) valid.add(approver.name);
  }
  return valid;
}
