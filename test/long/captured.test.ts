import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromHex, Problem, toHex, type Hex, type OrderId } from '#base';
import { createFeed } from '#feed';
import { chartAccount } from '#ledger/core';
import { signerNodes } from '#main';
import { identityOf, openLink, WIRE_LIMITS, type Fingerprint, type Link } from '#mpc/node/wire';
import { nodeCommand } from '#mpc/node/command';
import { requestToJson } from '#custody/requests';
import type { AuthorisationIntent, Intent } from '#custody/intents';
import { loadExample } from '../../scripts/example/example.ts';
import { merchantKeys } from '../../scripts/example/merchant.ts';
import { DOLLAR, testPlatform, type TestPlatform } from '../support/platform.ts';

const PARTIES = [1, 2, 3];
const PATIENCE = { timeoutMs: 20_000, resendForMs: 0 };
const EXAMPLE = loadExample();
const RATES = EXAMPLE.rates as { readonly rates: Readonly<Record<string, string>> };

/** The product's own platform in front of three signer nodes as `npm start` makes them: three processes, three ceremonies. Then the platform is in the hands of somebody else. */
describe('a captured platform in front of the rehearsal’s signer nodes', function () {
  this.timeout(600_000);
  let test: TestPlatform;
  let euro = RATES.rates['EUR']!;
  const asked: Intent[] = [];
  before(async () => {
    const signers = signerNodes({ merchants: merchantKeys(EXAMPLE.merchants), rates: EXAMPLE.rates as never, force: false });
    test = await testPlatform({ signers, rates: () => ({ ...(EXAMPLE.rates as object), rates: { ...RATES.rates, EUR: euro } }) });
    const { custody } = test.platform;
    const request = custody.requestSignature.bind(custody);
    custody.requestSignature = (role, intent) => (asked.push(intent), request(role, intent));
    await test.fund(1_000_000n);
  });
  after(() => test.close());

  /** The signers take their time, of which a chain that mines when told knows nothing. */
  async function patiently(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (await isSo()) return;
      await test.step();
      await sleep(100);
    }
    assert.fail(`it never came about that ${what}`);
  }
  const isAll = async (order: OrderId, state: string) => (await test.payments(order)).every((payment) => payment.state === state);
  const ordered = async (): Promise<OrderId> => {
    const { submitted } = await test.order(['100.00'], 'EUR');
    await patiently('it is held', () => isAll(submitted.order.order, 'held'));
    assert.ok(await test.platform.closeWindow());
    return submitted.order.order;
  };
  const signersFile = (...path: string[]) => join(test.stateDir, 'signers', ...path);
  const logOf = (party: number) => readFileSync(signersFile(`node-${party}.log`), 'utf8');
  const refusals = () => test.events.flatMap((event) => (event.kind === 'payout' && event.progress.step === 'refused' ? [event.progress.detail] : []));
  const newestOf = <Kind extends Intent['kind']>(kind: Kind) => asked.findLast((intent): intent is Extract<Intent, { kind: Kind }> => intent.kind === kind)!;

  /** The whole book as far as it is sealed: a node that signed lately has it, another may lag. */
  async function bring(link: Link): Promise<void> {
    const { database, book, client } = test.platform;
    const feed = createFeed({ database, source: book, chainId: client.chainId });
    for (let before = -1n; ;) {
      const { nextSeq } = JSON.parse(Buffer.from(await link.call('book/next', new Uint8Array(), PATIENCE)).toString()) as { nextSeq: string };
      if (BigInt(nextSeq) === before) return;
      before = BigInt(nextSeq);
      await link.call('book/absorb', await feed.page(before), PATIENCE);
    }
  }

  /** What each node answers by itself when the coordinator asks it; a peer is named, who is not asked. */
  async function answers(intent: Intent): Promise<unknown[]> {
    const { nodes } = JSON.parse(readFileSync(signersFile('signers.json'), 'utf8')) as {
      nodes: readonly { readonly id: number; readonly host: string; readonly port: number; readonly fingerprint: Fingerprint }[];
    };
    const identity = identityOf(fromHex(readFileSync(signersFile('coordinator.key'), 'utf8').trim() as Hex));
    const found: unknown[] = [];
    for (const { id, host, port, fingerprint } of nodes) {
      const link = openLink({ identity, part: 'coordinator', host, port, fingerprint, limits: WIRE_LIMITS });
      await bring(link);
      const signers = id === 1 ? [1, 2] : [1, id];
      const request = requestToJson({ requestId: toHex(new Uint8Array(randomBytes(32))), intent, signers, path: [], evidence: undefined });
      await link.call('sign/ask', request, PATIENCE).then(
        () => found.push('signed'),
        (error: unknown) => found.push(error instanceof Problem ? (error.facts['rule'] ?? error.code) : error),
      );
      link.close();
    }
    return found;
  }

  it('settles at rates that its nodes believe', async () => {
    const order = await ordered();
    await patiently('it is settled', () => isAll(order, 'settled'));
    assert.deepEqual(refusals(), []);
    for (const party of PARTIES)
      assert.match(readFileSync(signersFile(`operators-${party}`, 'rates.json'), 'utf8'), /"currency": "EUR",\s+"low": "1\.03094",\s+"high": "1\.13946"/);
  });

  it('is refused an absurd rate by each node alone, and nothing is paid', async () => {
    euro = '10.852';
    const paid = await test.balanceOf(test.platform.deployment.vault);
    const order = await ordered();
    await patiently('the signers refuse', () => refusals().some((detail) => detail.startsWith('rate-plausible')));
    assert.deepEqual(await answers(newestOf('instruction')), ['rate-plausible', 'rate-plausible', 'rate-plausible']);
    for (const party of PARTIES) assert.match(logOf(party), /Refused: .*priced at 10\.852 for EUR, outside 1\.03094 to 1\.13946/);
    assert.equal(await test.balanceOf(test.platform.deployment.vault), paid);
    assert.ok(!(await isAll(order, 'settled')));

    // One operator follows the rates with a file that is none: his node keeps what it had, and says so.
    writeFileSync(signersFile('operators-1', 'rates.json'), '{"format":"cairn-rate-bands/1","pivot":"USD"');
    await patiently('node 1 raises an alarm', () => /rates\.json cannot be used: .*what was read before goes on/.test(logOf(1)));
    assert.deepEqual(await answers(newestOf('instruction')), ['rate-plausible', 'rate-plausible', 'rate-plausible']);

    // Had the rates really moved, the operators of two nodes would say so, each at the own node, and nobody would start anything anew.
    const pids = test.platform.processes.signers();
    const moved = signersFile('moved.json');
    writeFileSync(moved, JSON.stringify({ pivot: 'USD', rates: { EUR: '10.8' } }));
    for (const party of [1, 2]) assert.equal(await nodeCommand(['rates', moved, '--within', '500', '--folder', signersFile(`node-${party}`)]), 0);
    await patiently('it is settled', () => isAll(order, 'settled'));
    assert.deepEqual(test.platform.processes.signers(), pids);
    await test.reconcile();
  });

  it('has fetched what somebody sent to the address of a key: into suspense, and nowhere else however it asks', async () => {
    const holder = await test.platform.custody.address('vault');
    const { bookId, book } = test.platform;
    const suspense = async () => (await book.account(chartAccount(bookId, 'suspense', DOLLAR)))?.creditsPosted ?? 0n;
    await test.outside(() => test.world.mint(test.token, holder, 42_000_000n));
    await patiently('it is booked as nobody’s', async () => (await suspense()) === 42_000_000n);
    assert.equal(await test.balanceOf(holder), 0n);
    await test.reconcile();

    const intent: AuthorisationIntent = newestOf('authorisation');
    await test.outside(() => test.world.mint(test.token, holder, 500_000n));
    await test.chain.mine(8);
    const next = { ...intent, index: 1, value: 500_000n };
    const stranger: Hex = `0x${'99'.repeat(20)}`;
    const tries: readonly (readonly [rule: string, change: Partial<AuthorisationIntent>])[] = [
      ['contract', { vault: stranger }],
      ['token-listed', { token: stranger }],
      ['token-domain', { name: 'CairnSettlementVault' }],
      ['holder-own', { from: stranger }],
      ['holder-own', { holder: 'owner' }],
      ['validity', { validBeforeS: intent.validBeforeS + 7 * 86_400 }],
      ['authorisation-next', { index: 0 }],
      ['authorisation-next', { index: 2 }],
      ['value-held', { value: 500_001n }],
    ];
    for (const [rule, change] of tries) {
      const found = await answers({ ...next, ...change });
      assert.deepEqual(found, [rule, rule, rule], Object.keys(change).join());
    }
    assert.equal(await test.balanceOf(holder), 500_000n);
  });
});
