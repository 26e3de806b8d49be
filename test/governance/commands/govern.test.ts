import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { TEST_STABLECOIN_ABI } from '#chain';
import { SETTLEMENT_VAULT_ABI } from '#chain/abi';
import type { Hex } from '#base';
import { addressOfKey, call, DELAY_S, governedChain, refusal, type GovernedChain } from '../support.ts';
import { deployToken } from '../../chain/anvil.ts';

const NEW: Hex = `0x${'c1'.repeat(20)}`;

describe('a change of the contracts, governed', function () {
  this.timeout(60_000);
  let at: GovernedChain;
  let undo: () => Promise<void>;

  before(async () => (at = await governedChain()));
  after(() => at.close());
  beforeEach(async () => (undo = await at.snapshot()));
  afterEach(() => undo());

  /** Waits out the delay and has the timelock do it. */
  async function finish(file: string): Promise<string> {
    await at.pass(DELAY_S);
    return at.govern('execute', [file], { key: at.keyFile('stranger') });
  }

  it('rotates the vault’s signer: proposed, signed by the group and an operator, waited for, done by a stranger', async () => {
    const out = at.file('rotation');
    const proposed = await at.govern('propose', ['vault.setSigner', `newSigner=${NEW}`], { out, note: 'the yearly rotation' });
    assert.match(proposed, /done 2 d 0 h later unless it is cancelled/);
    assert.match(proposed, /vault\.setSigner\(address newSigner\)\n\s+newSigner {2}0xc1c1/);

    const asked = await at.govern('sign', [out], { as: 'owner' }, 'yes');
    assert.match(asked, /vault\.setSigner[\s\S]*the yearly rotation[\s\S]*Signed by 0x[0-9a-f]{40} \(the owner\)\. 1 more needed/);
    await assert.rejects(at.govern('execute', [out], { key: at.keyFile('stranger') }), refusal('governance/not-enough-signatures'));
    assert.match(
      await at.govern('sign', [out], { key: at.keyFile('operator2'), yes: true }),
      /Signed by (?=.*\(the owner\))(?=.*\(operator 2\)).*That is enough/,
    );
    assert.match(await at.govern('status', [out]), /Nothing waits[\s\S]*vault\.setSigner[\s\S]*That is enough/);
    assert.match(await at.govern('execute', [out], { key: at.keyFile('stranger') }), /Sent through the Safe in block \d+[\s\S]*waits in the timelock for \d/);

    const status = await at.govern('status', [out]);
    assert.match(status, /Waiting in the timelock: 1\n\n {2}0x[0-9a-f]{64}: [0-9 a-z]+ left/);
    assert.match(status, /signed by (?=.*\(the owner\))(?=.*\(operator 2\))/);
    assert.match(status, /cancelled by any of (?=.*\(the owner\))(?=.*\(the guardian\))/);
    assert.match(status, /whose next one is 1: nobody signs it any more\.\nIt waits in the timelock as operation 0x/);
    await at.pass(DELAY_S - 60);
    await assert.rejects(at.govern('execute', [out], { key: at.keyFile('stranger') }), refusal('governance/not-due'));
    assert.notEqual((await at.governance()).vault.signer, NEW);
    await at.pass(60);
    assert.match(await at.govern('execute', [out], { key: at.keyFile('stranger') }), /Done by the timelock/);
    assert.equal((await at.governance()).vault.signer, NEW);
    await assert.rejects(at.govern('execute', [out], { key: at.keyFile('stranger') }), refusal('governance/no-such-operation'));
    assert.match(await at.govern('status', [out]), /Nothing waits in the timelock[\s\S]*It was done, as operation 0x[0-9a-f]{64}\.$/);
  });

  it('says of a proposal that was cancelled, or whose number another took, that it was never done', async () => {
    const overtaken = at.file('overtaken');
    await at.govern('propose', ['vault.setSigner', `newSigner=${NEW}`], { out: overtaken });
    const file = await at.schedule(['anchor.setPoster', `newPoster=${NEW}`], ['operator1', 'operator2']);
    await at.govern('cancel', [file], { key: at.keyFile('guardian'), yes: true });
    const status = await at.govern('status', [file, overtaken]);
    assert.match(status, /CANCELLED so far: 1, the last one (0x[0-9a-f]{64})\.[\s\S]*It was CANCELLED, as operation \1, and never done/);
    assert.match(status, /It was NEVER PROPOSED to the timelock: another transaction of the Safe took its number\.$/);
  });

  it('says which signer nodes do not watch, also while nothing waits', async () => {
    // Those of the test sign and know nothing of a watch.
    const status = await at.govern('status', []);
    assert.match(
      status,
      /Nothing waits[\s\S]*Signer node 1 DOES NOT ANSWER[\s\S]*Signer node 2 DOES NOT ANSWER[\s\S]*0 of 2 signer nodes watch the timelock\.$/,
    );
  });

  it('lists a token, and changes caps and the delay in one act', async () => {
    const issuer = addressOfKey(at.keys.stranger);
    await at.chain.request('evm_setAutomine', false);
    const token = await deployToken(at.chain, issuer);
    await at.chain.request('evm_setAutomine', true);
    assert.equal(await at.attempt(issuer, token, call(TEST_STABLECOIN_ABI, 'mint', [issuer, 10_000n])), null);
    assert.equal(await at.attempt(issuer, token, call(TEST_STABLECOIN_ABI, 'approve', [at.deployment.vault, 10_000n])), null);
    const words = ['vault.list', `token=${token}`, 'perTransaction=1000', 'perDay=2000', `prober=${issuer}`, 'probe=10000'];
    await finish(
      await at.schedule(
        [...words, 'vault.setCaps', 'token=tUSD', 'perTransaction=5', 'perDay=6', 'timelock.updateDelay', 'newDelay=86400'],
        ['operator1', 'owner'],
      ),
    );
    const caps = (address: Hex) =>
      at.client.read('caps', (viem) => viem.readContract({ abi: SETTLEMENT_VAULT_ABI, address: at.deployment.vault, functionName: 'caps', args: [address] }));
    assert.deepEqual(await caps(token), [true, 1000n, 2000n]);
    assert.deepEqual(await caps(at.deployment.tokens[0]!.address), [true, 5n, 6n]);
    assert.equal((await at.governance()).timelockDelayS, 86_400n);
  });

  it('says at once what the contract would refuse if it were done now', async () => {
    assert.match(await at.govern('propose', ['vault.unpause'], { out: at.file('p') }), /would refuse it: IsNotPaused\(\)/);
  });

  it('pauses by the guardian at once, and unpauses through the timelock only', async () => {
    const key = at.keyFile('guardian');
    await assert.rejects(at.govern('pause', ['vault'], { key: at.keyFile('operator1'), yes: true }), refusal('governance/no-part'));
    await assert.rejects(at.govern('pause', ['safe'], { key, yes: true }), refusal('cli/bad-arguments'));
    await assert.rejects(at.govern('pause', ['vault'], {}), refusal('cli/bad-arguments'));
    await assert.rejects(at.govern('pause', ['vault'], { key }, 'no'), refusal('cli/stopped'));
    assert.match(await at.govern('pause', ['vault'], { key }, 'yes'), /pays nobody[\s\S]*Paused in block/);
    assert.match(await at.govern('pause', ['anchor'], { key, yes: true }), /takes no leaf[\s\S]*Paused in block/);
    await assert.rejects(at.govern('pause', ['vault'], { key, yes: true }), /IsPaused/);
    assert.match(await at.govern('status', []), /Anchor 0x[0-9a-f]{40}, PAUSED[\s\S]*Vault 0x[0-9a-f]{40}, PAUSED/);
    await finish(await at.schedule(['vault.unpause'], ['operator1', 'operator2']));
    assert.equal((await at.governance()).vault.paused, false);
  });

  it('goes on without the group where it is lost: both operators rotate its key out, after the delay', async () => {
    const { owner } = at.governed;
    await finish(
      await at.schedule(
        ['timelock.revokeRole', 'role=CANCELLER_ROLE', 'account=owner', 'timelock.grantRole', 'role=CANCELLER_ROLE', `account=${NEW}`],
        ['operator1', 'operator2'],
      ),
    );
    assert.deepEqual((await at.governance()).roles.CANCELLER_ROLE, [addressOfKey(at.keys.guardian), NEW].sort());
    const { owners } = (await at.governance()).safe;
    assert.ok(owners.includes(owner));
  });

  it('replaces all three keys of the group by both operators, as docs/custody.md has it', async () => {
    const { owner } = at.governed;
    const guardian = { key: at.keyFile('guardian'), yes: true };
    for (const contract of ['vault', 'anchor']) await at.govern('pause', [contract], guardian);
    const [poster, vault, next] = (['d1', 'd2', 'd3'] as const).map((byte): Hex => `0x${byte.repeat(20)}`);
    const change = `anchor.setPoster newPoster=${poster} vault.setSigner newSigner=${vault} anchor.unpause vault.unpause`;
    const rights = `timelock.grantRole role=CANCELLER_ROLE account=${next} timelock.revokeRole role=CANCELLER_ROLE account=owner`;
    await finish(await at.schedule(`${change} ${rights}`.split(' '), ['operator1', 'operator2']));
    const swap = at.file('swap');
    await at.govern('propose', ['safe.swapOwner', 'prevOwner=0x0000000000000000000000000000000000000001', 'oldOwner=owner', `newOwner=${next}`], { out: swap });
    for (const who of ['operator1', 'operator2'] as const) await at.govern('sign', [swap], { key: at.keyFile(who), yes: true });
    await at.govern('execute', [swap], { key: at.keyFile('stranger') });
    const now = await at.governance();
    assert.deepEqual([now.anchor.poster, now.vault.signer], [poster, vault]);
    assert.deepEqual([now.anchor.paused, now.vault.paused], [false, false]);
    assert.ok(now.roles.CANCELLER_ROLE.includes(next!) && !now.roles.CANCELLER_ROLE.includes(owner));
    assert.ok(now.safe.owners.includes(next!) && !now.safe.owners.includes(owner));
  });

  it('replaces an operator in the Safe at once, and counts a former owner’s signature for nothing', async () => {
    const [, second] = at.governed.operators;
    const owners = await at.client.read('owners', (viem) =>
      viem.request({ method: 'eth_call', params: [{ to: at.deployment.safe, data: '0xa0e67e2b' }, 'latest'] }),
    );
    const order = owners
      .slice(2 + 128)
      .match(/.{64}/g)!
      .map((word): Hex => `0x${word.slice(24)}`);
    const before = order[order.indexOf(second!) - 1] ?? `0x${'1'.padStart(40, '0')}`;
    const swap = at.file('swap');
    assert.match(
      await at.govern('propose', ['safe.swapOwner', `prevOwner=${before}`, 'oldOwner=operator-2', `newOwner=${NEW}`], { out: swap }),
      /at once and without a delay/,
    );
    const early = at.file('early');
    await at.govern('propose', ['vault.pause'], { out: early });
    await at.govern('sign', [early], { key: at.keyFile('operator2'), yes: true });
    for (const who of [{ as: 'owner' }, { key: at.keyFile('operator1') }]) await at.govern('sign', [swap], { ...who, yes: true });
    assert.match(await at.govern('execute', [swap], { key: at.keyFile('stranger') }), /Sent through the Safe/);
    assert.ok((await at.governance()).safe.owners.includes(NEW));
    assert.match(await at.govern('status', []), /NOT THE OWNERS IT BEGAN WITH/);
    const again = at.file('again');
    await at.govern('propose', ['vault.pause'], { out: again });
    await assert.rejects(at.govern('sign', [again], { key: at.keyFile('operator2'), yes: true }), refusal('governance/no-part'));
    await assert.rejects(at.govern('execute', [early], { key: at.keyFile('stranger') }), refusal('governance/other-nonce'));
  });

  it('is cancelled by the owner’s custody or by the guardian, by id or by file, and can be proposed again', async () => {
    for (const who of [{ as: 'owner' }, { key: at.keyFile('guardian') }]) {
      const file = await at.schedule(['anchor.setPoster', `newPoster=${NEW}`], ['operator1', 'operator2']);
      assert.match(await at.govern('cancel', [file], who, 'yes'), /anchor\.setPoster[\s\S]*Cancelled in block/);
      await at.pass(DELAY_S);
      await assert.rejects(at.govern('execute', [file], { key: at.keyFile('stranger') }), refusal('governance/other-nonce'));
      await assert.rejects(at.govern('cancel', [file], { ...who, yes: true }), refusal('governance/no-such-operation'));
    }
    await at.schedule(['vault.pause'], ['operator1', 'owner']);
    const [id] = (await at.governance()).openActs;
    await at.govern('cancel', [id!], { as: 'owner', yes: true });
    assert.deepEqual((await at.governance()).openActs, []);
    assert.notEqual((await at.governance()).anchor.poster, NEW);
  });

  it('tells programs everything too', async () => {
    await at.schedule(['vault.pause'], ['operator1', 'owner']);
    const facts = JSON.parse(await at.govern('status', [], { json: true })) as {
      pending: { operation: { id: Hex }; signers: Hex[]; state: { kind: string } }[];
      governance: { safe: { nonce: string } };
    };
    assert.deepEqual(
      facts.pending.map(({ signers, state }) => [signers, state.kind]),
      [[[at.governed.owner, at.governed.operators[0]!].sort(), 'waiting']],
    );
    assert.equal(facts.governance.safe.nonce, '1');
  });

  it('is signed by nobody who was not asked, or said no', async () => {
    const out = at.file('unsigned');
    await at.govern('propose', ['vault.pause'], { out });
    const unsigned = readFileSync(out, 'utf8');
    await assert.rejects(at.govern('sign', [out], { key: at.keyFile('operator1') }, null), refusal('cli/bad-arguments'));
    await assert.rejects(at.govern('sign', [out], { key: at.keyFile('operator1') }, 'y'), refusal('cli/stopped'));
    assert.equal(readFileSync(out, 'utf8'), unsigned);
  });

  it('is refused where it was asked for wrongly, in one sentence, and nothing is written', async () => {
    const out = at.file('wrong');
    const wrong: readonly (readonly [words: readonly string[], values?: Readonly<Record<string, string>>])[] = [
      [[]],
      [['newSigner=0x00']],
      [['vault.pay']],
      [['vault.setSigner']],
      [['vault.setSigner', 'newSigner=0xabc']],
      [['vault.setSigner', `newSigner=${NEW}`, `newSigner=${NEW}`]],
      [['vault.setSigner', `signer=${NEW}`]],
      [['vault.setSigner', 'newSigner=0xC1c1C1c1C1c1C1c1C1c1C1c1C1c1C1c1C1c1C1c1']],
      [['vault.setCaps', 'token=tXXX', 'perTransaction=1', 'perDay=1']],
      [['vault.setCaps', 'token=tUSD', 'perTransaction=1.5', 'perDay=1']],
      [['vault.setCaps', 'token=tUSD', `perTransaction=${2n ** 96n}`, 'perDay=1']],
      [['timelock.grantRole', 'role=GOD', 'account=owner']],
      [['timelock.schedule']],
      [['safe.enableModule', `module=${NEW}`]],
      [['safe.changeThreshold', 'threshold=1', 'vault.pause']],
      [['vault.pause'], { delay: '5' }],
      [['vault.pause'], { delay: 'soon' }],
      [['safe.changeThreshold', 'threshold=1'], { delay: '172800' }],
      [['vault.pause'], { note: 'a\u001b[2Kb' }],
    ];
    for (const [words, values] of wrong) await assert.rejects(at.govern('propose', words, { out, ...values }), refusal('cli/bad-arguments'), words.join(' '));
    await assert.rejects(at.govern('propose', ['vault.pause']), refusal('cli/bad-arguments'));
    await assert.rejects(at.govern('propose', ['vault.pause'], { out: `${at.stateDir}/nothing/x.json` }), refusal('cli/bad-file'));
    assert.equal(existsSync(out), false);
    await at.govern('propose', ['vault.pause'], { out });
    const first = readFileSync(out, 'utf8');
    await assert.rejects(at.govern('propose', ['vault.unpause'], { out }), refusal('cli/bad-arguments'));
    assert.equal(readFileSync(out, 'utf8'), first, 'nothing is overwritten');
    for (const who of [{}, { as: 'guardian' }, { as: 'owner', key: at.keyFile('operator1') }] as Record<string, string>[]) {
      await assert.rejects(at.govern('sign', [out], who), refusal('cli/bad-arguments'));
      await assert.rejects(at.govern('cancel', [out], who), refusal('cli/bad-arguments'));
    }
    await assert.rejects(at.govern('execute', [out]), refusal('cli/bad-arguments'));
    await assert.rejects(at.govern('sign', [at.file('none')], { as: 'owner' }), refusal('cli/bad-file'));
    await assert.rejects(at.govern('status', [], { state: `${at.stateDir}/nothing` }), refusal('cli/bad-state'));
    await assert.rejects(at.govern('status', [], { deployment: at.file('none') }), refusal('cli/bad-file'));
    await assert.rejects(at.govern('status', [], { deployment: out }), refusal('cli/bad-file'));
    await assert.rejects(at.govern('status', [], { rpc: 'ftp://x' }), refusal('cli/bad-arguments'));
  });
});
