import { strict as assert } from 'node:assert';
import type { AccountId, AssetNo } from '#base';
import { ACCOUNT_CODES, CREDITS_MUST_NOT_EXCEED_DEBITS, DEBITS_MUST_NOT_EXCEED_CREDITS } from '#ledger/core';
import { Replica } from '../../../../../mpc/node/book/core/replica.ts';
import { refuses, signs, inForge } from '../support/attack.ts';
import type { Forge } from '../support/forge.ts';
import { ASSETS, personOf, USD } from '../support/samples.ts';
import { asked } from '../support/stories.ts';
import { ATTACKS, evidences, FOREIGN, registers, release, released, suspended, WALLET } from '../support/suspense.ts';

/** By a signer’s own replay, where the chain has all that the book says of it. */
function unbackedOf(forge: Forge, account: AccountId): bigint {
  const replica = new Replica(forge.registration);
  for (const item of forge.items) {
    const taken = replica.step(item, Infinity);
    assert.deepEqual(taken.ok ? null : taken, null);
  }
  for (const { id } of replica.backing.waiting(10)) replica.backing.prove(id, true);
  replica.backing.advance();
  return replica.backing.unbackedOf(account);
}

describe('what a signer makes of money that leaves suspense', function () {
  this.timeout(60_000);

  signs('a plain transfer that waited there is its merchant’s to pay with, once its wallet has signed that it is his', async (forge) => {
    await released(forge);
    await forge.pay('100.00');
    return asked(forge, forge.settle());
  });

  for (const [what, attack] of ATTACKS)
    refuses('deposit-backed', `none is a merchant’s to pay with that leaves it ${what}`, async (forge) => {
      await attack(forge);
      await forge.pay('100.00');
      return asked(forge, forge.settle());
    });

  inForge('is nobody’s whose merchant nobody enrolled, though a wallet is registered for him', async (forge) => {
    const ghost = personOf('35');
    const account = forge.account('merchant', USD, ghost.id);
    forge.submit([{ kind: 'openAccount', id: account, asset: USD, code: ACCOUNT_CODES.merchant, flags: 2, owner: ghost.id }]);
    const waiting = suspended(forge, 1_000_000_000n);
    await registers(forge, ghost, WALLET);
    forge.submit([release(forge, waiting, ghost)]);
    assert.equal(unbackedOf(forge, account), 1_000_000_000n);
  });

  inForge('is nobody’s in another asset that says it is the same token', async (forge) => {
    const asset = 77 as AssetNo;
    const [suspense, account] = [forge.account('suspense', asset), forge.account('merchant', asset, forge.merchant.id)];
    forge.submit([
      { kind: 'openAsset', ...ASSETS.find((candidate) => candidate.asset === USD)!, asset, symbol: 'tUSX' },
      { kind: 'openAccount', id: forge.account('vault', asset), asset, code: ACCOUNT_CODES.vault, flags: CREDITS_MUST_NOT_EXCEED_DEBITS },
      { kind: 'openAccount', id: suspense, asset, code: ACCOUNT_CODES.suspense, flags: DEBITS_MUST_NOT_EXCEED_CREDITS },
      { kind: 'openAccount', id: account, asset, code: ACCOUNT_CODES.merchant, flags: DEBITS_MUST_NOT_EXCEED_CREDITS, owner: forge.merchant.id },
    ]);
    const inIt = { asset, debit: forge.account('vault', asset), credit: suspense };
    suspended(forge, 1_000_000_000n, { from: FOREIGN.address, change: (command) => ({ ...command, ...inIt }) });
    const waiting = suspended(forge, 1_000_000_000n);
    await registers(forge, forge.merchant, WALLET);
    forge.submit([{ ...release(forge, waiting), asset, debit: suspense, credit: account }]);
    assert.equal(unbackedOf(forge, account), 1_000_000_000n);
  });

  inForge('is no deposit of anybody where any member of its evidence is left out or another one', async (forge) => {
    const waiting = suspended(forge, 1_000_000_000n);
    await registers(forge, forge.merchant, WALLET);
    const command = release(forge, waiting);
    const before = forge.items.length;
    for (const deposit of evidences(command)) {
      forge.items.length = before;
      const { kind, id, debit, credit, asset, amount, code } = command;
      const last = forge.items[before - 1]!.record;
      const rest = {
        flags: 0,
        pendingId: '00000000-0000-0000-0000-000000000000',
        timeoutS: 0,
        effectiveMs: 0,
        reference: '00000000-0000-0000-0000-000000000000',
      };
      const record = { kind, id, debit, credit, asset, amount, code, ...rest, fields: { deposit }, seq: last.seq + 1n, nowMs: last.nowMs + 1 };
      forge.write(record as never);
      assert.equal(unbackedOf(forge, forge.account('merchant', USD, forge.merchant.id)), amount, deposit);
    }
  });
});
