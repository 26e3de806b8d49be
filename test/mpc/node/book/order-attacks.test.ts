import { legIdOf } from '#ledger/core';
import type { OrderId } from '#base';
import { paymentIdOf } from '#payments/core';
import { orderFile } from '../../../support/order.ts';
import { refuses } from './support/attack.ts';
import { freshId, START_MS } from './support/samples.ts';
import { asked, paid, STRANGER } from './support/stories.ts';

describe('a signer’s book refuses to pay what no merchant ordered, as he ordered it: an instruction', function () {
  this.timeout(60_000);

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
});
