import type { Hex } from '#base';
import type { SignRequest } from '#custody/requests';
import type { Approval, Facts } from '../policy/policy.ts';

/** What a node decides about a request, by itself. */
export type Verdict =
  | {
      readonly accepted: true;
      /** What it found out about the request, which the limits are debited by when the signature leaves. */
      readonly facts: Facts;
      readonly approvals: readonly Approval[];
      /** Of the policy that it decided by: it stands in this signer's slot of the session id. 32 bytes. */
      readonly policyHash: Hex;
      /** Of what can be signed once only: `bind` before the signature leaves, durable when it resolves, policy/refused where another was; `free` when the session is over, whatever became of it. */
      readonly place?: { readonly bind: () => Promise<void>; readonly free: () => void };
    }
  /** `never`: the answer is no. `later`: it cannot be judged yet, such as while records of the book are missing. */
  | { readonly accepted: false; readonly retry: 'never' | 'later'; readonly rule: string; readonly reason: string };

/** Whoever decides for a node what it signs. It is asked before the node draws N_i, and never believes the coordinator: the request is what somebody wants, and nothing else about it is known. */
export interface Judge {
  /** `requester`: who asks, as the channel authenticated it. */
  judge(request: SignRequest, requester: string): Promise<Verdict>;
}
