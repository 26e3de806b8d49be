/** A run of the set-up of a pair, with a hand on every message. */
import assert from 'node:assert/strict';
import { beginSetup, exchangeSetup, finishSetup, openSetup, partyId, type Aborted, type Pair, type PartyId } from '#mpc/protocol';
import { id32, type Context } from '../../../../mpc/protocol/primitives/ids.ts';
import { random } from './dealer.ts';

export const [P1, P2, P3] = [1, 2, 3].map((id) => partyId(id, 3)) as [PartyId, PartyId, PartyId];
export const ctx = id32<Context>(random(32));

export type Change = (step: 'nonce' | 'exchange' | 'opening', bytes: Uint8Array) => Uint8Array;

export function must<T extends { readonly kind: string }>(outcome: T | Aborted): T {
  assert.notEqual(outcome.kind, 'abort', outcome.kind === 'abort' ? (outcome as Aborted).abort.problem.message : '');
  return outcome as T;
}

export function mustBlame(outcome: { readonly kind: string } | Aborted, code: string, what: string): void {
  assert.equal(outcome.kind, 'abort', what);
  const { abort } = outcome as Aborted;
  assert.deepEqual([abort.problem.code, abort.culprit], [code, P2], what);
}

function none(): never {
  assert.fail('P2 has no ending in a run that P1 left early');
}

/** A run of P1 and P2, with P2's messages changed on their way; P1's ending, and P2's on demand. */
export function run(change: Change = (_, bytes) => bytes, generation = 0): { readonly mine: Pair | Aborted; readonly theirs: () => Pair } {
  const a = beginSetup({ ctx, own: P1, peer: P2, generation }, random);
  const b = beginSetup({ ctx, own: P2, peer: P1, generation }, random);
  const bExchange = must(exchangeSetup(b.next, a.bytes, random));
  const aExchange = exchangeSetup(a.next, change('nonce', b.bytes.slice()), random);
  if (aExchange.kind === 'abort') return { mine: aExchange, theirs: none };
  const aOpening = openSetup(aExchange.next, change('exchange', bExchange.bytes.slice()));
  if (aOpening.kind === 'abort') return { mine: aOpening, theirs: none };
  const bOpening = must(openSetup(bExchange.next, aExchange.bytes));
  const end = finishSetup(aOpening.next, change('opening', bOpening.bytes.slice()));
  return { mine: end.kind === 'abort' ? end : end.pair, theirs: () => must(finishSetup(bOpening.next, aOpening.bytes)).pair };
}
