import { toHex, type Hex } from '#base';
import { intentDigest, type GovernanceIntent } from '#custody/intents';
import type { Contracts } from './contracts.ts';
import type { TimelockOperation } from './events.ts';
import { operationId, schedulingOf } from './operation.ts';

/** An operation that a node did not agree to, and what is wrong with it, for its audit log. */
export interface Objection {
  readonly operation: Hex;
  readonly reason: 'not-of-the-safe' | 'not-agreed' | 'other-than-agreed';
}

/**
 * What a signer node cancels on its own: every pending operation that is not exactly what this node signed. `agreed` are the Safe transactions that it signed, ever. To have agreed to the same calls
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
