import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { AccountId, TransferId } from '#base';
import { closingIdOf, FINAL_POST, legIdOf, POST_PENDING, TRANSFER_CODES, VOID_PENDING, type Account, type Command } from '#ledger/core';
import { Replica } from '../../../../../mpc/node/book/core/replica.ts';
import { Forge } from '../support/forge.ts';
import { freshId, personOf, USD, type Entry, type Person, type Placed } from '../support/samples.ts';
import { registers, release, suspended, type Waiting } from '../support/suspense.ts';

type Step =
  | { readonly kind: 'deposit'; readonly isReal: boolean; readonly toOther: boolean; readonly dollars: number }
  | { readonly kind: 'wait'; readonly isReal: boolean; readonly dollars: number }
  | { readonly kind: 'leave'; readonly nth: number; readonly isSoon: boolean; readonly dollars: number }
  | { readonly kind: 'move'; readonly isOwn: boolean; readonly back: boolean; readonly dollars: number }
  | { readonly kind: 'pay'; readonly line: number }
  | { readonly kind: 'close'; readonly nth: number; readonly post: boolean };

const dollars = fc.integer({ min: 40, max: 400 });
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('deposit' as const), isReal: fc.boolean(), toOther: fc.boolean(), dollars }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), isReal: fc.boolean(), dollars }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), nth: fc.nat(3), isSoon: fc.boolean(), dollars }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), isOwn: fc.boolean(), back: fc.boolean(), dollars }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('pay' as const), line: fc.nat(19) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), nth: fc.nat(5), post: fc.boolean() }) },
  ),
  { minLength: 8, maxLength: 24 },
) as fc.Arbitrary<readonly Step[]>;

/** Twenty payments of one signed order, to be held in any order: signing is what takes the time here. */
const AMOUNTS = Array.from({ length: 20 }, (_, i) => `${50 + 10 * i}.00`);

interface Story {
  readonly forge: Forge;
  readonly entry: Entry;
  readonly order: Placed;
  /** A second account of the merchant’s own. */
  readonly purse: AccountId;
  /** What waits in suspense, each from a wallet of its own. */
  readonly waiting: { readonly wallet: Person; readonly credit: Waiting }[];
}

async function begin(): Promise<Story> {
  const forge = await new Forge().open();
  const entry = await forge.payee();
  const { name, account } = entry.message;
  const order = await forge.order(AMOUNTS.map((amount, i) => ({ name, account, currency: 'USD', amount, endToEndId: `E-${i}` })));
  const purse = freshId<never>() as AccountId;
  forge.submit([{ kind: 'openAccount', id: purse, asset: USD, code: 99, flags: 2, owner: forge.merchant.id }]);
  return { forge, entry, order, purse, waiting: [] };
}

/** Books it if the ledger’s rules allow it; a step that they refuse is none. */
function tried(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof assert.AssertionError) return false;
    throw error;
  }
}

