import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAddress } from 'viem/accounts';
import { createAnchorer, createProver, createSealer, type Anchorer, type AnchorOutbox, type Prover, type RecordSource, type Sealer } from '#anchor';
import { systemClock, toHex, type Hex } from '#base';
import { connectChain, createAnchorChain, createOutbox, deploy, type ChainClient, type Deployment, type Outbox } from '#chain';
import { LEDGER_ANCHOR_ABI } from '../../src/chain/abi/ledger-anchor.ts';
import { devKey, startTestChain, type TestChain } from '../chain/anvil.ts';
import { openTestCustody } from '../support/custody.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { BOOK_A, BOOK_B, filler } from './samples.ts';
import { contractFault, sourceOf } from './support.ts';

const FINALITY = 6;
const address = (key: Hex): Hex => privateKeyToAddress(key).toLowerCase() as Hex;

describe('anchoring in the real contract', () => {
  let chain: TestChain;
  let client: ChainClient;
  let store: TestDatabase;
  let deployment: Deployment;
  let outbox: Outbox;
  let sealer: Sealer;
  let anchorer: Anchorer;
  let prover: Prover;
  /** Call data of every anchor transaction that was asked for. */
  const asked: Hex[] = [];

  const states = async (): Promise<string> => {
    const { rows } = await store.owner.query<{ state: string }>('select state from cairn.anchor order by log_index');
    return rows.map(({ state }) => state).join(' ');
  };
  /** One turn of the machine: decide, send, mine, notice. */
  const turn = async (): Promise<void> => {
    await anchorer.tick();
    await outbox.tick();
    await chain.mine();
    await outbox.tick();
    await anchorer.tick();
  };
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) await turn();
    await chain.mine(FINALITY);
    await turn();
  };
  const commitmentNow = (): Promise<Hex> =>
    client.read('the commitment', (viem) => viem.readContract({ abi: LEDGER_ANCHOR_ABI, address: deployment.anchor, functionName: 'commitment' }));

  /** Asks the contract itself. */
  const faultOf = (source: RecordSource, seq: bigint): Promise<number> => contractFault(client, deployment.anchor, prover, source, seq);

  before(async () => {
    chain = await startTestChain();
    client = await connectChain({ rpcUrl: chain.rpcUrl, finality: { kind: 'depth', blocks: FINALITY } });
    store = await testDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'cairn-on-chain-'));
    const random = (n: number) => randomBytes(n);
    const custody = await openTestCustody(folder, random);
    await rm(folder, { recursive: true });
    const { database } = store;
    const clock = systemClock;
    deployment = await deploy({
      database,
      client,
      clock,
      deployerKey: devKey(9),
      consent: true,
      book: BOOK_A,
      signers: { poster: await custody.address('poster'), vault: await custody.address('vault'), owner: await custody.address('owner') },
      guardian: `0x${'6a'.repeat(20)}`,
      operators: [`0x${'0a'.repeat(20)}`, `0x${'0b'.repeat(20)}`],
      timelockDelayS: 1,
      tokens: [],
      rest: () => chain.mine(),
    });
    outbox = createOutbox({ database, client, relayerKey: devKey(6), clock });
    const noted: AnchorOutbox = {
      enqueue: (request) => (asked.push(request.data), outbox.enqueue(request)),
      transaction: (id) => outbox.transaction(id),
      rebuildWith: (purpose, rebuild) => outbox.rebuildWith(purpose, (transaction) => rebuild(transaction)),
    };
    sealer = createSealer({ database, clock, chainId: client.chainId, random, sealAfterMs: 0, maxRecords: 4 });
    anchorer = createAnchorer({ database, chain: createAnchorChain({ client, deployment }), outbox: noted, custody, clock, signingPatienceMs: 1_000 });
    prover = createProver({ database, chainId: client.chainId, anchorAddress: deployment.anchor, vaultAddress: deployment.vault });
  });
  after(async () => {
    await outbox.close();
    await store.close();
    chain.stop();
  });

  it('proves every record to the contract, whose commitment is ours', async () => {
    const [a, b] = [sourceOf(BOOK_A, filler(10)), sourceOf(BOOK_B, filler(3))];
    await sealer.sealAll(a);
    await sealer.sealAll(b);
    await settle();
    assert.equal(await states(), 'final final final');
    for (let seq = 1n; seq <= 10n; seq++) assert.equal(await faultOf(a, seq), 0, `record ${seq}`);
    for (let seq = 1n; seq <= 3n; seq++) assert.equal(await faultOf(b, seq), 0, `record ${seq}`);
    const { rows } = await store.owner.query<{ commitment: Buffer }>('select commitment from cairn.anchor order by log_index desc limit 1');
    assert.equal(await commitmentNow(), toHex(rows[0]!.commitment));
  });

  for (let depth = 1; depth <= 5; depth++) {
    it(`goes back and forward again over a reorganisation of depth ${depth}, with the same leaf and no other`, async () => {
      const source = sourceOf(BOOK_A, filler(10 + depth));
      await sealer.sealAll(source);
      const before = (await states()).split(' ').length;
      await turn();
      await chain.mine(depth - 1);
      await anchorer.tick();
      assert.ok((await states()).endsWith(' mined'), await states());
      const commitment = await commitmentNow();
      await chain.reorg(depth);
      await anchorer.tick();
      assert.ok((await states()).endsWith(' sent'), await states());
      assert.notEqual(await commitmentNow(), commitment);
      await settle();
      assert.equal((await states()).split(' ').length, before + 1);
      assert.equal(new Set((await states()).split(' ')).size, 1);
      assert.equal(await commitmentNow(), commitment);
      assert.equal(await faultOf(source, BigInt(10 + depth)), 0);
    });
  }

  it('counts a leaf that somebody else relayed before us, and goes on after it', async () => {
    const source = sourceOf(BOOK_A, filler(16));
    await sealer.sealAll(source);
    await anchorer.tick();
    await chain.request('eth_sendTransaction', { from: address(devKey(8)), to: deployment.anchor, data: asked.at(-1), gas: '0x50000' });
    await chain.mine();
    await anchorer.tick();
    assert.ok((await states()).endsWith(' mined'));
    await settle();
    assert.ok((await states()).endsWith(' final'));
    assert.equal(await faultOf(source, 16n), 0);
    const next = sourceOf(BOOK_A, filler(17));
    await sealer.sealAll(next);
    await settle();
    assert.equal(await faultOf(next, 17n), 0);
    assert.equal(new Set(asked).size, (await states()).split(' ').length);
  });
}).timeout(120_000);
