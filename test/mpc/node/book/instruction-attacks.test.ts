import { strict as assert } from 'node:assert';
import { keccak256 } from 'viem';
import type { Hex, TransferId } from '#base';
import { listHash, paymentWord } from '#custody/intents';
import { closingIdOf, legIdOf, POST_PENDING, TRANSFER_CODES, VOID_PENDING } from '#ledger/core';
import { inForge, refuses, signs } from './support/attack.ts';
import { freshId, START_MS, TOKENS, USD } from './support/samples.ts';
import { asked, between, idOf, paid } from './support/stories.ts';

/** Without the control, a node that refuses everything would pass every attack. */
describe('a signer’s book agrees to', function () {
  this.timeout(60_000);

  signs('an instruction that the merchant ordered and the book booked', (forge) => paid(forge));

  inForge('it with facts that the policy can judge', async (forge) => {
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
  });

  signs('a payment between two assets within the operators’ bands', async (forge) =>
    between(forge, { pivot: 'USD', bands: new Map([['EUR', { low: '1.05', high: '1.12' }]]), notAfterS: Math.floor(forge.nowMs / 1_000) + 3_600 }),
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

  refuses('list-derived', 'that names a hold of another list of its window', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    await forge.pay('50.00');
    const { instruction } = forge.settle(
      (plan) => ({ ...plan, index: 1 }),
      (holds) => holds.slice(0, 1),
    );
    const words = [...forge.state.holds.values()]
      .filter(({ code }) => code === TRANSFER_CODES.payout)
      .map(({ seq, amount }) => paymentWord((JSON.parse(forge.items[Number(seq) - 1]!.record.fields!.payee!) as { address: Hex }).address, amount));
    const both = { ...instruction, index: 0, listHash: listHash(words), count: 2, total: 150_000_000n };
    forge.submit([{ kind: 'instruction', vault: forge.chain.vault, ...both }]);
    forge.anchor();
    const node = await forge.fed();
    const first = await node.judge(forge.intent(instruction), forge.nowMs);
    assert.deepEqual(first.ok ? null : first, null);
    return node.judge(forge.intent(both), forge.nowMs);
  });

  refuses('hold-open', 'of which a leg was given back', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const fee = [...forge.state.holds.keys()][1]!;
    forge.submit([{ kind: 'transfer', id: closingIdOf(fee), pendingId: fee, amount: 0n, flags: VOID_PENDING }]);
    return asked(forge, forge.settle());
  });

  refuses('hold-open', 'whose exchange was given back, so that the position would pay alone', (forge) =>
    between(forge, null, {}, (payment) => {
      const leg = legIdOf(payment, 1);
      forge.submit([{ kind: 'transfer', id: closingIdOf(leg), pendingId: leg, amount: 0n, flags: VOID_PENDING }]);
    }),
  );

  refuses('hold-open', 'of which a part was posted before', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const [hold] = [...forge.state.holds.keys()];
    forge.submit([{ kind: 'transfer', id: freshId<TransferId>(), pendingId: hold!, amount: 40_000_000n, flags: POST_PENDING }]);
    return asked(
      forge,
      forge.settle(
        (plan) => plan,
        (holds) => holds.map((held) => ({ ...held, amount: held.amount - 40_000_000n })),
      ),
    );
  });

  refuses('hold-open', 'whose hold is posted', async (forge) => {
    forge.deposit(1_000_000_000n);
    await forge.pay('100.00');
    const intent = forge.settle();
    const [hold] = [...forge.state.holds.values()];
    forge.submit([{ kind: 'transfer', id: closingIdOf(hold!.id), pendingId: hold!.id, amount: hold!.amount, flags: 4 }]);
    return asked(forge, intent);
  });
});

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
    return (await forge.fed()).judge({ kind: 'cancel', chainId, vault, instruction: keccak256('0x03'), index: 0 }, forge.nowMs);
  });
});
