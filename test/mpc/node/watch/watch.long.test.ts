import { strict as assert } from 'node:assert';
import { parseTransaction } from 'viem';
import { Problem, toHex, type Hex } from '#base';
import type { Intent, TimelockCancelIntent } from '#custody/intents';
import { requestToJson } from '#custody/requests';
import { random } from '../process/support/trio.ts';
import { watched, type Watched } from './watched.ts';

const ALL = [1, 2, 3];
const GWEI = 10n ** 9n;

/** What a thief of two operators' keys proposes, other than before each time. */
let stories = 0;
const words = (): string[] => ['vault.setCaps', 'token=tUSD', 'perTransaction=5000000', `perDay=${90_000_000 + (stories += 1)}`];

describe('signer nodes that watch the timelock', function () {
  this.timeout(300_000);
  let world: Watched;

  before(async () => {
    world = await watched();
  });
  after(async () => world?.close());
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(world.lines.slice(-60).join(''));
    world.mine();
    await world.stop();
  });

  const stolen = async (what = words()): Promise<Hex> => world.operationOf(await world.governed.schedule(what, ['operator1', 'operator2']));
  const cancelled = (operation: Hex): Promise<void> => world.until(async () => (await world.timestamp(operation)) === 0n);
  const wrote = (party: number, kind: string, operation: Hex) =>
    world.audit(party).filter((line) => line.kind === kind && line.data['operation'] === operation);
  const alarmed = async (party: number, code: string): Promise<boolean> => (await world.health(party)).alarms.some((alarm) => alarm.code === code);
  const cancelOf = async (operation: Hex, more: Partial<TimelockCancelIntent> = {}): Promise<TimelockCancelIntent> => {
    const { deployment, governed, chain } = world.governed;
    const nonce = BigInt((await chain.request('eth_getTransactionCount', governed.owner, 'latest')) as Hex);
    const fees = { gas: 100_000n, maxFeePerGas: 4n * GWEI, maxPriorityFeePerGas: 2n * GWEI };
    return { kind: 'timelockCancel', chainId: 31337n, timelock: deployment.timelock, operation, nonce, ...fees, ...more };
  };
  /** All of them run and have said what they remember of each other: from then on each signs also while another is away. */
  const heard = async (): Promise<void> => {
    await world.start(ALL);
    await world.until(async () => (await Promise.all(ALL.map((party) => world.health(party)))).every(({ isHealthy }) => isHealthy));
  };
  /** What a captured node sends: it has its own identity, and says what it likes. */
  const askAs = async (
    from: number,
    to: number,
    intent: Intent,
    signers = [from, to].toSorted((a, b) => a - b),
  ): Promise<{ readonly code: string; readonly rule: unknown }> => {
    const link = world.trio.linkAs(world.trio.seats[from - 1]!.identity, to, 'peer');
    try {
      await link.call('cancel/ask', requestToJson({ requestId: toHex(random(32)), intent, signers, path: [], evidence: undefined }), {
        timeoutMs: 10_000,
        resendForMs: 0,
      });
      return { code: 'answered', rule: null };
    } catch (error) {
      assert.ok(error instanceof Problem, String(error));
      return { code: error.code, rule: error.facts['rule'] };
    } finally {
      link.close();
    }
  };

  it('cancel what stolen operators’ keys proposed, with nobody’s help', async () => {
    const operation = await stolen();
    await world.start(ALL);
    await cancelled(operation);
    const signers = ALL.filter((party) => world.audit(party).some(({ kind, data }) => kind === 'decided' && typeof data['requestId'] === 'string'));
    assert.ok(signers.length >= 2, signers.join());
    // One of them may have been so late that there was nothing left to object to.
    const objecting = ALL.filter((party) => wrote(party, 'objected', operation)[0]?.data['reason'] === 'not-agreed');
    assert.ok(objecting.length >= 2, objecting.join());
    for (const party of objecting) {
      await world.until(() => wrote(party, 'objected', operation).some(({ data }) => data['became'] === 'cancelled'));
      await world.until(async () => !(await alarmed(party, 'node/operation-objected')));
      assert.match(await world.metrics(party), /cairn_node_alarms_total\{code="node\/operation-objected"\} 1/);
      await world.until(async () => /cairn_node_objections 0/.test(await world.metrics(party)));
    }
  });

  it('leave alone what they agreed to, also the one that was not asked, and cancel the same calls proposed again', async () => {
    await world.start(ALL);
    const what = words();
    const file = await world.governed.schedule(what, ['owner', 'operator1']);
    const agreed = await world.operationOf(file);
    const seen = async (party: number) => (await world.health(party)).watch.pending.find(({ operation }) => operation === agreed)?.objection;
    await world.until(async () => (await Promise.all(ALL.map(seen))).every((objection) => objection === null));
    // An operator takes it back, and somebody with two keys proposes it anew: the id is the same, and nobody signed this time.
    await world.governed.govern('cancel', [agreed], { key: world.governed.keyFile('guardian'), yes: true });
    assert.deepEqual(
      ALL.flatMap((party) => wrote(party, 'objected', agreed)),
      [],
    );
    const again = await stolen(what);
    await cancelled(again);
  });

  it('refuse one of them that wants to cancel what the others agreed to, write it down, and alarm', async () => {
    await heard();
    await world.stop([3]);
    const agreed = await world.operationOf(await world.governed.schedule(words(), ['owner', 'operator1']));
    await world.until(async () => (await world.health(1)).watch.pending.some(({ operation }) => operation === agreed));
    assert.deepEqual(await askAs(3, 1, await cancelOf(agreed)), { code: 'session/refused', rule: 'operation-objected' });
    assert.ok(world.audit(1).some(({ kind, data }) => kind === 'refused' && data['rule'] === 'operation-objected'));
    assert.match(await world.metrics(1), /cairn_node_alarms_total\{code="node\/peer-cancels-agreed"\} 1/);
    assert.notEqual(await world.timestamp(agreed), 0n);
    await world.governed.govern('cancel', [agreed], { key: world.governed.keyFile('guardian'), yes: true });
  });

  it('sign nothing else for a peer: no other kind, nobody else’s session, no fee that they would not pay', async () => {
    // One alone can sign nothing, so what it objects to stays.
    await heard();
    await world.stop([2, 3]);
    const operation = await stolen();
    await world.until(() => alarmed(1, 'node/operation-objected'));
    const { deployment } = world.governed;
    const payment: Intent = { kind: 'cancel', chainId: 31337n, vault: deployment.vault, instruction: `0x${'11'.repeat(32)}`, index: 0 };
    const attempts: readonly (readonly [string, unknown, Intent, number[]?])[] = [
      ['session/bad-request', undefined, payment],
      ['session/bad-request', undefined, await cancelOf(operation), [1, 2]],
      ['session/bad-request', undefined, await cancelOf(operation), [2, 3]],
      ['session/refused', 'cancel-fee', await cancelOf(operation, { maxFeePerGas: 10_000n * GWEI, maxPriorityFeePerGas: 10_000n * GWEI })],
      ['session/refused', 'cancel-fee', await cancelOf(operation, { gas: 30_000_000n })],
      ['session/refused', 'account-nonce', await cancelOf(operation, { nonce: 99n })],
      ['session/refused', 'operation-pending', await cancelOf(`0x${'12'.repeat(32)}`)],
      ['session/refused', 'contract', await cancelOf(operation, { timelock: deployment.vault })],
    ];
    for (const [code, rule, intent, signers] of attempts) assert.deepEqual(await askAs(3, 1, intent, signers), { code, rule });
    assert.ok(!world.audit(1).some(({ kind, data }) => kind === 'cancelling' && data['operation'] === operation));
    await world.start([2]);
    await cancelled(operation);
  });

  it('go on without one of them, whichever it is and whoever’s turn it was', async () => {
    for (const away of ALL) {
      await world.start(ALL.filter((party) => party !== away));
      await cancelled(await stolen());
      await world.stop();
    }
  });

  it('see through an endpoint that hides a proposal: who asks it is alarmed, and the others cancel', async () => {
    const hiding = await world.proxy(async (method) => (method === 'eth_getLogs' ? [] : undefined));
    await world.start([1], [world.governed.chain.rpcUrl, hiding]);
    await world.start([2, 3]);
    const operation = await stolen();
    await cancelled(operation);
    assert.deepEqual(wrote(1, 'objected', operation), []);
    assert.ok(await alarmed(1, 'node/watch-blind'));
    assert.match((await world.health(1)).alarms[0]!.detail, /contradict each other/);
  });

  it('do nothing about a proposal that a reorganisation takes away, before it is final or after', async () => {
    const { chain } = world.governed;
    const height = async (): Promise<number> => Number(await chain.request('eth_blockNumber'));
    // Final so late that what the proposal itself takes of blocks cannot make it so.
    await world.start(ALL, undefined, { finality: { kind: 'depth', blocks: 8 } });
    await world.still();
    let before = await height();
    const young = await stolen();
    await chain.reorg((await height()) - before);
    world.mine();
    assert.equal(await world.timestamp(young), 0n);
    await world.stop();
    await world.start([1]);
    before = await height();
    const deep = await stolen();
    await world.until(() => wrote(1, 'objected', deep).length > 0);
    await world.still();
    await chain.reorg((await height()) - before);
    assert.equal(await world.timestamp(deep), 0n);
    world.mine();
    await world.until(() => wrote(1, 'objected', deep).some(({ data }) => data['became'] === 'gone'));
    // The alarm ends after the line about it is on the disk.
    await world.until(async () => !(await alarmed(1, 'node/operation-objected')));
    for (const party of ALL) assert.deepEqual(wrote(party, 'objected', young), []);
    await world.start([2, 3]);
    await cancelled(await stolen());
  });

  it('sign anew after all of them died between signing and sending', async () => {
    const kept: Hex[] = [];
    const swallowing = await world.proxy(async (method, params) =>
      method === 'eth_sendRawTransaction' ? (kept.push(params[0] as Hex), `0x${'00'.repeat(32)}`) : undefined,
    );
    await world.start(ALL, [swallowing]);
    const operation = await stolen();
    await world.until(() => kept.length > 0);
    await world.stop();
    assert.notEqual(await world.timestamp(operation), 0n);
    await world.start(ALL);
    await cancelled(operation);
  });

  it('offer more, under the same nonce, as the delay runs out', async () => {
    const kept: Hex[] = [];
    const swallowing = await world.proxy(async (method, params) =>
      method === 'eth_sendRawTransaction' ? (kept.push(params[0] as Hex), `0x${'00'.repeat(32)}`) : undefined,
    );
    await world.start(ALL, [swallowing]);
    const operation = await stolen();
    await world.until(() => kept.length > 0);
    const [before] = kept;
    await world.governed.pass(24 * 3_600);
    await world.until(() => kept.some((raw) => parseTransaction(raw).maxPriorityFeePerGas! > parseTransaction(before!).maxPriorityFeePerGas! * 30n));
    const [low, high] = [parseTransaction(before!), parseTransaction(kept.findLast((raw) => raw !== before)!)];
    assert.deepEqual([high.nonce, high.to, high.data], [low.nonce, low.to, low.data]);
    assert.ok(high.maxFeePerGas! * 10n >= low.maxFeePerGas! * 11n, 'a node of the chain takes it as a replacement');
    await world.stop();
    await world.start(ALL);
    await cancelled(operation);
  });

  it('alarm where the owner’s account is empty, sign nothing that no endpoint would take, and cancel when it is filled', async () => {
    const { chain, governed } = world.governed;
    await chain.request('anvil_setBalance', governed.owner, '0x0');
    await world.start(ALL);
    const operation = await stolen();
    await world.until(async () => (await Promise.all(ALL.map((party) => alarmed(party, 'node/owner-out-of-gas')))).every(Boolean));
    await world.until(async () => (await Promise.all(ALL.map((party) => alarmed(party, 'node/operation-objected')))).every(Boolean));
    for (const party of ALL) assert.deepEqual(wrote(party, 'cancelling', operation), []);
    await chain.request('anvil_setBalance', governed.owner, '0xde0b6b3a7640000');
    await cancelled(operation);
    await world.until(async () => !(await alarmed(1, 'node/owner-out-of-gas')));
  });
});
