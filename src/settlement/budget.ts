import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, derivedId, fromHex, uintBytes, utf8, type Hex } from '#base';
import type { Outbox, OutboxId } from '#chain';
import type { Database } from '#db';
import { dayAfterS, whenPayable, type Allowance } from './core/core.ts';
import { payoutsOf, type StoredInstruction } from './store.ts';

export interface BudgetDependencies {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly allowanceOf: (token: Hex) => Promise<Allowance>;
}

/** Every transaction of an instruction has a number, from 0: asking for it again is the same transaction. */
export function payoutTransactionId(instruction: Hex, attempt: number): OutboxId {
  return derivedId(keccak_256(concat(utf8('cairn.pay'), fromHex(instruction), uintBytes(attempt, 4))));
}

/** What one pass may still ask the vault to pay of each token: its caps, less what was paid today and what is on its way. */
export class Budget {
  readonly #deps: BudgetDependencies;
  readonly #open: readonly StoredInstruction[];
  readonly #tokens = new Map<Hex, { readonly allowance: Allowance; onItsWay: bigint }>();

  constructor(deps: BudgetDependencies, open: readonly StoredInstruction[]) {
    this.#deps = deps;
    this.#open = open;
  }

  /** Null where the vault pays this amount of the instruction now, and then it counts as on its way; else what has to come first, in one sentence. */
  async take({ token, notAfterS }: StoredInstruction, amount: bigint): Promise<string | null> {
    const budget = this.#tokens.get(token) ?? (await this.#look(token));
    this.#tokens.set(token, budget);
    const { perTransaction, perDay } = budget.allowance;
    const payable = whenPayable(budget.allowance, budget.onItsWay, amount);
    if (payable === 'laterDay') return `The vault has paid what it may today; this goes on when the day of ${isoOf(dayAfterS(budget.allowance, 1))} begins.`;
    if (payable === 'overCap') {
      const caps = `${perTransaction} minor units a transaction and ${perDay} a day`;
      return `The vault’s caps of ${caps} are below the ${amount} of this list; it waits until ${isoOf(notAfterS)} for them to be raised.`;
    }
    budget.onItsWay += amount;
    return null;
  }

  async #look(token: Hex): Promise<{ readonly allowance: Allowance; onItsWay: bigint }> {
    const allowance = await this.#deps.allowanceOf(token);
    let onItsWay = 0n;
    for (const instruction of this.#open.filter((other) => other.token === token && other.attempts > 0)) {
      const last = await this.#deps.outbox.transaction(payoutTransactionId(instruction.id, instruction.attempts - 1));
      const isCounted = last.state === 'final' && last.receipt !== null && last.receipt.blockNumber <= allowance.blockNumber;
      if (isCounted || last.state === 'failed') continue;
      const payouts = await payoutsOf(this.#deps.database.pool, instruction.id);
      onItsWay += payouts.reduce((sum, { state, amount }) => (state === 'open' || state === 'failed' ? sum + amount : sum), 0n);
    }
    return { allowance, onItsWay };
  }
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
