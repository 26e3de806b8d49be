import { strict as assert } from 'node:assert';
import { randomBytes, sign } from 'node:crypto';
import { keccak256 } from 'viem';
import { Problem, toHex, utf8, type Hex } from '#base';
import { intentDigest, type InstructionIntent } from '#custody/intents';
import { approvalDigest, changeMessage, parsePolicy, proposalId, type Facts, type Policy } from '#mpc/node';
import type { Forge } from '../book/support/forge.ts';
import { DEPTH } from '../book/support/samples.ts';
import { signAs } from '../fixtures.ts';
import { ATTACKS, ordered, paid } from './support/attacks.ts';
import { PARTIES, PARTNER, Siege, type World } from './support/siege.ts';

/**
 * A captured server, database, coordinator and chain against three nodes with channels, folders, books and policies of their own. Of every attack: each node alone refuses it by its rule, its audit log says so,
 * nothing was decided, signed or released for it, and afterwards no pair is poisoned and every pair signs.
 */
describe('three signer nodes before a captured platform', function () {
  this.timeout(180_000);
  let siege: Siege;

  before(async () => {
    siege = await Siege.begin();
  });
  after(async () => {
    await siege?.remove();
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(siege.lines.splice(0).slice(-20).join(''));
  });

  const inWorld = (what: string, story: (forge: Forge) => Promise<void>, world?: World): void => {
    it(what, () => siege.world(story, world));
  };

  inWorld('sign what was ordered and booked, by every pair', async (forge) => {
    const intent = await paid(forge);
    await siege.feedAll();
    for (const pair of [[1, 2], [1, 3], [2, 3]]) await siege.signs(intent, pair); // prettier-ignore
  });

  for (const [rule, what, attack, world] of ATTACKS) {
    inWorld(
      `refuse ${what}: ${rule}`,
      async (forge) => {
        const intent = await attack(forge);
        await siege.feedAll();
        await siege.refused(rule, (party) => siege.request(intent, PARTNER[party]!));
      },
      world,
    );
  }

  inWorld('refuse what is no request: blind digests, digests and roles beside it, paths, and half of a surrogate pair', async (forge) => {
    const intent = await paid(forge);
    await siege.feedAll();
    const text = (party: number): string => Buffer.from(siege.request(intent, PARTNER[party]!)).toString();
    const id = (): Hex => toHex(randomBytes(32));
    const said: readonly (readonly [string, (party: number) => string])[] = [
      ['custody/bad-intent', (party) => JSON.stringify({ requestId: id(), signers: PARTNER[party], path: [], intent: { kind: 'digest', digest: id() } })],
      ['session/bad-request', (party) => text(party).replace('{', `{"digest":"${id()}",`)],
      ['session/bad-request', (party) => text(party).replace('{', '{"role":"poster",')],
      ['path', (party) => text(party).replace('"path":[]', '"path":[7]')],
      ['session/bad-request', (party) => text(party).replace('{', '{"\\ud800\\u001b[2J":1,')],
      ['session/bad-request', (party) => text(party).replace('"path":[]', `"path":[],"evidence":"${'x'.repeat(200_000)}"`)],
      ['mpc/bad-parameters', (party) => text(party).replace(/"signers":\[[\d,]+\]/, '"signers":[1,2,3]')],
      ['node/unknown-key', (party) => text(party).replace(/"intent":.*$/, `"intent":{"kind":"governance","chainId":"31337","safe":"${forge.chain.vault}","to":"${forge.chain.vault}","value":"0","data":"0x","nonce":"0"}}`)],
    ]; // prettier-ignore
    for (const [rule, payload] of said) await siege.refused(rule, (party) => utf8(payload(party)));
  });

  inWorld('refuse a session that was held before, however it is replayed', async (forge) => {
    const intent = await paid(forge);
    await siege.feedAll();
    const requestId = toHex(randomBytes(32));
    await siege.signs(intent, [1, 2], undefined, requestId);
    await siege.refused('session/started-before', () => siege.request(intent, [1, 2], requestId), [1, 2]);
  });

  inWorld('never meet where each is asked for something else: other intents, requests and sets of signers', async (forge) => {
    const [first, second] = [await paid(forge), await paid(forge)];
    await siege.feedAll();
    const [id, other] = [toHex(randomBytes(32)), toHex(randomBytes(32))];
    const splits: readonly (readonly [Uint8Array, Uint8Array])[] = [
      [siege.request(first, [1, 2], id), siege.request(second, [1, 2], id)],
      [siege.request(first, [1, 2]), siege.request(first, [1, 2])],
      [siege.request(first, [1, 2], other), siege.request(first, [2, 3], other)],
    ];
    for (const [one, two] of splits) {
      const before = [(await siege.audit(1)).length, (await siege.audit(2)).length] as const;
      const outcomes = await Promise.all([siege.ask(1, one), siege.ask(2, two)]);
      assert.deepEqual(outcomes.map(({ code }) => code), ['session/timed-out', 'session/timed-out']); // prettier-ignore
      for (const party of [1, 2]) {
        await siege.logged(party, 'session/timed-out', before[party - 1]!);
        assert.ok(!(await siege.audit(party)).slice(before[party - 1]).some(({ kind }) => kind === 'signed'));
      }
    }
  });

  inWorld('refuse what follows from a log that was forked to one of them', async (forge) => {
    forge.deposit(1_000_000_000n);
    const fork = forge.items.map((item) => (item.record.kind === 'merchant' ? { ...item, record: { ...item.record, nowMs: item.record.nowMs + 1 } } : item));
    const honest = forge.seal();
    await siege.feed(1, forge.page());
    await siege.feed(2, forge.page(1n, { items: fork }));
    await siege.feed(3, forge.page());
    await siege.refused('batch-derived', () => siege.request(honest, [1, 2]), [2]);
    await siege.signs(honest, [1, 3]);
    forge.chain.append(honest.leaf);
    forge.chain.finalise(DEPTH);
    await siege.refused('log-known', () => siege.request({ ...honest, leaf: keccak256('0x01') }, [1, 2]), [2]);
    assert.equal(await siege.feed(2, forge.page()), 'feed-not-forked');
  });

  inWorld('go on when each was asked for another batch at the same place, and bind themselves to none that was not signed', async (forge) => {
    forge.deposit(1_000_000_000n);
    const batches = [forge.seal(10n, 'aside'), forge.seal(15n, 'aside'), forge.seal()];
    await siege.feedAll();
    const waiting = await Promise.all(PARTIES.map((party) => siege.ask(party, siege.request(batches[party - 1]!, PARTNER[party]!))));
    assert.deepEqual(waiting.map(({ code }) => code), ['session/timed-out', 'session/timed-out', 'session/timed-out']); // prettier-ignore
    await siege.signs(batches[2]!, [1, 2]);
    await siege.refused('one-batch-a-position', (party) => siege.request(batches[0]!, PARTNER[party]!), [1, 2]);
    await siege.signs(batches[2]!, [2, 3]);
  });

  inWorld('refuse a batch while another is being signed at the same place', async (forge) => {
    forge.deposit(1_000_000_000n);
    const [short, long] = [forge.seal(10n, 'aside'), forge.seal()];
    await siege.feedAll();
    const first = siege.ask(1, siege.request(short, [1, 2]));
    while (!(await siege.audit(1)).some(({ kind, data }) => kind === 'decided' && data['digest'] === toHex(intentDigest(short)))) await new Promise((resolve) => setTimeout(resolve, 20)); // prettier-ignore
    assert.equal((await siege.ask(1, siege.request(long, [1, 3]))).rule, 'one-batch-at-once');
    assert.equal((await first).code, 'session/timed-out');
    await siege.signs(long, [1, 3]);
  });

  inWorld('refuse limits that are split over many requests', async (forge) => {
    forge.deposit(1_000_000_000n);
    const entry = await forge.payee();
    const { name, account } = entry.message;
    const parts: InstructionIntent[] = [];
    for (const amount of ['90.00', '70.00']) {
      forge.hold(await forge.order([{ name, account, currency: 'USD', amount }]), entry);
      parts.push(forge.settle());
    }
    forge.anchor();
    await siege.feedAll();
    await siege.signs(parts[0]!, [1, 2]);
    await siege.signs(parts[0]!, [2, 3]);
    await siege.refused('per-payee', (party) => siege.request(parts[1]!, PARTNER[party]!));
  });

  inWorld('refuse approvals that are replayed, outlived, forged, or by whoever asks', async (forge) => {
    const intent = await ordered(forge, [], {}, { amount: '130.00' });
    await siege.feedAll();
    const { chainId, vault } = forge.chain;
    const approvalOf = (requestId: Hex, approver: string, expiresS: number, by: (digest: Uint8Array) => Hex) => {
      const facts = { digest: toHex(intentDigest(intent)), requestId, chainId, contracts: [{ role: 'vault', address: vault }] } as unknown as Facts;
      return { approver, expiresS, signature: by(approvalDigest(facts, approver, expiresS)) };
    };
    const ann = (digest: Uint8Array): Hex => signAs('ann', digest);
    const soonS = Math.floor(forge.nowMs / 1000) + 300;
    const good = toHex(randomBytes(32));
    const approval = approvalOf(good, 'ann', soonS, ann);
    const fresh = (): Hex => toHex(randomBytes(32));
    await siege.refused('approvals', (party) => siege.request(intent, PARTNER[party]!, fresh(), [approval]));
    await siege.refused('approvals', (party) => { const id = fresh(); return siege.request(intent, PARTNER[party]!, id, [approvalOf(id, 'ann', soonS - 900, ann)]); }); // prettier-ignore
    await siege.refused('approvals', (party) => { const id = fresh(); return siege.request(intent, PARTNER[party]!, id, [approvalOf(id, 'ann', soonS, (digest) => signAs('eve', digest))]); }); // prettier-ignore
    const own = (digest: Uint8Array): Hex => toHex(new Uint8Array(sign(null, digest, siege.trio.coordinator.privateKey)));
    await siege.refused('approvals', (party) => { const id = fresh(); return siege.request(intent, PARTNER[party]!, id, [approvalOf(id, 'platform', soonS, own)]); }); // prettier-ignore
    await siege.signs(intent, [1, 2], [approval], good);
  });

  inWorld('refuse by a clock that was moved, and shorten no delay of the policy by it', async (forge) => {
    const intent = await paid(forge);
    await siege.feedAll();
    const proposal = await proposalTo(1);
    for (const skewMs of [-3 * 3_600_000, 3 * 3_600_000]) {
      siege.skewMs = skewMs;
      await siege.refused('clock', (party) => siege.request(intent, PARTNER[party]!));
      const before = (await siege.audit(1)).length;
      await assert.rejects(siege.operate(1, 'policy/change', proposal), (error: unknown) => error instanceof Problem && error.facts['rule'] === 'clock');
      await siege.logged(1, 'policy/refused', before);
    }
    siege.skewMs = 0;
    await siege.operate(1, 'policy/change', proposal);
    // Half an hour ahead, as far as the policy lets it be: the delay of ten minutes would be over by it, and by the chain is not.
    siege.skewMs = 1_800_000;
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal((await siege.status(1)).policy.version, 1);
    forge.chain.mine(Math.floor(forge.nowMs / 1000) + 1_200);
    forge.chain.finalise(DEPTH);
    while ((await siege.status(1)).policy.version === 1) await new Promise((resolve) => setTimeout(resolve, 50));
  });

  inWorld('take no policy from whoever has the coordinator or an operator’s channel, but not the operators’ keys', async () => {
    for (const party of [2, 3]) {
      const before = (await siege.audit(party)).length;
      await assert.rejects(siege.link(party, 'coordinator').call('policy/change', utf8('{}'), { timeoutMs: 20_000, resendForMs: 0 }), (error: unknown) => error instanceof Problem && error.code === 'wire/not-allowed'); // prettier-ignore
      await siege.logged(party, 'wire/not-allowed', before);
      await assert.rejects(siege.operate(party, 'policy/change', await proposalTo(party, 'eve')), (error: unknown) => error instanceof Problem && error.code === 'policy/bad-signature'); // prettier-ignore
      await siege.logged(party, 'policy/bad-signature', before);
      assert.equal((await siege.status(party)).policy.version, 1);
    }
  });

  /** A tightening, proposed by the operator's name and signed by whoever. */
  async function proposalTo(party: number, signer = 'op1'): Promise<Record<string, unknown>> {
    const { file } = (await siege.operate(party, 'policy/show', {})) as unknown as { file: Policy };
    const policy = parsePolicy({ ...file, version: file.version + 1, changes: { ...file.changes, tighteningDelayS: 601 } });
    const nonce = toHex(randomBytes(16));
    return { change: 'proposed', policy, nonce, operator: 'op1', signature: signAs(signer, changeMessage('approve', proposalId(file, policy, nonce))) };
  }

  it('released nothing but what these tests had them sign', async () => {
    assert.ok((await siege.demandNothingElseReleased()) > 10);
  });
});
