import { decodeAbiParameters, parseAbiParameters } from 'viem';
import { fromHex, toHex, type Hex } from '#base';
import { intentDigest, isSignatureBy, type GovernanceIntent } from '#custody/intents';
import type { Contracts } from './contracts.ts';
import { lower } from './decode.ts';
import { safeEvent, type GovernanceLog, type TimelockOperation } from './events.ts';
import { operationId, schedulingOf } from './operation.ts';

/** An operation that a node did not agree to, and what is wrong with it, for its audit log. */
export interface Objection {
  readonly operation: Hex;
  readonly reason: 'not-of-the-safe' | 'not-agreed' | 'other-than-agreed';
}

/**
 * What a signer node cancels on its own: every pending operation that is not exactly what this node signed. `agreed` are the Safe transactions that it signed, ever, and those that the owner key signed without it. To have agreed to the same calls
 * once is not enough: what was cancelled or dropped and is proposed again is proposed by another transaction of the Safe, and that one has to be signed too. So two stolen operator keys can propose
 * what they like, also what was agreed to long ago, and every node objects.
 */
export function objections(contracts: Contracts, operations: readonly TimelockOperation[], agreed: readonly GovernanceIntent[]): Objection[] {
  const signed = new Map(agreed.map((intent) => [toHex(intentDigest(intent)), intent]));
  return operations
    .filter(({ state }) => state === 'pending')
    .flatMap((operation): Objection[] => {
      const { id, proposedBy, delayS } = operation;
      if (!proposedBy) return [{ operation: id, reason: 'not-of-the-safe' }];
      const intent = signed.get(proposedBy.safeTransaction);
      if (!intent) return [{ operation: id, reason: 'not-agreed' }];
      const scheduling = intent.to === contracts.timelock ? schedulingOf(intent.data) : undefined;
      const isSame = scheduling !== undefined && operationId(scheduling) === id && scheduling.delayS === delayS;
      return isSame ? [] : [{ operation: id, reason: 'other-than-agreed' }];
    });
}

/** nonce, sender, threshold: how SafeL2 packs them (safe-smart-account 1.5.0, onBeforeExecTransaction). */
const ADDITIONAL_INFO = parseAbiParameters('uint256, address, uint256');
const SIGNATURE_BYTES = 65;

/**
 * The executed transactions of the Safe that bear this key's signature. Of a threshold key that is proof enough for a node that was not asked: as many as must sign have agreed, each by its own judgement,
 * and those who did not could not cancel against them anyway. Each is rebuilt from what the Safe tells and held against the signature, so a log can be left out and cannot be invented.
 */
export function signedBy(owner: Hex, { chainId, safe }: { readonly chainId: bigint; readonly safe: Hex }, logs: readonly GovernanceLog[]): GovernanceIntent[] {
  return logs.flatMap((log): GovernanceIntent[] => {
    const event = log.address === safe ? safeEvent(log) : undefined;
    if (event?.eventName !== 'SafeMultiSigTransaction') return [];
    const { to, value, data, signatures, additionalInfo } = event.args;
    if (additionalInfo.length !== 2 + 3 * 64) return [];
    const [nonce] = decodeAbiParameters(ADDITIONAL_INFO, additionalInfo);
    // What the other members hold is in the digest: where one is not as we sign it, the signature is of something else.
    const intent: GovernanceIntent = { kind: 'governance', chainId, safe, to: lower(to), value, data: lower(data), nonce };
    return signaturesIn(signatures).some((signature) => isSignatureBy(owner, intentDigest(intent), signature)) ? [intent] : [];
  });
}

/** One after the other, 65 bytes each, as the Safe takes them from accounts. */
export function signaturesIn(signatures: Hex): Hex[] {
  const bytes = fromHex(signatures);
  return Array.from({ length: Math.floor(bytes.length / SIGNATURE_BYTES) }, (_, i) => toHex(bytes.slice(i * SIGNATURE_BYTES, (i + 1) * SIGNATURE_BYTES)));
}
