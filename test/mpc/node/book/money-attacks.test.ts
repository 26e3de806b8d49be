import { strict as assert } from 'node:assert';
import type { BookId, Hex, TransferId } from '#base';
import { recordFieldsRoot } from '#anchor/core';
import { commandsOf, openClearing } from '#interbook/core';
import { closingIdOf, PENDING, SETTLES, VOID_PENDING } from '#ledger/core';
import { refuses, signs } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import { EUR, freshId, TOKENS, USD, type HoldChanges } from './support/samples.ts';
import { asked, between, claimed, idOf, moved, paid } from './support/stories.ts';

describe('a signer’s book refuses to pay with money that is not there, or more than was ordered: an instruction', function () {
  this.timeout(60_000);

  refuses('amount-derived', 'for more than the line comes to', async (forge) =>
    paid(forge, { commands: ([first, ...rest]) => [{ ...first!, amount: first!.amount * 2n }, ...rest] }),
  );

  refuses(
    'amount-derived',
    'quoted in a currency with fewer decimals than it has',
    async (forge) => {
      // 100.00 as 10000 whole dollars: all figures agree with each other, and none with the order.
      const inflated = (evidence: Parameters<NonNullable<HoldChanges['quote']>>[0]) => {
        const { principal, cost, total } = evidence.price;
        const more = BigInt(principal) * 99n;
        const fee = (BigInt(principal) + more) / 1_000n + 200_000n < 12_000_000n ? (BigInt(principal) + more) / 1_000n + 200_000n : 12_000_000n;
        return {
          ...evidence,
          instructed: { ...evidence.instructed, decimals: 0 },
          price: {
            ...evidence.price,
            principal: `${BigInt(principal) + more}`,
            cost: `${BigInt(cost) + more}`,
            fee: `${fee}`,
            total: `${BigInt(total) - BigInt(evidence.price.fee) + more + fee}`,
          },
        };
      };
      forge.deposit(100_000_000_000n);
      return paid(forge, {
        quote: inflated,
        commands: ([first, second, ...rest]) => [{ ...first!, amount: first!.amount * 100n }, { ...second!, amount: 10_200_000n }, ...rest],
      });
    },
    /decimals/,
  );

  refuses('amount-derived', 'without the fee that its price announces', async (forge) =>
    paid(forge, { commands: ([first]) => [{ ...first!, flags: first!.flags! & ~1 }] }),
  );

  refuses('amount-derived', 'whose fee is paid by another account', async (forge) =>
    paid(forge, {
      commands: ([first, fee, ...rest]) => {
        forge.deposit(1_000_000_000n, { merchant: forge.other.id });
        return [first!, { ...fee!, debit: forge.account('merchant', USD, forge.other.id) }, ...rest];
      },
    }),
  );

  refuses('amount-derived', 'priced by a tariff that nobody published', async (forge) =>
    paid(forge, { quote: (evidence) => ({ ...evidence, tariff: { ...evidence.tariff, version: 'mine' } }) }),
  );

  refuses(
    'amount-derived',
    'with two rates for one currency',
    async (forge) => {
      forge.deposit(10_000_000_000n);
      return paid(forge, {
        quote: (evidence) => ({
          ...evidence,
          rates: { ...evidence.rates, payee: '0.5' },
          price: { ...evidence.price, principal: '200000000', cost: '200000000', fee: '400000', total: '200400000' },
        }),
        commands: ([first, ...rest]) => [{ ...first!, amount: 200_000_000n }, ...rest],
      });
    },
    /rates/,
  );

  refuses('rate-plausible', 'between currencies at a rate outside the operators’ band', async (forge) =>
    between(forge, { pivot: 'USD', bands: new Map([['EUR', { low: '1.20', high: '1.30' }]]) }),
  );

  refuses('rate-plausible', 'between currencies for which the operators registered no band', async (forge) =>
    between(forge, { pivot: 'USD', bands: new Map() }),
  );

  refuses('rate-plausible', 'between currencies in another pivot than the operators’', async (forge) => between(forge, { pivot: 'CHF', bands: new Map() }));

  refuses('deposit-final', 'out of a deposit that is said to come', async (forge) => {
    forge.deposit(1_000_000_000n, { mined: false, change: (command) => claimed(command, { blockNumber: `${forge.chain.newest.number + 40}` }) });
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a deposit that was said to come and never did', async (forge) => {
    forge.deposit(1_000_000_000n, { mined: false, change: (command) => claimed(command, { blockNumber: `${forge.chain.newest.number + 40}` }) });
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.anchor();
    const node = await forge.fed();
    const before = await node.judge(intent, forge.nowMs);
    assert.equal(before.ok ? '' : before.rule, 'deposit-final');
    forge.chain.finalise(60);
    return node.judge(intent, forge.nowMs);
  });

  refuses('deposit-backed', 'out of a deposit that was invented', async (forge) => {
    forge.deposit(1_000_000_000n, { mined: false });
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a deposit that the vault got less of', async (forge) => {
    forge.deposit(50_000_000n, {
      change: (command) => ({ ...claimed(command, { amount: '1000000000' }), amount: 1_000_000_000n }),
    });
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a deposit that was counted twice', async (forge) => {
    const first = forge.deposit(90_000_000n);
    forge.submit([{ ...first, id: freshId<TransferId>() }]);
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a deposit that is another merchant’s', async (forge) => {
    forge.deposit(1_000_000_000n, {
      merchant: forge.other.id,
      change: (command) => ({ ...command, credit: forge.account('merchant', USD, forge.merchant.id) }),
    });
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of money that was moved from another merchant', async (forge) => {
    forge.deposit(1_000_000_000n, { merchant: forge.other.id });
    forge.submit([moved(forge, forge.account('merchant', USD, forge.other.id), 500_000_000n)]);
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of money that came from an account that may owe', async (forge) => {
    forge.deposit(1_000_000_000n, { merchant: forge.other.id });
    const mint = freshId<never>();
    forge.submit([{ kind: 'openAccount', id: mint, asset: USD, code: 99, owner: forge.merchant.id }]);
    forge.submit([moved(forge, mint, 500_000_000n)]);
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of money that another book is said to have paid', async (forge) => {
    forge.deposit(1_000_000_000n, { merchant: forge.other.id });
    const sender = freshId<BookId>();
    const end = { account: forge.account('merchant', USD, forge.merchant.id), asset: USD };
    const transfer = { id: freshId<TransferId>(), from: { ...end, book: sender }, to: { ...end, book: forge.book }, amount: 500_000_000n };
    forge.submit([openClearing(forge.book, USD, sender)]);
    for (const step of ['holdReceiver', 'postReceiver'] as const) forge.submit(commandsOf(step, transfer, 60));
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of an exchange position that was paid for with invented money', async (forge) => {
    forge.deposit(1_000_000_000n, { mined: false });
    forge.liquidity(10n ** 21n, EUR);
    const entry = await forge.payee({ token: TOKENS.get(EUR)! });
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'EUR', amount: '100.00' }]), entry);
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a payment that was given back after the vault had paid it', async (forge) => {
    const { release } = await returned(forge);
    forge.chain.instructions.set(release.instruction, { since: 0, bits: { opened: true, settled: 1n, cancelled: 0n } });
    await forge.pay('900.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a payment that was given back while the vault can still pay it', async (forge) => {
    await returned(forge);
    await forge.pay('900.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a payment that was given back in the name of another instruction', async (forge) => {
    const { release } = await returned(forge, `0x${'ab'.repeat(32)}`);
    forge.chain.instructions.set(release.instruction, { since: 0, bits: { opened: false, settled: 1n, cancelled: 1n } });
    await forge.pay('900.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-backed', 'out of a payment that was given back as if no list named it, with its payee hidden', async (forge) => {
    const { release } = await returned(forge, `0x${'00'.repeat(32)}`);
    forge.chain.instructions.set(release.instruction, { since: 0, bits: { opened: true, settled: 1n, cancelled: 0n } });
    await forge.pay('900.00');
    const intent = forge.settle();
    forge.anchor();
    const first = forge.items.find(({ record }) => record.fields?.payee !== undefined)!;
    const { fields, ...record } = first.record;
    const hidden = { record, salt: null, fieldsRoot: recordFieldsRoot({ fields: fields! }, first.salt), file: null };
    const node = await forge.node();
    const taken = await node.absorb(forge.page(1n, { items: forge.items.map((item) => (item === first ? hidden : item)) }), forge.nowMs);
    assert.ok(taken.ok);
    return node.judge(intent, forge.nowMs);
  });

  signs('is signed out of what was given back because no list could name it', async (forge) => {
    forge.deposit(1_000_000_000n);
    // No payout of a payment: the window takes it, and settlement gives it back.
    const stray = freshId<TransferId>();
    const [debit, credit] = [forge.account('merchant', USD, forge.merchant.id), forge.account('vault', USD)];
    forge.submit([{ kind: 'transfer', id: stray, debit, credit, asset: USD, amount: 900_000_000n, code: 99, flags: PENDING | SETTLES }]);
    forge.submit([{ kind: 'window', window: freshId() }]);
    forge.submit([{ kind: 'release', transfer: stray, instruction: `0x${'00'.repeat(32)}`, index: 0, reason: 2 }]);
    forge.submit([{ kind: 'transfer', id: closingIdOf(stray), pendingId: stray, amount: 0n, flags: VOID_PENDING }]);
    await forge.pay('900.00');
    return asked(forge, forge.settle());
  });

  refuses('deposit-final', 'out of a payment whose cancellation is not final yet', async (forge) => {
    const { release } = await returned(forge);
    await forge.pay('900.00');
    const intent = forge.settle();
    forge.anchor();
    forge.chain.instructions.set(release.instruction, { since: forge.chain.newest.number, bits: { opened: false, settled: 1n, cancelled: 1n } });
    return (await forge.fed()).judge(intent, forge.nowMs);
  });

  signs('is signed out of a payment whose cancellation is final', async (forge) => {
    const { release } = await returned(forge);
    forge.chain.instructions.set(release.instruction, { since: 0, bits: { opened: false, settled: 1n, cancelled: 1n } });
    await forge.pay('900.00');
    return asked(forge, forge.settle());
  });

  signs('is signed out of a payment that can be paid no more', async (forge) => {
    const { intent } = await returned(forge);
    const { notAfterS } = intent.instruction;
    forge.chain.mine(notAfterS + 1);
    forge.nowMs = (notAfterS + 2) * 1000;
    await forge.pay('900.00');
    return asked(forge, forge.settle());
  });
});

/** All the money but the fees ordered once, instructed, released and given back: as the book says. */
async function returned(forge: Forge, instruction?: Hex) {
  forge.deposit(1_000_000_000n);
  await forge.pay('900.00');
  const intent = forge.settle();
  const release = { instruction: instruction ?? idOf(intent), index: 0, reason: 2 };
  const holds = [...forge.state.holds.keys()];
  for (const transfer of holds) forge.submit([{ kind: 'release', transfer, ...release }]);
  for (const hold of holds) forge.submit([{ kind: 'transfer', id: closingIdOf(hold), pendingId: hold, amount: 0n, flags: VOID_PENDING }]);
  return { intent, release };
}
