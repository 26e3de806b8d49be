import { Problem, toHex, type Clock, type Hex } from '#base';
import { intentDigest, type AnchorIntent, type Intent } from '#custody/intents';
import type { SignRequest } from '#custody/requests';
import type { NodeBook } from '../book/book.ts';
import { evaluate, policyHash, type Approval, type Facts } from '../policy/policy.ts';
import type { Judge, Verdict } from '../session/session.ts';
import type { NodeStore } from '../store/store.ts';

/** What passes by itself: the chain answers again, the next block is final, the next page of the book comes. Whoever asked may ask again. */
const PASSING: ReadonlySet<string> = new Set([
  'chain-answers',
  'chain-recent',
  'log-known',
  // Of a batch that the others signed while this node was away: it waits for the final block.
  'log-extended',
  'batch-derived',
  'one-batch-at-once',
  'instruction-booked',
  'instruction-anchored',
  'deposit-final',
  // Final for whoever asks, and not yet for this node.
  'authorisation-next',
  'value-held',
]);

const LOCAL_CHAIN_ID = 31337n;

/** What one commitment is being extended by now: one batch at a time, so that of sessions that run side by side none binds this node to one batch and its partner to another. */
class Places {
  readonly #taken = new Map<Hex, { readonly leaf: Hex; sessions: number }>();

  /** Undefined where another batch is being signed at this place. */
  take({ previous, leaf }: AnchorIntent): (() => void) | undefined {
    const place = this.#taken.get(previous) ?? { leaf, sessions: 0 };
    if (place.leaf !== leaf) return undefined;
    this.#taken.set(previous, place);
    place.sessions++;
    return () => void (--place.sessions === 0 && this.#taken.delete(previous));
  }
}

export interface JudgeOptions {
  readonly store: NodeStore;
  /** Undefined: a node without a book knows nothing that a payment could follow from. */
  readonly book: Pick<NodeBook, 'judge' | 'bind'> | undefined;
  readonly clock: Clock;
}

/** The book first, which finds out what is asked for; then the policy, which says whether it may be. Both by this node's own copies. */
export function createJudge({ store, book, clock }: JudgeOptions): Judge {
  const places = new Places();
  return {
    judge: async (request, requester) => {
      // The contracts know the keys themselves. What is signed below them would be for a use that nobody here can judge.
      if (request.path.length > 0) return refused('path', 'Nothing is signed here below the root of a key.');
      const found = book ? await book.judge(request.intent, clock.nowMs()) : factsWithoutBook(request.intent);
      if ('rule' in found) return refused(found.rule, found.reason);
      const facts: Facts = { ...found.facts, requestId: request.requestId, requester };
      const approvals = approvalsOf(request);
      const { inForce } = store.policy;
      const verdict = evaluate(inForce, store.counters, facts, approvals, clock.nowMs());
      if (!verdict.allowed) return { accepted: false, retry: 'never', rule: verdict.rule, reason: verdict.reason };
      const accepted = { accepted: true, facts, approvals, policyHash: policyHash(inForce) } as const;
      const { intent } = request;
      if (!book || intent.kind !== 'anchor') return accepted;
      const free = places.take(intent);
      if (!free) return refused('one-batch-at-once', `Another batch is being signed after the commitment ${intent.previous}.`);
      const bind = async (): Promise<void> => {
        const refusal = await book.bind(intent);
        if (refusal) throw new Problem('policy/refused', refusal.reason, { rule: refusal.rule });
      };
      return { ...accepted, place: { bind, free } };
    },
  };
}

function refused(rule: string, reason: string): Verdict {
  return { accepted: false, retry: PASSING.has(rule) ? 'later' : 'never', rule, reason };
}

type Found = { readonly facts: Omit<Facts, 'requestId' | 'requester'> } | { readonly rule: string; readonly reason: string };

/** For rehearsals of the local chain: an anchor moves nothing, and everything else would have to be believed. */
function factsWithoutBook(intent: Intent): Found {
  if (intent.kind !== 'anchor') return { rule: 'book', reason: `This node has no book, so it signs nothing of kind ${intent.kind}.` };
  if (intent.chainId !== LOCAL_CHAIN_ID) return { rule: 'book', reason: `This node has no book, so it signs for the local chain ${LOCAL_CHAIN_ID} only.` };
  const contracts = [{ role: 'anchor', address: intent.anchor }] as const;
  return { facts: { kind: 'anchor', chainId: intent.chainId, contracts, payments: [], digest: toHex(intentDigest(intent)) } };
}

/** What comes with a request is shown, not believed: the policy checks every signature. Anything that is no list of approvals counts as none. */
function approvalsOf({ evidence }: SignRequest): Approval[] {
  if (!Array.isArray(evidence)) return [];
  return evidence.filter(
    (item): item is Approval =>
      typeof item === 'object' &&
      item !== null &&
      typeof item.approver === 'string' &&
      Number.isSafeInteger(item.expiresS) &&
      typeof item.signature === 'string',
  );
}
