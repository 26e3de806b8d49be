import { strict as assert } from 'node:assert';
import type { Hex, OrderId, TransferId } from '#base';
import { instructionId, listHash, paymentWord, type InstructionIntent } from '#custody/intents';
import { canonicalJson } from '#anchor/core';
import { closingIdOf, legIdOf, TRANSFER_CODES, VOID_PENDING, type TransferCommand } from '#ledger/core';
import { paymentIdOf } from '#payments/core';
import type { Judgement, NodeBookOptions } from '../../../../mpc/node/book/book.ts';
import { refuses, signs } from './attack.ts';
import { EUR, Forge, freshId, sha256, START_MS, TOKENS, USD, type HoldChanges } from './forge.ts';
import { orderFile } from '../../../support/order.ts';

const STRANGER = `0x${'99'.repeat(32)}` as const;

/** Anchors what is booked, feeds a node and asks it. */
async function asked(forge: Forge, intent: InstructionIntent, more: Partial<NodeBookOptions> = {}): Promise<Judgement> {
  forge.anchor();
  return (await forge.fed(more)).judge(intent, forge.nowMs);
}

/** A funded merchant's order of one line, held with whatever an attack changes, settled and asked for. */
async function paid(forge: Forge, changes: HoldChanges = {}, more: Partial<NodeBookOptions> = {}): Promise<Judgement> {
  forge.deposit(1_000_000_000n);
  await forge.pay('100.00', changes);
  return asked(forge, forge.settle(), more);
}

/** Without the control, a node that refuses everything would pass every attack. */
describe('a signer’s book agrees to', function () {
  this.timeout(60_000);

  signs('an instruction that the merchant ordered and the book booked', (forge) => paid(forge));

  it('it with facts that the policy can judge', async () => {
    const forge = await new Forge().open();
    forge.deposit(1_000_000_000n);
    const entry = await forge.pay('100.00');
    const judgement = await asked(forge, forge.settle());
    assert.ok(judgement.ok && judgement.facts.kind === 'instruction');
    const { payments, contracts, total, asset } = judgement.facts;
    assert.equal(total, 100_000_000n);
    assert.deepEqual(asset, { asset: USD, symbol: 'tUSD', decimals: 6 });
    assert.deepEqual(
      contracts.map(({ role }) => role),
      ['vault', 'token'],
    );
    const { payee, amount, token, registered, merchant, currency, instructed } = payments[0]!;
    assert.deepEqual(
      { payee, amount, token, registered, merchant, currency, instructed },
      {
        payee: entry.message.settlementAddress,
        amount: 100_000_000n,
        token: TOKENS.get(USD),
        registered: true,
        merchant: forge.merchant.id,
        currency: 'USD',
        instructed: '100',
      },
    );
    await forge.close();
  });

  signs('a payment between two assets within the operators’ bands', async (forge) =>
    between(forge, { pivot: 'USD', bands: new Map([['EUR', { low: '1.05', high: '1.12' }]]) }),
  );

  signs('what is left of an instruction after a cancellation', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    await forge.pay('50.00');
    const intent = forge.settle();
    forge.anchor();
    const node = await forge.fed();
    forge.chain.instructions.set(idOf(intent), { since: 0, bits: { opened: false, settled: 1n, cancelled: 1n } });
    const judgement = await node.judge(intent, forge.nowMs);
    assert.ok(judgement.ok && judgement.facts.kind === 'instruction');
    assert.deepEqual(
      judgement.facts.payments.map(({ amount }) => amount),
      [50_000_000n],
    );
    return judgement;
  });

  signs('an honest payment beside money that was invented for somebody else', async (forge) => {
    forge.deposit(5_000_000n, { merchant: forge.other.id, mined: false });
    return paid(forge);
  });

  signs('an honest payment out of an account to which something was invented that it does not need', async (forge) => {
    forge.deposit(900_000_000n, { mined: false });
    return paid(forge);
  });

  signs('what was recorded before a merchant replaced his key', async (forge) => {
    forge.registered.set(forge.merchant.id, [{ key: forge.merchant.address, untilMs: START_MS + 3_600_000 }]);
    return paid(forge);
  });
});

function idOf({ instruction }: InstructionIntent): Hex {
  return instructionId(instruction);
}

