import assert from 'node:assert/strict';
import { encodeDeployData, encodeFunctionData } from 'viem';
import { newId, toHex, uuidBytes, type BookId, type Hex, type OrderId } from '#base';
import { encodeCancel, encodeRetry, SETTLEMENT_VAULT_ABI, TEST_STABLECOIN_ABI } from '#chain';
import { signatureOf } from '#custody';
import { allInstructions, instructionOf, openInstructions, type StoredInstruction } from '#settlement';
import artifact from '../../src/chain/artifacts/SettlementVault.json' with { type: 'json' };
import { devKey, startTestChain } from '../chain/anvil.ts';
import { FINALITY, testPlatform, units, type TestPayee, type TestPlatform } from '../support/platform.ts';
import { privateKeyToAddress } from 'viem/accounts';

const ISSUER = privateKeyToAddress(devKey(1));

describe('an attack on a payout', function () {
  this.timeout(120_000);
  let test: TestPlatform;
  let vault: Hex;
  before(async () => {
    test = await testPlatform();
    vault = test.platform.deployment.vault;
    await test.fund(10_000n);
  });
  after(() => test.close());

  const states = async (order: OrderId) => (await test.payments(order)).map(({ state }) => state);
  const retryOf = (instruction: StoredInstruction, indexes: readonly number[]) => encodeRetry(instructionOf(instruction), instruction.words, indexes);

  async function block(payee: TestPayee, isBlocked: boolean): Promise<void> {
    const data = encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'setBlocked', args: [payee.settlementAddress, isBlocked] });
    await test.chain.request('eth_sendTransaction', { from: ISSUER, to: test.token, data, gas: '0x100000' });
    await test.chain.mine();
  }

  async function newestInstruction(): Promise<StoredInstruction> {
    return (await allInstructions(test.platform.database.pool, test.platform.bookId)).at(-1);
  }

  /** An order whose payees at these positions the token refuses, paid as far as that goes and final. */
  async function halfPaid(amounts: readonly string[], blocked: readonly number[]) {
    const before = await test.money();
    const { submitted, payees } = await test.order(amounts);
    for (const index of blocked) await block(payees[index]!, true);
    assert.ok(await test.platform.closeWindow());
    const tried = test.sent('pay', 'final').length;
    await test.until('the vault has paid whom it could', async () => test.sent('pay', 'final').length > tried);
    await test.step();
    return { order: submitted.order.order, payees, instruction: await newestInstruction(), before };
  }

  async function mineAt(timestampS: number): Promise<void> {
    await test.chain.request('evm_setNextBlockTimestamp', timestampS);
  }

  it('a retry in the very last second wins against the release', async () => {
    const { order, payees, instruction } = await halfPaid(['10.00', '20.00'], [1]);
    assert.deepEqual(await states(order), ['settled', 'instructed']);
    await mineAt(instruction.notAfterS - 30);
    await test.chain.mine(FINALITY + 1);
    await test.step();
    assert.deepEqual(await states(order), ['settled', 'instructed'], 'the time is nearly over, finally');
    await block(payees[1]!, false);
    await mineAt(instruction.notAfterS);
    assert.equal(await test.foreign(vault, retryOf(instruction, [1])), 'success');
    test.clock.advance(8_000_000);
    for (let i = 0; i < FINALITY; i++) {
      assert.deepEqual(await states(order), ['settled', 'instructed'], 'the last second is over, but not finally');
      await test.step();
    }
    await test.until('it is settled', async () => (await states(order))[1] === 'settled');
    assert.equal(await test.balanceOf(payees[1]!.settlementAddress), units('20.00'));
    assert.equal((await test.money()).held, 0n);
    await test.reconcile();
  });

  it('a retry one second late is refused, and the hold is given back once', async () => {
    const { order, payees, instruction } = await halfPaid(['10.00', '20.00'], [1]);
    const held = await test.money();
    await block(payees[1]!, false);
    await mineAt(instruction.notAfterS + 1);
    assert.equal(await test.foreign(vault, retryOf(instruction, [1])), 'reverted');
    assert.equal(await test.refusalOf(vault, retryOf(instruction, [1])), 'InstructionExpired');
    test.clock.advance(7_201_000);
    await test.until('it is returned', async () => (await states(order))[1] === 'returned');
    for (let i = 0; i < FINALITY + 1; i++) await test.step();
    assert.deepEqual(await test.money(), { posted: held.posted, held: 0n });
    assert.equal(await test.balanceOf(payees[1]!.settlementAddress), 0n);
    await test.reconcile();
  });

  it('a cancellation that a reorganisation took away gives nothing back, and a retry in its place is what counts', async () => {
    const { order, payees, instruction } = await halfPaid(['10.00', '20.00'], [1]);
    const cancel = await cancellation(instruction, 1);
    assert.equal(await test.foreign(vault, cancel), 'success');
    for (let i = 0; i < FINALITY - 2; i++) {
      await test.step();
      assert.deepEqual(await states(order), ['settled', 'instructed'], 'cancelled, but not finally');
    }
    await test.chain.reorg(FINALITY - 1);
    await block(payees[1]!, false);
    assert.equal(await test.foreign(vault, retryOf(instruction, [1])), 'success');
    assert.equal(await test.refusalOf(vault, cancel), 'AlreadySettled');
    await test.until('it is settled', async () => (await states(order))[1] === 'settled');
    assert.equal(await test.balanceOf(payees[1]!.settlementAddress), units('20.00'));
    await test.reconcile();
  });

  it('a final cancellation gives the hold back, and no retry pays it any more', async () => {
    const { order, payees, instruction } = await halfPaid(['10.00', '20.00'], [1]);
    const { posted } = await test.money();
    assert.equal(await test.foreign(vault, await cancellation(instruction, 1)), 'success');
    await block(payees[1]!, false);
    assert.equal(await test.refusalOf(vault, retryOf(instruction, [1])), 'NothingToPay');
    await test.until('it is returned', async () => (await states(order))[1] === 'returned');
    assert.equal(await test.foreign(vault, retryOf(instruction, [0, 1])), 'reverted');
    assert.equal(await test.balanceOf(payees[1]!.settlementAddress), 0n);
    assert.deepEqual(await test.money(), { posted, held: 0n });
    await test.reconcile();
  });

  it('a payment list that failed whole cannot be replayed, and a retry pays each once', async () => {
    const { order, payees, instruction } = await halfPaid(['10.00', '20.00', '30.00'], [0, 1, 2]);
    assert.deepEqual(await states(order), ['instructed', 'instructed', 'instructed']);
    const { id } = test.sent('pay', 'final').at(-1);
    const { data } = await test.platform.outbox.transaction(id);
    for (const payee of payees) await block(payee, false);
    assert.equal(await test.refusalOf(vault, data), 'AlreadyOpened');
    assert.equal(await test.foreign(vault, data), 'reverted');
    assert.equal(await test.foreign(vault, retryOf(instruction, [0, 1, 2, 0])), 'success');
    assert.equal(await test.refusalOf(vault, retryOf(instruction, [0, 1, 2])), 'NothingToPay');
    await test.until('all are settled', async () => (await states(order)).every((state) => state === 'settled'));
    for (const { settlementAddress, dollars } of payees) assert.equal(await test.balanceOf(settlementAddress), units(dollars));
    await test.reconcile();
  });

  it('an instruction is worth nothing to another vault, another book and another chain', async () => {
    const { submitted } = await test.order(['10.00']);
    assert.ok(await test.platform.closeWindow());
    const sent = test.sent('pay', 'sent').length;
    for (let i = 0; i < 40 && test.sent('pay', 'sent').length === sent; i++) {
      await test.chain.mine();
      await test.platform.pass();
    }
    const { data } = await test.platform.outbox.transaction(test.sent('pay', 'sent').at(-1).id);
    assert.equal(await test.refusalOf(vault, data), null, 'it is good where it belongs');

    for (const [chainId, refusal] of [
      ['31337', null],
      ['31338', 'NotInLog'],
    ] as const) {
      const twin = await startTestChain('--chain-id', chainId);
      try {
        await twin.request('anvil_loadState', await test.chain.request('anvil_dumpState'));
        assert.equal(await test.refusalOf(vault, data, twin.rpcUrl), refusal, `chain ${chainId}`);
      } finally {
        twin.stop();
      }
    }
    assert.equal(await test.refusalOf(await anotherVault(test.platform.bookId), data), 'NotInLog');
    assert.equal(await test.refusalOf(await anotherVault(newId<BookId>(1, () => new Uint8Array(16).fill(7))), data), 'WrongBook');
    await test.until('it is paid where it belongs', async () => (await states(submitted.order.order))[0] === 'settled');
    await test.reconcile();
  });

  it('a hold that is due at the very close of a window is expired or taken, never both', async () => {
    const meetings = {
      closeFirst: async () => (await test.platform.closeWindow(), test.platform.book.expireDue()),
      together: () => Promise.all([test.platform.closeWindow(), test.platform.book.expireDue()]),
    };
    // With three days between the meetings, nothing new is taken before what the last one booked is anchored.
    const isQuiet = async () =>
      (await test.platform.greatestUnanchoredAgeMs()) === 0 && (await openInstructions(test.platform.database.pool, test.platform.bookId)).length === 0;
    for (const [earlyMs, meet] of [-1, 0, 1].flatMap((ms) => Object.values(meetings).map((meeting) => [ms, meeting] as const))) {
      await test.until('everything is anchored and closed', isQuiet);
      const before = await test.money();
      const { submitted } = await test.order(['10.00']);
      const [payment] = await test.payments(submitted.order.order);
      const held = await test.platform.book.hold(payment!.hold);
      assert.ok(held, `${payment!.state}: ${payment!.reason}`);
      const { expiresMs } = held;
      test.clock.standAt(expiresMs + earlyMs);
      await meet();
      await test.platform.pass();
      const hold = (await test.platform.book.hold(payment!.hold))!;
      const isTaken = earlyMs < 0;
      assert.deepEqual([hold.status, hold.windowSeq !== null], isTaken ? ['open', true] : ['expired', false]);
      assert.deepEqual(await states(submitted.order.order), [isTaken ? 'instructed' : 'expired']);
      if (!isTaken) assert.deepEqual(await test.money(), before);
      test.clock.standAt(expiresMs + 86_400_000);
      assert.equal(await test.platform.book.expireDue(), 0);
      test.clock.advance(3 * 86_400_000);
      test.clock.standAt(null);
    }
  });

  async function cancellation(instruction: StoredInstruction, index: number): Promise<Hex> {
    const { chainId } = test.platform.client;
    const intent = { kind: 'cancel', chainId, vault, instruction: instruction.id, index } as const;
    return encodeCancel(instruction.id, index, await signatureOf(test.platform.custody, 'vault', intent, { patienceMs: 1_000 }));
  }

  /** The same code, log and signer, serving this book. */
  async function anotherVault(book: BookId): Promise<Hex> {
    const signer = await test.platform.custody.address('vault');
    const args = [ISSUER, ISSUER, signer, test.platform.deployment.anchor, toHex(uuidBytes(book))] as const;
    const data = encodeDeployData({ abi: SETTLEMENT_VAULT_ABI, bytecode: artifact.bytecode as Hex, args });
    const hash = await test.outside(() => test.chain.request('eth_sendTransaction', { from: ISSUER, data }));
    await test.chain.mine();
    return ((await test.chain.request('eth_getTransactionReceipt', hash)) as { contractAddress: Hex }).contractAddress;
  }
});
