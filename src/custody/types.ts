import type { Hex, Uuid } from '#base';
import type { Intent, Role, Signature } from './intents.ts';

/** A request for a signature; the same role and intent always have the same one. */
export type SignatureRequestId = Uuid<'signature request'>;

export type Outcome =
  | { readonly status: 'pending' }
  | { readonly status: 'signed'; readonly signature: Signature }
  /** `rule` names the policy that objects, for programs; `reason` is for people. */
  | { readonly status: 'refused'; readonly rule: string; readonly reason: string };

/** The door that keys stand behind. Whoever asks gets an answer later, and it may be no. */
export interface Custody {
  /** Whose signature the contracts expect of this role. */
  address(role: Role): Promise<Hex>;
  /** Idempotent: asking again for the same intent finds the same request. */
  requestSignature(role: Role, intent: Intent): Promise<{ readonly id: SignatureRequestId }>;
  /** custody/unknown-request where it was never asked here. */
  outcome(id: SignatureRequestId): Promise<Outcome>;
  /** Whether a signature can be had now, in one sentence without a full stop. Asks whoever signs. */
  health(): Promise<{ readonly ok: boolean; readonly detail: string }>;
}