/** Paid in euros out of dollars. */
async function between(forge: Forge, rates: ReturnType<NodeBookOptions['rates']>, changes: HoldChanges = {}): Promise<Judgement> {
  forge.deposit(1_000_000_000n);
  forge.liquidity(10n ** 21n, EUR);
  const entry = await forge.payee({ token: TOKENS.get(EUR)! });
  const { name, account } = entry.message;
  forge.hold(await forge.order([{ name, account, currency: 'EUR', amount: '100.00' }]), entry, changes);
  return asked(forge, forge.settle(), { rates: () => rates });
}

describe('a signer’s book refuses an instruction', function () {
  this.timeout(60_000);

  refuses('chain-id', 'for another chain', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    return asked(forge, { ...forge.settle(), chainId: 1n });
  });

  refuses('contract', 'for another vault', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    return asked(forge, { ...forge.settle(), vault: `0x${'ee'.repeat(20)}` });
  });

  refuses('book', 'of another book', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const { instruction } = forge.settle();
    return asked(forge, forge.intent({ ...instruction, book: freshId() }));
  });

  refuses('instruction-booked', 'that the book does not have', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const { instruction } = forge.settle();
    return asked(forge, forge.intent({ ...instruction, index: 7 }));
  });

  for (const [what, change] of [
    ['of another amount', { total: 200_000_000n }],
    ['of another list', { listHash: listHash([paymentWord(`0x${'66'.repeat(20)}`, 100_000_000n)]) }],
    ['that can be paid longer', { notAfterS: START_MS / 1000 + 900_000 }],
  ] as const)
    refuses('instruction-booked', `${what} than booked`, async (forge) => {
      forge.deposit(1_000_000_000n);
      await forge.pay('100.00');
      const { instruction } = forge.settle();
      return asked(forge, forge.intent({ ...instruction, ...change }));
    });

  refuses('instruction-anchored', 'that is sealed and not anchored', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    forge.anchor();
    const intent = forge.settle();
    forge.seal();
    return (await forge.fed()).judge(intent, forge.nowMs);
  });

  refuses('not-after', 'whose time is over by the node’s clock', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.anchor();
    return (await forge.fed()).judge(intent, (intent.instruction.notAfterS - 1) * 1000 + 1);
  });

  refuses('not-after', 'whose time is over by the chain’s clock, while the node’s was set back', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.anchor();
    forge.chain.mine(intent.instruction.notAfterS);
    return (await forge.fed()).judge(intent, forge.nowMs);
  });

  refuses('unpaid', 'that the vault has paid from', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.chain.instructions.set(idOf(intent), { since: 0, bits: { opened: true, settled: 1n, cancelled: 0n } });
    return asked(forge, intent);
  });

  refuses('unpaid', 'that the vault has paid from in a block that is not final yet', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.anchor();
    forge.chain.instructions.set(idOf(intent), { since: forge.chain.newest.number, bits: { opened: true, settled: 1n, cancelled: 0n } });
    return (await forge.fed()).judge(intent, forge.nowMs);
  });

  refuses('uncancelled', 'of which nothing is left to pay', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.chain.instructions.set(idOf(intent), { since: 0, bits: { opened: false, settled: 1n, cancelled: 1n } });
    return asked(forge, intent);
  });

  refuses('list-derived', 'with an invented payment in its list', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle((plan) => {
      const words = [...plan.words, paymentWord(`0x${'66'.repeat(20)}`, 50_000_000n)];
      return { ...plan, words, listHash: listHash(words), count: 2, total: plan.total + 50_000_000n };
    });
    return asked(forge, intent);
  });

  refuses('list-derived', 'with a payment left out of its list', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    await forge.pay('50.00');
    return asked(
      forge,
      forge.settle(
        (plan) => plan,
        (holds) => holds.slice(1),
      ),
    );
  });

  refuses('list-derived', 'whose list pays one payee what is another’s', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    await forge.pay('50.00');
    return asked(
      forge,
      forge.settle(
        (plan) => plan,
        ([a, b]) => [
          { ...a!, amount: b!.amount },
          { ...b!, amount: a!.amount },
        ],
      ),
    );
  });

  refuses('hold-open', 'whose hold was released and given back', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    const hold = [...forge.state.holds.keys()][0]!;
    forge.submit([{ kind: 'release', transfer: hold, instruction: idOf(intent), index: 0, reason: 1 }]);
    forge.submit([{ kind: 'transfer', id: closingIdOf(hold), pendingId: hold, amount: 0n, flags: VOID_PENDING }]);
    return asked(forge, intent);
  });

  refuses('hold-open', 'whose hold is released and not yet given back', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    const hold = [...forge.state.holds.keys()][0]!;
    forge.submit([{ kind: 'release', transfer: hold, instruction: idOf(intent), index: 0, reason: 1 }]);
    return asked(forge, intent);
  });

  refuses('hold-open', 'whose hold is posted', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    const [hold] = [...forge.state.holds.values()];
    forge.submit([{ kind: 'transfer', id: closingIdOf(hold!.id), pendingId: hold!.id, amount: hold!.amount, flags: 4 }]);
    return asked(forge, intent);
  });

  refuses('order-signed', 'for an order that was invented', async (forge) =>
    paid(forge, { order: (evidence) => ({ ...evidence, order: freshId<OrderId>() }) }),
  );

  refuses('order-signed', 'without any order', async (forge) =>
    paid(forge, { commands: ([first, ...rest]) => [{ ...first!, fields: { payee: first!.fields!.payee! } }, ...rest] }),
  );

  refuses('order-signed', 'by an order that somebody else signed', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }], { key: STRANGER }), entry);
    return asked(forge, forge.settle());
  });

  refuses('order-signed', 'by an order that another merchant signed for this merchant’s account', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    const order = await forge.order([{ name, account, currency: 'USD', amount: '100.00' }], { key: forge.other.key, merchant: forge.other.id });
    forge.hold(order, entry);
    return asked(forge, forge.settle());
  });

  refuses('order-signed', 'for a payment that is held under another name', async (forge) =>
    paid(forge, {
      commands: (commands) => {
        const reference = paymentIdOf(freshId(), 5);
        return commands.map((command, i) => ({ ...command, id: legIdOf(reference, i), reference }));
      },
    }),
  );

  refuses('order-file', 'by a file that the merchant did not sign', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    const line = { name, account, currency: 'USD', amount: '100.00' };
    const order = await forge.order([line], { shown: orderFile('another', [{ ...line, amount: '900.00' }]) });
    forge.hold(order, entry);
    return asked(forge, forge.settle());
  });

  refuses('order-file', 'by a file that is not shown', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }], { shown: null }), entry);
    return asked(forge, forge.settle());
  });

  refuses('order-file', 'for a line that the file does not have', async (forge) => paid(forge, { position: 4 }));

  refuses('order-file', 'for another amount than the line’s', async (forge) => paid(forge, { order: (evidence) => ({ ...evidence, instructed: '900' }) }));

  refuses('order-file', 'for a line that repeats another', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    const line = { name, account, currency: 'USD', amount: '100.00', endToEndId: 'E' };
    forge.hold(await forge.order([line, line]), entry, { position: 1 });
    return asked(forge, forge.settle());
  });

  refuses('payee-signed', 'to a payee who was invented', async (forge) => {
    const payee = freshId<never>();
    return paid(forge, { payee: (evidence) => ({ ...evidence, payee }) });
  });

  refuses('payee-signed', 'to a payee for whom a stranger signed', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee({}, STRANGER);
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }]), entry);
    return asked(forge, forge.settle());
  });

  refuses('payee-signed', 'to a payee of another merchant', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee({ merchant: forge.other.id }, forge.other.key);
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }]), entry);
    return asked(forge, forge.settle());
  });

  refuses('payee-signed', 'to the address that the merchant had replaced', async (forge) => {
    forge.deposit(1_000_000_000n);
    const old = await forge.payee();
    const { name, account } = old.message;
    await forge.payee({ name, account });
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }]), old);
    return asked(forge, forge.settle());
  });

  refuses('payee-same', 'to an address that was swapped after the merchant approved', async (forge) =>
    paid(forge, { payee: (evidence) => ({ ...evidence, address: `0x${'66'.repeat(20)}` }) }),
  );

  refuses('payee-same', 'to a payee under another name', async (forge) => paid(forge, { payee: (evidence) => ({ ...evidence, name: 'Somebody else' }) }));

  refuses('payee-same', 'to a payee whom the order’s line does not name', async (forge) => {
    forge.deposit(1_000_000_000n);
    const [meant, other] = [await forge.payee(), await forge.payee()];
    const { name, account } = meant.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }]), other);
    return asked(forge, forge.settle());
  });

  refuses('not-expired', 'by an order that had expired when it was recorded', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }], { expiry: BigInt(START_MS / 1000) - 1n }), entry);
    return asked(forge, forge.settle());
  });

  refuses('not-expired', 'by an expired order in a book whose clock was held back', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    const expiry = BigInt(Math.floor(forge.nowMs / 1000)) + 5n;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }], { expiry }), entry);
    const intent = forge.settle();
    forge.chain.mine(Number(expiry) + 1);
    forge.anchor();
    return (await forge.fed()).judge(intent, forge.nowMs);
  });

  refuses('nonce-once', 'by an order whose nonce another message of the merchant used', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee({ nonce: 4_711n });
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'USD', amount: '100.00' }], { nonce: 4_711n }), entry);
    return asked(forge, forge.settle());
  });

  refuses('merchant-key', 'of a merchant whom nobody registered', async (forge) => {
    forge.registered.delete(forge.merchant.id);
    return paid(forge);
  });

  refuses('merchant-key', 'signed with a key that the operators know to be revoked', async (forge) => {
    forge.registered.set(forge.merchant.id, []);
    return paid(forge);
  });

  refuses('merchant-key', 'signed with a key after its merchant had replaced it', async (forge) => {
    forge.registered.set(forge.merchant.id, [{ key: forge.merchant.address, untilMs: START_MS }]);
    return paid(forge);
  });

  refuses('merchant-key', 'of a merchant whose first key in the book is the platform’s own', async (forge) => {
    forge.registered.set(forge.merchant.id, [{ key: forge.other.address, untilMs: null }]);
    return paid(forge);
  });

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

  refuses('deposit-backed', 'out of an exchange position that was paid for with invented money', async (forge) => {
    forge.deposit(1_000_000_000n, { mined: false });
    forge.liquidity(10n ** 21n, EUR);
    const entry = await forge.payee({ token: TOKENS.get(EUR)! });
    const { name, account } = entry.message;
    forge.hold(await forge.order([{ name, account, currency: 'EUR', amount: '100.00' }]), entry);
    return asked(forge, forge.settle());
  });
});

