import { strict as assert } from 'node:assert';
import { encodeFunctionData } from 'viem';
import { privateKeyToAccount, privateKeyToAddress } from 'viem/accounts';
import { ManualClock, toHex, type BookId, type Hex, type WindowId } from '#base';
import { anchorTree, appendLeaf, commitment, EMPTY_LOG, inclusionPath, mth, NO_HEAD, peakPath, recordLeaf, type LogHead, type LogProof } from '#anchor/core';
import {
  connectChain,
  createAnchorChain,
  createDepositScanner,
  createVaultReader,
  deploy,
  encodeCancel,
  encodePay,
  encodeRetry,
  SETTLEMENT_VAULT_ABI,
} from '#chain';
import type { AnchorReader, ChainClient, Deployment, Deposit, PayCall, VaultReader } from '#chain';
import { instructionId, intentDigest, listHash, paymentWord, type Instruction } from '#custody/intents';
import type { LedgerRecord } from '#ledger/core';
import { TEST_STABLECOIN_ABI } from '../../../src/chain/abi/test-stablecoin.ts';
import { TIMELOCK_ABI } from '../../../src/chain/abi/timelock.ts';
import { testDatabase } from '../../support/postgres.ts';
import { devKey, startTestChain, type TestChain } from '../anvil.ts';

const FINALITY = 5;
const BOOK = '018bcfe5-6800-7000-8000-000000000001' as BookId;
const DEPLOYER = privateKeyToAddress(devKey(9)).toLowerCase() as Hex;
const POSTER = privateKeyToAccount(devKey(2));
const SIGNER = privateKeyToAccount(devKey(3));
const RELAYER = privateKeyToAddress(devKey(6)).toLowerCase() as Hex;
const PAYEES = ['c1', 'c2', 'c3', 'c4'].map((byte): Hex => `0x${byte.repeat(20)}`);
const address = (account: { address: Hex }): Hex => account.address.toLowerCase() as Hex;

