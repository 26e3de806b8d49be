import assert from 'node:assert/strict';
import { canonicalJson } from '#anchor/core';
import type { TransferId, Uuid } from '#base';
import { instructionIntent } from '../../../../src/settlement/vault.ts';
import { allInstructions } from '#settlement';
import { chartAccount, legIdOf, PENDING, SETTLES, TRANSFER_CODES, type TransferCommand } from '#ledger/core';
import { instructionId, type Intent } from '#custody/intents';
import type { Judgement } from '../../../../mpc/node/book/book.ts';
import { DOLLAR, FINALITY } from '../../../support/platform.ts';
import { platformNode, type PlatformNode } from './support/platformNode.ts';

/** Everything here runs on the product’s own platform, with PostgreSQL, a chain and contracts: first as it is meant, then in the hands of somebody else. */
describe('a signer’s book beside a real platform', function () {
  this.timeout(180_000);
  let world: PlatformNode;
  before(async () => {
    world = await platformNode();
    await world.test.fund(10_000n);
  });
  after(() => world.close());

  async function settled(amounts: readonly string[]): Promise<void> {
    const { test } = world;
    const { submitted } = await test.order(amounts);
    assert.ok(await test.platform.closeWindow());
    await test.until('the order is settled', async () => (await test.payments(submitted.order.order)).every(({ state }) => state === 'settled'));
  }

  /** What was refused of what the platform asked for meanwhile, a rule each. */
  async function refusedIn(work: () => Promise<void>): Promise<readonly string[]> {
    const before = world.asked.length;
    await work();
    return [...new Set(world.asked.slice(before).flatMap(({ judgement }) => (judgement.ok ? [] : [judgement.rule])))];
  }

  /** The instruction that the platform asks for next, as the node judges it. */
  async function nextInstruction(): Promise<Judgement> {
    const { test, asked } = world;
    const before = asked.length;
    const next = () => asked.slice(before).find(({ intent }) => intent.kind === 'instruction');
    await test.until('an instruction is asked for', async () => next() !== undefined);
    return next()!.judgement;
  }

  it('agrees to every anchor and every instruction that the platform makes', async () => {
    const refused = await refusedIn(async () => {
      await settled(['10.00', '20.50', '7.77']);
      await settled(['1.00']);
    });
    assert.deepEqual(refused, []);
    const { asked } = world;
    const anchors = asked.filter(({ intent }) => intent.kind === 'anchor');
    assert.ok(anchors.length >= 5, `${anchors.length} anchors`);
    const facts = asked.flatMap(({ judgement }) => (judgement.ok && judgement.facts.kind === 'instruction' ? [judgement.facts] : []));
    assert.equal(new Set(facts.map(({ instruction }) => instruction)).size, 2);
    assert.equal(
      facts.reduce((sum, { payments }) => Math.max(sum, payments.length), 0),
      3,
    );
  });

  it('agrees to the same on a node that comes late, replays everything and was never asked before', async () => {
    const late = await world.another();
    await world.feedAll(late);
    const stored = (await allInstructions(world.test.platform.database.pool, world.test.platform.bookId)).at(-1);
    const intent = instructionIntent({ chainId: world.registration.chainId, address: world.registration.vault } as never, stored);
    const judgement = await late.judge(intent, world.nowMs());
    assert.equal(judgement.ok ? '' : judgement.rule, 'unpaid', 'all is well with it but that it is paid');
    const anchors = world.asked.filter(({ intent: { kind } }) => kind === 'anchor');
    const old = await late.judge(anchors[0]!.intent, world.nowMs());
    assert.equal(old.ok ? '' : old.rule, 'log-extended', 'the log is beyond it for good');
  });

  it('refuses to pay again what the vault paid, a cancellation of it, and what another node is asked for in its name', async () => {
    const paid = world.asked.findLast(({ intent: { kind } }) => kind === 'instruction')!.intent as Extract<Intent, { kind: 'instruction' }>;
    const rule = async (intent: Intent) => {
      const judgement = await world.node.judge(intent, world.nowMs());
      return judgement.ok ? 'signed' : judgement.rule;
    };
    assert.equal(await rule(paid), 'unpaid');
    assert.equal(await rule({ ...paid, chainId: 1n }), 'chain-id');
    assert.equal(await rule({ ...paid, vault: world.registration.anchor }), 'contract');
    assert.equal(await rule({ ...paid, instruction: { ...paid.instruction, total: 1n } }), 'instruction-booked');
    assert.equal(await rule({ kind: 'cancel', chainId: paid.chainId, vault: paid.vault, instruction: instructionId(paid.instruction), index: 0 }), 'unpaid');
  });

  it('waits where a reorganisation takes the anchor of an instruction away, and agrees once it is there for good', async () => {
    const { test } = world;
    const refused = await refusedIn(async () => {
      const { submitted } = await test.order(['3.00']);
      assert.ok(await test.platform.closeWindow());
      for (let i = 0; i < FINALITY - 2; i++) await test.step();
      await test.chain.reorg(FINALITY - 3);
      await test.until('the order is settled', async () => (await test.payments(submitted.order.order)).every(({ state }) => state === 'settled'));
    });
    assert.deepEqual(refused, []);
  });

  it('refuses an instruction whose hold a captured server wrote itself, and still anchors that book', async () => {
    const { test, registration } = world;
    const { book, bookId } = test.platform;
    const payment = '0190a1b2-c3d4-8000-8000-00000000abcd' as Uuid<string>;
    const [merchant] = [...world.merchants.keys()];
    const hold: TransferCommand = {
      kind: 'transfer',
      id: legIdOf(payment, 0),
      debit: chartAccount(bookId, 'merchant', DOLLAR, merchant),
      credit: chartAccount(bookId, 'vault', DOLLAR),
      asset: DOLLAR,
      amount: 500_000_000n,
      code: TRANSFER_CODES.payout,
      flags: PENDING | SETTLES,
      timeoutS: 86_400,
      reference: payment,
      subject: bookId,
      fields: {
        payee: canonicalJson({
          account: 'X',
          address: `0x${'66'.repeat(20)}`,
          asset: 1,
          digest: registration.anchor,
          name: 'X',
          payee: bookId,
          sandbox: false,
        }),
      },
    };
    const [result] = await book.submit([hold]);
    assert.equal(result?.code, 'created');
    await test.order(['1.00']);
    assert.ok(await test.platform.closeWindow());
    const refused = await refusedIn(async () => {
      const judgement = await nextInstruction();
      assert.equal(judgement.ok ? 'signed' : judgement.rule, 'order-signed');
    });
    assert.deepEqual(refused, ['order-signed'], 'anchors are not refused for it');
  });

  it('refuses an instruction out of money that a captured server invented', async () => {
    const { test } = world;
    const { book, bookId } = test.platform;
    const [merchant] = [...world.merchants.keys()];
    const { posted, held } = await test.money();
    const invented: TransferCommand = {
      kind: 'transfer',
      id: '0190a1b2-c3d4-8000-8000-00000000dcba' as TransferId,
      debit: chartAccount(bookId, 'vault', DOLLAR),
      credit: chartAccount(bookId, 'merchant', DOLLAR, merchant),
      asset: DOLLAR,
      amount: 5_000_000_000n,
      code: TRANSFER_CODES.deposit,
    };
    assert.equal((await book.submit([invented]))[0]?.code, 'created');
    const tooMuch = (posted - held) / 1_000_000n + 1_000n;
    const { submitted } = await test.order([`${tooMuch}.00`]);
    assert.deepEqual(
      (await test.payments(submitted.order.order)).map(({ state }) => state),
      ['held'],
    );
    assert.ok(await test.platform.closeWindow());
    const judgement = await nextInstruction();
    assert.equal(judgement.ok ? 'signed' : judgement.rule, 'deposit-backed');
  });
});