/** The deposit with something else in its evidence. */
function claimed(command: TransferCommand, change: object): TransferCommand {
  return { ...command, fields: { deposit: canonicalJson({ ...(JSON.parse(command.fields!.deposit!) as object), ...change }) } };
}

function moved(forge: Forge, debit: TransferCommand['debit'] & string, amount: bigint): TransferCommand {
  return {
    kind: 'transfer',
    id: freshId<TransferId>(),
    debit,
    credit: forge.account('merchant', USD, forge.merchant.id),
    asset: USD,
    amount,
    code: TRANSFER_CODES.other,
  };
}

describe('a signer’s book, asked to cancel,', function () {
  this.timeout(60_000);

  signs('agrees for a payment that is not paid', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    forge.anchor();
    const { chainId, vault } = forge.chain;
    return (await forge.fed()).judge({ kind: 'cancel', chainId, vault, instruction: idOf(intent), index: 0 }, forge.nowMs);
  });

  for (const [rule, what, index, bits] of [
    ['cancel-known', 'refuses a payment that the instruction does not have', 3, null],
    ['unpaid', 'refuses a payment that the vault paid', 0, { opened: true, settled: 1n, cancelled: 0n }],
    ['uncancelled', 'refuses a payment that is cancelled', 0, { opened: false, settled: 1n, cancelled: 1n }],
  ] as const)
    refuses(rule, what, async (forge) => {
      forge.deposit(1_000_000_000n);
      await forge.pay('100.00');
      const intent = forge.settle();
      forge.anchor();
      const id = idOf(intent);
      if (bits) forge.chain.instructions.set(id, { since: 0, bits });
      const { chainId, vault } = forge.chain;
      return (await forge.fed()).judge({ kind: 'cancel', chainId, vault, instruction: id, index }, forge.nowMs);
    });

  refuses('cancel-known', 'refuses an instruction that nobody booked', async (forge) => {
    forge.anchor();
    const { chainId, vault } = forge.chain;
    return (await forge.fed()).judge({ kind: 'cancel', chainId, vault, instruction: sha256(new Uint8Array(3)), index: 0 }, forge.nowMs);
  });
});
