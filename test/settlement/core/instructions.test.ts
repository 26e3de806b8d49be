import { deepEqual, equal, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { derivedId, toHex, uintBytes, type AssetNo, type BookId, type PaymentId, type TransferId, type WindowId } from '#base';
import { instructionId } from '#custody/intents';
import { MAX_PAYMENTS, planInstructions, type TakenHold } from '#settlement/core';

const id = <Id extends string>(n: number): Id => derivedId(uintBytes(n + 1, 32).reverse()) as string as Id;
const TOKENS = new Map([1, 2, 3].map((asset) => [asset as AssetNo, toHex(uintBytes(asset, 20))]));
const CONTEXT = { book: id<BookId>(7), window: id<WindowId>(8), notAfterS: 2_000_000_000, tokens: TOKENS };

const holds = fc
  .array(fc.record({ asset: fc.integer({ min: 1, max: 3 }), amount: fc.bigInt(1n, (1n << 96n) - 1n), address: fc.bigInt(1n, 1n << 159n) }), { maxLength: 700 })
  .map((list) =>
    list.map<TakenHold>(({ asset, amount, address }, i) => ({
      hold: id<TransferId>(i),
      payment: id<PaymentId>(i + 10_000),
      seq: BigInt(i + 1),
      asset: asset as AssetNo,
      amount,
      address: toHex(uintBytes(address, 20)),
    })),
  );

describe('the instructions of a window', () => {
  it('pay every hold exactly once, in one token and at most 255 an instruction', () => {
    fc.assert(
      fc.property(holds, (taken) => {
        const planned = planInstructions(CONTEXT, taken);
        deepEqual(planned.flatMap((plan) => plan.holds.map((hold) => hold.hold)).sort(), taken.map((hold) => hold.hold).sort());
        for (const plan of planned) {
          ok(plan.count >= 1 && plan.count <= MAX_PAYMENTS && plan.words.length === plan.count);
          ok(plan.holds.every((hold) => hold.asset === plan.asset && TOKENS.get(hold.asset) === plan.token));
          equal(
            plan.total,
            plan.holds.reduce((sum, hold) => sum + hold.amount, 0n),
          );
          equal(plan.id, instructionId(plan));
        }
        equal(new Set(planned.map((plan) => plan.id)).size, planned.length);
        deepEqual(
          planned.map((plan) => plan.index),
          planned.map((_, i) => i),
        );
      }),
    );
  });

  it('are the same in whatever order the holds are handed over', () => {
    fc.assert(
      fc.property(holds, fc.integer(), (taken, seed) => {
        const shuffled = [...taken].sort((a, b) => ((a.seq * BigInt(seed * 2 + 1)) % 7919n < (b.seq * BigInt(seed * 2 + 1)) % 7919n ? -1 : 1));
        deepEqual(planInstructions(CONTEXT, shuffled), planInstructions(CONTEXT, taken));
      }),
    );
  });

  it('come to no more than the cap of their asset, unless one payment does so alone, and follow again from the counts without any cap', () => {
    fc.assert(
      fc.property(holds, fc.bigInt(1n, 1n << 100n), (taken, cap) => {
        const planned = planInstructions({ ...CONTEXT, caps: new Map([...TOKENS.keys()].map((asset) => [asset, cap])) }, taken);
        deepEqual(planned.flatMap((plan) => plan.holds.map((hold) => hold.hold)).sort(), taken.map((hold) => hold.hold).sort());
        ok(planned.every(({ count, total }) => count === 1 || total <= cap));
        deepEqual(planInstructions({ ...CONTEXT, counts: planned.map(({ count }) => count) }, taken), planned);
      }),
    );
  });

  it('have no more payees than one transaction has gas for, and follow again from the counts without that', () => {
    fc.assert(
      fc.property(holds, fc.integer({ min: 1, max: 255 }), (taken, payees) => {
        const planned = planInstructions({ ...CONTEXT, most: new Map([...TOKENS.keys()].map((asset) => [asset, payees])) }, taken);
        deepEqual(planned.flatMap((plan) => plan.holds.map((hold) => hold.hold)).sort(), taken.map((hold) => hold.hold).sort());
        ok(planned.every(({ count }) => count <= payees));
        deepEqual(planInstructions({ ...CONTEXT, counts: planned.map(({ count }) => count) }, taken), planned);
      }),
    );
  });

  it('never mix assets and never lose a hold, whatever counts a book claims', () => {
    fc.assert(
      fc.property(holds, fc.array(fc.integer({ min: 0, max: 255 })), (taken, counts) => {
        const planned = planInstructions({ ...CONTEXT, counts }, taken);
        deepEqual(planned.flatMap((plan) => plan.holds.map((hold) => hold.hold)).sort(), taken.map((hold) => hold.hold).sort());
        ok(planned.every((plan) => plan.count <= MAX_PAYMENTS && plan.holds.every(({ asset }) => asset === plan.asset)));
      }),
    );
  });
});
