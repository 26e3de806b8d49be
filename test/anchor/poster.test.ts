import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAnchorer, createSealer, type Anchorer, type AnchorerOptions, type AnchorOutbox } from '#anchor';
import { ManualClock, Problem, toHex } from '#base';
import type { Custody } from '#custody';
import { openTestCustody } from '../support/custody.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { BOOK_A, filler, NOW_MS } from './samples.ts';
import { CHAIN_ID, FakeChain, slowCustody, sourceOf } from './support.ts';

const random = (n: number) => randomBytes(n);

async function keysOfTheirOwn(): Promise<Custody> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-poster-'));
  const custody = await openTestCustody(folder, random);
  await rm(folder, { recursive: true });
  return custody;
}

describe('anchoring in a contract whose poster governance replaced', () => {
  let store: TestDatabase;
  let custody: Custody;
  let successor: Custody;
  let chain: FakeChain;
  let clock: ManualClock;
  let anchorer: Anchorer;

  const options = (over: Partial<AnchorerOptions> = {}): AnchorerOptions => ({
    database: store.database,
    chain,
    outbox: chain,
    custody,
    clock,
    signingPatienceMs: 1_000,
    ...over,
  });
  const states = async (): Promise<string> => {
    const { rows } = await store.owner.query<{ state: string }>('select state from cairn.anchor order by log_index');
    return rows.map(({ state }) => state).join(' ');
  };

  before(async () => {
    custody = await keysOfTheirOwn();
    successor = await keysOfTheirOwn();
  });
  beforeEach(async () => {
    store = await testDatabase();
    clock = new ManualClock(NOW_MS + 100_000);
    chain = new FakeChain(await custody.address('poster'));
    anchorer = createAnchorer(options());
    await createSealer({ database: store.database, clock, chainId: CHAIN_ID, random, sealAfterMs: 20_000, maxRecords: 4 }).sealAll(sourceOf(BOOK_A, filler(2)));
  });
  afterEach(() => store.close());

  const anew = (over: Partial<AnchorerOptions> = {}) => createAnchorer(options({ custody: successor, ...over }));
  const signatureAt = async (): Promise<string> => {
    const { rows } = await store.owner.query<{ signature: Buffer }>('select signature from cairn.anchor');
    return rows.map(({ signature }) => toHex(signature)).join(' ');
  };
  const dying: AnchorOutbox = {
    enqueue: () => Promise.reject(new Problem('store/unreachable', 'killed here')),
    transaction: (id) => chain.transaction(id),
    rebuildWith: () => undefined,
  };
  const isDeath = (error: unknown) => error instanceof Problem && error.code === 'store/unreachable';

  it('has the leaf that is on its way signed anew, and brings it in by another transaction', async () => {
    await anchorer.tick();
    const before = await signatureAt();
    const { leaf } = JSON.parse(Buffer.from(chain.sent[0]!.slice(2), 'hex').toString()) as { leaf: string };
    chain.setPoster(await successor.address('poster'));
    anchorer = anew();
    await anchorer.tick();
    assert.notEqual(await signatureAt(), before);
    chain.mine();
    chain.finalize();
    await anchorer.tick();
    assert.equal(await states(), 'final');
    assert.deepEqual(
      (await chain.anchored(0n)).map((event) => event.leaf),
      [leaf],
    );
  });

  it('does not send what the former poster signed, where nothing was sent yet', async () => {
    await assert.rejects(createAnchorer(options({ outbox: dying })).tick(), isDeath);
    assert.equal(await states(), 'signed');
    chain.setPoster(await successor.address('poster'));
    anchorer = anew();
    await anchorer.tick();
    chain.mine();
    chain.finalize();
    await anchorer.tick();
    assert.equal(await states(), 'final');
    assert.equal(chain.sent.length, 1);
  });

  it('goes on by the new signature after a crash between it and its transaction', async () => {
    await anchorer.tick();
    chain.setPoster(await successor.address('poster'));
    await assert.rejects(anew({ outbox: dying }).tick(), isDeath);
    // The transaction with the former signature is refused and put off for ever: nothing fails.
    anchorer = anew();
    await anchorer.tick();
    chain.mine();
    chain.finalize();
    await anchorer.tick();
    assert.equal(await states(), 'final');
  });

  it('sends one new transaction however many find it at once', async () => {
    await anchorer.tick();
    chain.setPoster(await successor.address('poster'));
    await Promise.all([anew().tick(), anew().tick(), anew().tick()]);
    assert.equal(chain.sent.length, 2);
  });

  it('sends what is signed while nobody says which key the poster is', async () => {
    await assert.rejects(createAnchorer(options({ outbox: dying })).tick(), isDeath);
    const away: Custody = { ...slowCustody(custody), address: () => Promise.reject(new Problem('custody/no-answer', 'nobody is there')) };
    await createAnchorer(options({ custody: away })).tick();
    assert.equal(await states(), 'sent');
  });
});