describe('the anchored log and the vault, read', () => {
  let chain: TestChain;
  let client: ChainClient;
  let deployment: Deployment;
  let token: Hex;
  let vault: VaultReader;
  let log: AnchorReader;
  let head: LogHead = EMPTY_LOG;
  const leaves: Uint8Array[] = [];
  let calls = 0;

  const send = async (from: Hex, to: Hex, data: Hex): Promise<Hex> => (await chain.request('eth_sendTransaction', { from, to, data, gas: '0x300000' })) as Hex;
  const tokenCall = (functionName: 'mint' | 'setBlocked', args: readonly unknown[]): Promise<Hex> =>
    send(DEPLOYER, token, encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName, args: args as never }));
  const balance = async (holder: Hex): Promise<bigint> => vault.balanceOf(token, holder, (await client.head()).number);

  /** Appends one leaf, as the anchorer does. */
  async function anchorLeaf(leaf: Uint8Array): Promise<void> {
    const previous = toHex(commitment(head));
    const intent = { kind: 'anchor', chainId: client.chainId, anchor: deployment.anchor, previous, leaf: toHex(leaf) } as const;
    const signature = await POSTER.sign({ hash: toHex(intentDigest(intent)) });
    await send(RELAYER, deployment.anchor, log.encodeAnchor({ leaf: toHex(leaf), count: head.count, peaks: head.peaks.map(toHex), signature }));
    await chain.mine();
    head = appendLeaf(head, leaf);
    leaves.push(leaf);
  }

  /** An instruction to pay 10, 20, 30, ... in the log, ready to be paid. */
  async function instruct(ttlS = 3600): Promise<PayCall & { id: Hex }> {
    const words = PAYEES.map((payee, at) => paymentWord(payee, BigInt(10 * (at + 1))));
    const { timestampS } = await client.head();
    const instruction: Instruction = {
      book: BOOK,
      window: `018bcfe5-6800-7000-8000-${(++calls).toString().padStart(12, '0')}` as WindowId,
      index: 0,
      token,
      listHash: listHash(words),
      count: words.length,
      total: 100n,
      notAfterS: Number(timestampS) + ttlS,
    };
    const record = { kind: 'instruction', seq: 1n, nowMs: 5, vault: deployment.vault, ...instruction } as unknown as LedgerRecord;
    const leaf = recordLeaf({ chainId: client.chainId, book: BOOK }, record, new Uint8Array(32));
    const tree = anchorTree([{ book: BOOK, firstSeq: 1n, lastSeq: 1n, previousHead: NO_HEAD, batchRoot: mth([leaf]) }]);
    await anchorLeaf(tree.leaf);
    const signature = await SIGNER.sign({ hash: toHex(intentDigest({ kind: 'instruction', chainId: client.chainId, vault: deployment.vault, instruction })) });
    const header = { seq: 1n, nowMs: 5n, fieldsRoot: toHex(new Uint8Array(32)) };
    return { id: instructionId(instruction), instruction, words, header, signature, proof: proofOf([leaf], tree.path(0)) };
  }

  const proofOf = (batch: Uint8Array[], bookPath: Uint8Array[]): LogProof => ({
    firstSeq: 1n,
    lastSeq: 1n,
    previousHead: NO_HEAD,
    batchPath: inclusionPath(batch, 0),
    bookIndex: 0,
    bookCount: 1,
    bookPath,
    anchorIndex: head.count - 1n,
    count: head.count,
    peaks: head.peaks,
    peakPath: peakPath(leaves, leaves.length - 1),
  });

  before(async () => {
    chain = await startTestChain();
    client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
    const db = await testDatabase();
    deployment = await deploy({
      database: db.database,
      client,
      clock: new ManualClock(1),
      deployerKey: devKey(9),
      consent: true,
      book: BOOK,
      signers: { poster: address(POSTER), vault: address(SIGNER), owner: RELAYER },
      guardian: `0x${'6a'.repeat(20)}`,
      operators: [`0x${'0a'.repeat(20)}`, `0x${'0b'.repeat(20)}`],
      timelockDelayS: 1,
      tokens: [{ symbol: 'tUSD', decimals: 6, perTransaction: 10n ** 12n, perDay: 10n ** 13n }],
      rest: () => chain.mine(),
    });
    await db.close();
    token = deployment.tokens[0]!.address;
    vault = createVaultReader({ client, deployment });
    log = createAnchorChain({ client, deployment });
    await tokenCall('mint', [deployment.vault, 10n ** 9n]);
    await chain.mine();
  });
  after(() => chain.stop());

  it('show what one transaction and a day may pay of a token, and what today has paid', async () => {
    const { number: blockNumber, timestampS } = await client.block(await client.finalBlock());
    const now = { blockNumber, timestampS };
    assert.deepEqual(await vault.allowanceOf(token), { ...now, perTransaction: 10n ** 12n, perDay: 10n ** 13n, spentToday: 0n });
    assert.deepEqual(await vault.allowanceOf(`0x${'77'.repeat(20)}`), { ...now, perTransaction: 0n, perDay: 0n, spentToday: 0n });
  });

  it('show the leaves from a position upwards, in order, and which are final', async () => {
    assert.deepEqual(await log.anchored(0n), []);
    const made = ['01', '02', '03'].map((byte) => new Uint8Array(Buffer.from(byte.repeat(32), 'hex')));
    for (const leaf of made) await anchorLeaf(leaf);
    await chain.mine(FINALITY - 1);
    const all = await log.anchored(0n);
    assert.deepEqual(
      all.map(({ index, leaf, isFinal }) => [index, leaf, isFinal]),
      [
        [0n, toHex(made[0]!), true],
        [1n, toHex(made[1]!), true],
        [2n, toHex(made[2]!), false],
      ],
    );
    assert.deepEqual(await log.anchored(1n), all.slice(1));
    assert.deepEqual(await log.anchored(3n), []);
    assert.equal(all[2]!.commitment, toHex(commitment(head)));
    assert.equal(all[2]!.previous, all[1]!.commitment);
    assert.equal(await log.commitment((await client.head()).number), all[2]!.commitment);
    await chain.mine();
    assert.equal((await log.anchored(2n))[0]?.isFinal, true);
  });

  it('lose a leaf whose block went, and show it where it comes back', async () => {
    const before = { head, count: leaves.length };
    const leaf = new Uint8Array(32).fill(7);
    await anchorLeaf(leaf);
    const raw = (await chain.request('eth_getRawTransactionByHash', (await log.anchored(before.head.count))[0]!.transactionHash)) as Hex;
    await chain.reorg(1);
    await chain.request('anvil_dropAllTransactions');
    assert.deepEqual(await log.anchored(before.head.count), []);
    await chain.request('eth_sendRawTransaction', raw);
    await chain.mine();
    assert.equal((await log.anchored(before.head.count))[0]?.leaf, toHex(leaf));
  });

  it('tell who was paid by which transaction, who failed and why, and who was paid later', async () => {
    const call = await instruct();
    await tokenCall('setBlocked', [PAYEES[1], true]);
    const hash = await send(RELAYER, deployment.vault, encodePay(call));
    await chain.mine();
    const fresh = await vault.stateOf(call.id);
    assert.deepEqual([fresh.done, fresh.paid.size], [false, 0], 'not final yet');
    const receipt = await client.read('a receipt', (viem) => viem.getTransactionReceipt({ hash }));
    const outcome = vault.outcomeOf(
      receipt.logs.map((entry) => ({
        ...entry,
        address: address(entry),
        topics: entry.topics as Hex[],
        blockNumber: 0n,
        blockHash: hash,
        transactionHash: hash,
      })),
    );
    assert.deepEqual(outcome.paid, [{ instruction: call.id, token, indexes: [0, 2, 3], amount: 80n }]);
    assert.deepEqual(
      outcome.failed.map(({ index, payee, amount }) => [index, payee, amount]),
      [[1, PAYEES[1], 20n]],
    );
    await chain.mine(FINALITY);
    const paid = await vault.stateOf(call.id);
    assert.equal(paid.done, true);
    assert.deepEqual(new Set(paid.paid.keys()), new Set([0, 2, 3]));
    assert.equal(paid.paid.get(0)?.txHash, hash);
    assert.equal(paid.timestampS, (await client.block(paid.blockNumber)).timestampS);
    await tokenCall('setBlocked', [PAYEES[1], false]);
    const again = await send(RELAYER, deployment.vault, encodeRetry(call.instruction, call.words, [1]));
    await chain.mine(FINALITY + 1);
    assert.equal((await vault.stateOf(call.id)).paid.get(1)?.txHash, again);
    assert.equal(await balance(PAYEES[1]!), 20n);
  });

  it('show a deposit though its transaction pays the same amount to the payer and changes the caps, as whoever executes a due act can compose it', async () => {
    const call = await instruct();
    const payer = PAYEES[3]!;
    const { timelock, safe, vault: to } = deployment;
    await tokenCall('mint', [payer, 40n]);
    for (const account of [payer, safe]) {
      await chain.request('anvil_setBalance', account, '0xde0b6b3a7640000');
      await chain.request('anvil_impersonateAccount', account);
    }
    await send(payer, token, encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'approve', args: [timelock, 40n] }));
    const acts = [
      [token, encodeFunctionData({ abi: TEST_STABLECOIN_ABI, functionName: 'transferFrom', args: [payer, to, 40n] })],
      [to, encodePay(call)],
      [to, encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'setCaps', args: [token, 10n ** 12n, 10n ** 13n] })],
    ] as const;
    const zero: Hex = `0x${'00'.repeat(32)}`;
    const batch = [acts.map(([target]) => target), acts.map(() => 0n), acts.map(([, data]) => data), zero, zero] as const;
    await send(safe, timelock, encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'scheduleBatch', args: [...batch, 1n] }));
    await chain.mine();
    await chain.request('evm_increaseTime', 2);
    await chain.mine();
    const hash = await send(RELAYER, timelock, encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'executeBatch', args: batch }));
    await chain.mine(FINALITY + 1);
    const receipt = await client.read('a receipt', (viem) => viem.getTransactionReceipt({ hash }));
    assert.equal(receipt.status, 'success');
    assert.equal((await vault.stateOf(call.id)).paid.get(3)?.txHash, hash);
    const db = await testDatabase();
    const credited: Deposit[] = [];
    const fresh = createDepositScanner({
      database: db.database,
      client,
      deployment: { ...deployment, block: { ...deployment.block, number: receipt.blockNumber } },
    });
    await fresh.scan(async (deposit) => void credited.push(deposit));
    await db.close();
    assert.deepEqual(
      credited.map(({ from, amount, kind }) => [from, amount, kind]),
      [[payer, 40n, 'plain']],
    );
  });

  it('tell what was cancelled, and that it is not paid', async () => {
    const call = await instruct();
    const digest = intentDigest({ kind: 'cancel', chainId: client.chainId, vault: deployment.vault, instruction: call.id, index: 3 });
    await send(RELAYER, deployment.vault, encodeCancel(call.id, 3, await SIGNER.sign({ hash: toHex(digest) })));
    await chain.mine(FINALITY + 1);
    const before = await vault.stateOf(call.id);
    assert.deepEqual([before.done, before.paid.size, [...before.cancelled]], [false, 0, [3]]);
    await send(RELAYER, deployment.vault, encodePay(call));
    await chain.mine(FINALITY + 1);
    const after = await vault.stateOf(call.id);
    assert.deepEqual(new Set(after.paid.keys()), new Set([0, 1, 2]));
    assert.deepEqual([...after.cancelled], [3]);
  });

  for (const depth of [1, 2, 3, 4, 5]) {
    it(`never believe a payout that a reorganisation of depth ${depth} can still undo`, async () => {
      const call = await instruct();
      const before = await balance(PAYEES[0]!);
      const hash = await send(RELAYER, deployment.vault, encodePay(call));
      await chain.mine(depth);
      assert.equal((await vault.stateOf(call.id)).done, false);
      const raw = (await chain.request('eth_getRawTransactionByHash', hash)) as Hex;
      await chain.reorg(depth);
      await chain.request('anvil_dropAllTransactions');
      assert.equal((await vault.stateOf(call.id)).paid.size, 0);
      await chain.request('eth_sendRawTransaction', raw);
      await chain.mine(FINALITY + 1);
      const state = await vault.stateOf(call.id);
      assert.equal(state.paid.size, PAYEES.length);
      assert.equal((await balance(PAYEES[0]!)) - before, 10n);
    });
  }
});
