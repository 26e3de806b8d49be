import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '#base';
import { intentDigest, isSignatureBy, type Intent, type Role, type Signature } from './intents.ts';
import type { Custody } from './types.ts';

const FIRST_POLL_MS = 5;
const LONGEST_POLL_MS = 1_000;

export interface Patience {
  /** Milliseconds until custody/no-answer; the request stays open. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/** Asks for a signature and waits for the answer: the signature, checked against the role's address; custody/refused; or custody/no-answer. */
export async function signatureOf(custody: Custody, role: Role, intent: Intent, { patienceMs, signal }: Patience): Promise<Signature> {
  const { id } = await custody.requestSignature(role, intent);
  let waitedMs = 0;
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 2, LONGEST_POLL_MS)) {
    const outcome = await custody.outcome(id);
    if (outcome.status === 'refused') throw new Problem('custody/refused', outcome.reason, { rule: outcome.rule, request: id });
    if (outcome.status === 'signed') return checked(await custody.address(role), intent, outcome.signature);
    if (waitedMs >= patienceMs) throw new Problem('custody/no-answer', `No answer to request ${id} within ${patienceMs} ms.`, { request: id });
    await sleep(pollMs, undefined, signal ? { signal } : {});
    waitedMs += pollMs;
  }
}

function checked(address: `0x${string}`, intent: Intent, signature: Signature): Signature {
  if (!isSignatureBy(address, intentDigest(intent), signature)) {
    throw new Problem('custody/refused', `The signers answered with a signature that is not by ${address} over this intent.`, { rule: 'signature' });
  }
  return signature;
}