async function play({ forge, entry, order, purse, waiting }: Story, step: Step): Promise<void> {
  const [mine, other] = [forge.account('merchant', USD, forge.merchant.id), forge.account('merchant', USD, forge.other.id)];
  switch (step.kind) {
    case 'deposit':
      forge.deposit(BigInt(step.dollars) * 1_000_000n, { merchant: step.toOther ? forge.other.id : forge.merchant.id, mined: step.isReal });
      return;
    case 'wait': {
      const wallet = personOf(`${80 + waiting.length}`);
      waiting.push({ wallet, credit: suspended(forge, BigInt(step.dollars) * 1_000_000n, { from: wallet.address, isMined: step.isReal }) });
      return;
    }
    case 'leave': {
      const one = waiting[step.nth];
      if (!one) return;
      if (!step.isSoon) await registers(forge, forge.merchant, one.wallet).catch(unlessRegistered);
      const command = release(forge, one.credit);
      // Some of them take more or less than came in, which nothing stands behind.
      const amount = step.dollars % 3 === 0 ? BigInt(step.dollars) * 1_000_000n : command.amount;
      tried(() => forge.submit([{ ...command, amount }]));
      return;
    }
    case 'move': {
      const pair = step.isOwn ? [mine, purse] : [other, mine];
      const [debit, credit] = step.back ? [pair[1]!, pair[0]!] : [pair[0]!, pair[1]!];
      const command: Command = {
        kind: 'transfer',
        id: freshId<TransferId>(),
        debit,
        credit,
        asset: USD,
        amount: BigInt(step.dollars) * 1_000_000n,
        code: TRANSFER_CODES.other,
      };
      tried(() => forge.submit([command]));
      return;
    }
    case 'pay':
      tried(() => forge.hold(order, entry, { position: step.line }));
      return;
    case 'close': {
      const open = [...forge.state.holds.values()].filter(({ status, id, reference }) => status === 'open' && id === legIdOf(reference, 0));
      const hold = open[step.nth];
      if (!hold) return;
      const legs = [0, 1, 2].map((leg) => legIdOf(hold.reference, leg)).filter((id) => forge.state.holds.get(id)?.status === 'open');
      const flags = step.post ? POST_PENDING | FINAL_POST : VOID_PENDING;
      for (const id of legs)
        tried(() =>
          forge.submit([{ kind: 'transfer', id: closingIdOf(id), pendingId: id, amount: step.post ? forge.state.holds.get(id)!.amount : 0n, flags }]),
        );
    }
  }
}

function unlessRegistered(error: unknown): void {
  if (!(error instanceof assert.AssertionError)) throw error;
}

function balanceOf({ creditsPosted, debitsPosted, debitsPending }: Account): bigint {
  return creditsPosted - debitsPosted - debitsPending;
}

describe('what stands behind the money of a book', function () {
  this.timeout(120_000);

  it('never lets a signer pay more than really came in, whatever is written, moved, invented and given back', async () => {
    const seen = { runs: 0, signed: 0, unsigned: 0, released: 0 };
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const story = await begin();
        const { forge } = story;
        // Nothing of this run is served or stored: there is nothing to close.
        for (const step of taken) await play(story, step);
        const replica = new Replica(forge.registration);
        for (const item of forge.items) assert.ok(replica.step(item, Infinity).ok);
        for (const claim of replica.backing.waiting(1_000)) {
          assert.ok('deposit' in claim);
          replica.backing.prove(claim.id, forge.chain.receipts.has(claim.deposit.transaction));
        }
        replica.backing.advance();

        const real = taken.reduce(
          (sum, step) => ((step.kind === 'deposit' || step.kind === 'wait') && step.isReal ? sum + BigInt(step.dollars) * 1_000_000n : sum),
          0n,
        );
        const vault = forge.account('vault', USD);
        seen.released += forge.items.filter(({ record }) => record.kind === 'transfer' && record.code === TRANSFER_CODES.claimed).length;
        let free = 0n;
        for (const account of replica.state.accounts.values()) {
          if (account.asset !== USD || account.id === vault) continue;
          const unbacked = replica.backing.unbackedOf(account.id);
          assert.ok(unbacked >= 0n);
          const backed = balanceOf(account) - unbacked;
          free += backed > 0n ? backed : 0n;
        }
        let paid = 0n;
        for (const { record } of forge.items) {
          const held = record.kind === 'transfer' ? replica.payments.held(record.id) : undefined;
          if (!held || held.status === 'voided') continue;
          assert.equal(held.fault, null);
          if (held.backed) paid += held.amount;
          seen[held.backed ? 'signed' : 'unsigned']++;
        }
        seen.runs++;
        assert.ok(free + paid <= real, `${free} free and ${paid} signed of ${real}`);
      }),
      { numRuns: 50 },
    );
    assert.ok(seen.released > 5, `${seen.released} deposits left suspense`);
    assert.ok(seen.signed > 5 && seen.unsigned > 5, `${seen.signed} payments signed and ${seen.unsigned} not: both have to occur`);
  });
});
