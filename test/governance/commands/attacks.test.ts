import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak256, stringToBytes, type Abi, type AbiFunction } from 'viem';
import { governanceLogs } from '#chain';
import { SAFE_ABI, SETTLEMENT_VAULT_ABI, TIMELOCK_ABI } from '#chain/abi';
import { fromHex, type Hex } from '#base';
import { fromRecovered, intentDigest, type GovernanceIntent } from '#custody/intents';
import { CONTRACTS, GOVERNABLE, GOVERNANCE_TOPICS, objections, timelockOperations, type ContractName } from '#governance/core';
import { addressOfKey, call, DELAY_S, DEPLOYER, governedChain, refusal, tamper, type GovernedChain } from '../support.ts';

const NEW: Hex = `0x${'c1'.repeat(20)}`;
const ZERO: Hex = `0x${'00'.repeat(20)}`;
const ZERO_32: Hex = `0x${'00'.repeat(32)}`;

describe('whoever attacks governance', function () {
  this.timeout(60_000);
  let at: GovernedChain;
  let undo: () => Promise<void>;
  let stranger: Hex;
  let guardian: Hex;

  before(async () => {
    at = await governedChain();
    [stranger, guardian] = [addressOfKey(at.keys.stranger), addressOfKey(at.keys.guardian)];
  });
  after(() => at.close());
  beforeEach(async () => (undo = await at.snapshot()));
  afterEach(() => undo());

  const scheduleOf = (data: Hex, delay = BigInt(DELAY_S)): Hex => call(TIMELOCK_ABI, 'schedule', [at.deployment.vault, 0n, data, ZERO_32, ZERO_32, delay]);
  const signerRotation = (): Hex => call(SETTLEMENT_VAULT_ABI, 'setSigner', [NEW]);
  const intent = (over: Partial<GovernanceIntent> = {}): GovernanceIntent => ({
    kind: 'governance',
    chainId: at.client.chainId,
    safe: at.deployment.safe,
    to: at.deployment.timelock,
    value: 0n,
    data: scheduleOf(signerRotation()),
    nonce: 0n,
    ...over,
  });
  const sign = (key: Hex, over: Partial<GovernanceIntent> = {}): Hex =>
    fromRecovered(secp256k1.sign(intentDigest(intent(over)), fromHex(key), { prehash: false, format: 'recovered' }));
  /** Signatures in the order of their signers, as Safe takes them. */
  const joined = (...signed: readonly (readonly [key: Hex, signature: Hex])[]): Hex =>
    `0x${[...signed]
      .sort(([a], [b]) => (addressOfKey(a) < addressOfKey(b) ? -1 : 1))
      .map(([, signature]) => signature.slice(2))
      .join('')}`;
  const exec = (signatures: Hex, { to, value, data }: GovernanceIntent = intent(), operation = 0, gasPrice = 0n): Hex =>
    call(SAFE_ABI, 'execTransaction', [to, value, data, operation, 0n, 0n, gasPrice, ZERO, ZERO, signatures]);
  const operations = async () =>
    timelockOperations(at.governed, await governanceLogs(at.client, at.deployment, GOVERNANCE_TOPICS, (await at.client.head()).number));

  it('with both operators’ keys can only propose, also what was agreed to before: the nodes object, and the owner key or the guardian ends it', async () => {
    const { operator1, operator2 } = at.keys;
    const agreed = await at.schedule(['vault.pause'], ['owner', 'operator1']);
    const { transaction } = JSON.parse(readFileSync(agreed, 'utf8')) as { transaction: { data: Hex } };
    const signed = [intent({ data: transaction.data })];
    assert.deepEqual(objections(at.governed, await operations(), signed), [], 'what a node signed it lets pass');
    assert.deepEqual(
      objections(at.governed, await operations(), []).map(({ reason }) => reason),
      ['not-agreed'],
    );
    for (const who of [{ as: 'owner' }, { key: at.keyFile('guardian') }]) {
      const stolen = await at.schedule(['vault.setSigner', `newSigner=${NEW}`], ['operator1', 'operator2']);
      const objected = objections(at.governed, await operations(), signed);
      assert.equal(objected.length, 1);
      assert.equal(objected[0]!.reason, 'not-agreed');
      await at.govern('cancel', [objected[0]!.operation], { ...who, yes: true });
      assert.deepEqual(objections(at.governed, await operations(), signed), []);
      await at.pass(DELAY_S);
      await assert.rejects(at.govern('execute', [stolen], { key: at.keyFile('stranger') }), refusal('governance/other-nonce'));
    }
    // The same calls under the same id as the node once signed, cancelled meanwhile, proposed again without it.
    await at.govern('cancel', [agreed], { key: at.keyFile('guardian'), yes: true });
    const nonce = (await at.governance()).safe.nonce;
    const again = intent({ data: transaction.data, nonce });
    const signatures = joined([operator1, sign(operator1, again)], [operator2, sign(operator2, again)]);
    assert.equal(await at.attempt(stranger, at.deployment.safe, exec(signatures, again)), null);
    assert.deepEqual(
      objections(at.governed, await operations(), signed).map(({ reason }) => reason),
      ['not-agreed'],
    );
    assert.notEqual((await at.governance()).vault.signer, NEW);
  });

  it('with both operators’ keys can put the owner out of the Safe, and is cancelled by it all the same', async () => {
    const owners = await at.client.read('owners', (viem) => viem.readContract({ abi: SAFE_ABI, address: at.deployment.safe, functionName: 'getOwners' }));
    const order = owners.map((owner) => owner.toLowerCase() as Hex);
    const before = order[order.indexOf(at.governed.owner) - 1] ?? `0x${'1'.padStart(40, '0')}`;
    const out = at.file('coup');
    await at.govern('propose', ['safe.removeOwner', `prevOwner=${before}`, 'owner=owner', 'threshold=2'], { out });
    for (const who of ['operator1', 'operator2'] as const) await at.govern('sign', [out], { key: at.keyFile(who), yes: true });
    await at.govern('execute', [out], { key: at.keyFile('stranger') });
    assert.match(await at.govern('status', []), /NOT THE OWNERS IT BEGAN WITH/);
    const stolen = await at.schedule(['timelock.revokeRole', 'role=CANCELLER_ROLE', 'account=owner'], ['operator1', 'operator2']);
    await at.govern('cancel', [stolen], { as: 'owner', yes: true });
    assert.ok((await at.governance()).roles.CANCELLER_ROLE.includes(at.governed.owner));
  });

  it('alone, as one operator, can do nothing: not with one signature, not with his twice, not as executor', async () => {
    const { operator1 } = at.keys;
    const mine = sign(operator1);
    const { safe } = at.deployment;
    assert.equal(await at.attempt(addressOfKey(operator1), safe, exec(mine)), 'GS020');
    assert.equal(await at.attempt(stranger, safe, exec(`0x${mine.slice(2).repeat(2)}`)), 'GS026');
    // Safe counts whoever sends it as having signed: v = 1 with his address as r. Beside his own signature that is still one owner.
    const approved: Hex = `0x${addressOfKey(operator1).slice(2).padStart(64, '0')}${'00'.repeat(32)}01`;
    assert.equal(await at.attempt(addressOfKey(operator1), safe, exec(`0x${approved.slice(2)}${mine.slice(2)}`)), 'GS026');
    for (const data of [scheduleOf(signerRotation()), call(TIMELOCK_ABI, 'cancel', [ZERO_32]), call(TIMELOCK_ABI, 'grantRole', [ZERO_32, NEW])])
      assert.equal(await at.attempt(addressOfKey(operator1), at.deployment.timelock, data), 'AccessControlUnauthorizedAccount');
    assert.equal((await at.governance()).safe.nonce, 0n);
  });

  it('changes a byte of what was signed, and no signature holds any more: not in the file, not on the chain', async () => {
    const out = at.file('signed');
    await at.govern('propose', ['vault.setSigner', `newSigner=${NEW}`], { out });
    for (const who of ['operator1', 'operator2'] as const) await at.govern('sign', [out], { key: at.keyFile(who), yes: true });
    const original = readFileSync(out, 'utf8');
    tamper(out, ({ transaction }) => (transaction['data'] = String(transaction['data']).replace('c1c1c1', 'c1c1c2')));
    for (const command of ['sign', 'execute', 'status'] as const)
      await assert.rejects(at.govern(command, [out], { key: at.keyFile('operator1'), yes: true }), refusal('governance/bad-signature'));
    const { operator1, operator2 } = at.keys;
    const signatures = joined([operator1, sign(operator1)], [operator2, sign(operator2)]);
    const { safe } = at.deployment;
    for (const changed of [{ data: scheduleOf(call(SETTLEMENT_VAULT_ABI, 'setSigner', [stranger])) }, { value: 1n }, { to: at.deployment.vault }])
      assert.equal(await at.attempt(stranger, safe, exec(signatures, intent(changed))), 'GS026');
    assert.equal(await at.attempt(stranger, safe, exec(signatures, intent(), 1)), 'GS026', 'as a delegatecall');
    assert.equal(await at.attempt(stranger, safe, exec(signatures, intent(), 0, 1n)), 'GS026', 'with a refund');
    assert.ok(original.includes('c1c1c1'));
  });

  it('replays a signature: at another number, another Safe, another chain, a second time', async () => {
    const { operator1, operator2 } = at.keys;
    const { safe } = at.deployment;
    for (const other of [{ nonce: 1n }, { safe: NEW }, { chainId: 1n }])
      assert.equal(await at.attempt(stranger, safe, exec(joined([operator1, sign(operator1, other)], [operator2, sign(operator2, other)]))), 'GS026');
    const signatures = joined([operator1, sign(operator1)], [operator2, sign(operator2)]);
    assert.equal(await at.attempt(stranger, safe, exec(signatures)), null);
    assert.equal(await at.attempt(guardian, at.deployment.timelock, call(TIMELOCK_ABI, 'cancel', [(await operations()).at(-1).id])), null);
    assert.equal(await at.attempt(stranger, safe, exec(signatures)), 'GS026', 'a second time');
  });

  it('executes before the delay is over, or what was never proposed', async () => {
    const file = await at.schedule(['vault.setSigner', `newSigner=${NEW}`], ['owner', 'operator2']);
    const [operation] = (await operations()).slice(-1);
    const execute = call(TIMELOCK_ABI, 'execute', [at.deployment.vault, 0n, signerRotation(), ZERO_32, operation!.salt]);
    await assert.rejects(at.govern('execute', [file], { key: at.keyFile('stranger') }), refusal('governance/not-due'));
    await at.pass(DELAY_S - 60);
    assert.equal(await at.attempt(stranger, at.deployment.timelock, execute), 'TimelockUnexpectedOperationState');
    const other = call(TIMELOCK_ABI, 'execute', [at.deployment.vault, 0n, call(SETTLEMENT_VAULT_ABI, 'setSigner', [stranger]), ZERO_32, operation!.salt]);
    await at.pass(60);
    assert.equal(await at.attempt(stranger, at.deployment.timelock, other), 'TimelockUnexpectedOperationState');
    assert.equal(await at.attempt(stranger, at.deployment.timelock, execute), null);
    assert.equal(await at.attempt(stranger, at.deployment.timelock, execute), 'TimelockUnexpectedOperationState', 'and once only');
  });

  it('proposes with less than the delay', async () => {
    const { operator1, operator2 } = at.keys;
    const hasty = { data: scheduleOf(signerRotation(), BigInt(DELAY_S) - 1n) };
    const signatures = joined([operator1, sign(operator1, hasty)], [operator2, sign(operator2, hasty)]);
    assert.equal(await at.attempt(stranger, at.deployment.safe, exec(signatures, intent(hasty))), 'TimelockInsufficientDelay');
  });

  it('as the guardian cannot unpause, propose, sign, or give itself anything', async () => {
    const { vault, anchor, timelock } = at.deployment;
    for (const contract of [vault, anchor]) {
      assert.equal(await at.attempt(guardian, contract, call(SETTLEMENT_VAULT_ABI, 'pause')), null);
      assert.equal(await at.attempt(guardian, contract, call(SETTLEMENT_VAULT_ABI, 'unpause')), 'OwnableUnauthorizedAccount');
      assert.equal(await at.attempt(guardian, contract, call(SETTLEMENT_VAULT_ABI, 'setGuardian', [NEW])), 'OwnableUnauthorizedAccount');
    }
    for (const data of [scheduleOf(signerRotation()), call(TIMELOCK_ABI, 'grantRole', [keccak256(stringToBytes('PROPOSER_ROLE')), guardian])])
      assert.equal(await at.attempt(guardian, timelock, data), 'AccessControlUnauthorizedAccount');
    const out = at.file('p');
    await at.govern('propose', ['vault.setSigner', `newSigner=${NEW}`], { out });
    await assert.rejects(at.govern('sign', [out], { key: at.keyFile('guardian'), yes: true }), refusal('governance/no-part'));
    await assert.rejects(at.govern('sign', [out], { key: at.keyFile('stranger'), yes: true }), refusal('governance/no-part'));
  });

  it('as the deployer, the guardian or anybody else can do nothing that governance does', async () => {
    for (const from of [addressOfKey(DEPLOYER), stranger, addressOfKey(at.keys.operator1), at.governed.owner])
      for (const [contract, names] of Object.entries(GOVERNABLE) as [ContractName, readonly string[]][])
        for (const name of names) {
          const refused = await at.attempt(from, at.governed[contract], anyCall(contract, name));
          assert.match(
            refused ?? 'done',
            /^(OwnableUnauthorizedAccount|NotOwnerNorGuardian|AccessControlUnauthorizedAccount|TimelockUnauthorizedCaller|GS031)$/,
            `${from}: ${contract}.${name}`,
          );
        }
  });

  it('is named in no list of ours: what governance may do is all that the contracts keep for their owner', async () => {
    for (const contract of ['anchor', 'vault', 'timelock'] as const) {
      const kept: string[] = [];
      for (const entry of CONTRACTS[contract] as Abi) {
        if (entry.type !== 'function' || entry.stateMutability === 'view' || entry.stateMutability === 'pure') continue;
        const refused = await at.attempt(stranger, at.governed[contract], anyCall(contract, entry.name));
        if (/^(OwnableUnauthorizedAccount|NotOwnerNorGuardian|TimelockUnauthorizedCaller|AccessControlUnauthorizedAccount)$/.test(refused ?? ''))
          kept.push(entry.name);
      }
      // Proposing and cancelling are not proposed; giving up ownership is refused by the contract for everybody.
      const others = ['schedule', 'scheduleBatch', 'cancel', 'renounceOwnership'];
      assert.deepEqual(kept.filter((name) => !others.includes(name)).sort(), [...GOVERNABLE[contract]].sort(), contract);
    }
  });

  /** A call with arguments that decode, whatever they are. */
  function anyCall(contract: ContractName, name: string): Hex {
    const abi = CONTRACTS[contract] as Abi;
    const { inputs } = abi.find((entry): entry is AbiFunction => entry.type === 'function' && entry.name === name)!;
    const valueOf = ({ type, components }: AbiFunction['inputs'][number] & { components?: AbiFunction['inputs'] }): unknown => {
      if (type.endsWith('[]')) return [];
      if (type === 'tuple') return Object.fromEntries(components!.map((component) => [component.name, valueOf(component)]));
      if (type === 'address') return NEW;
      if (type === 'bool') return true;
      if (type === 'bytes') return '0x';
      if (type.startsWith('bytes')) return `0x${'00'.repeat(Number(type.slice(5)))}`;
      return Number(type.slice(4)) <= 48 ? 1 : 1n;
    };
    return call(abi, name, inputs.map(valueOf));
  }

  it('hands round a Safe transaction that is none of ours: a delegatecall, a refund, another number, another contract, what cannot be read', async () => {
    const { vault, timelock, safe } = at.deployment;
    const zero = call(SETTLEMENT_VAULT_ABI, 'pause');
    const crafted: readonly (readonly [what: string, change: Record<string, unknown>, code: string, rule?: string])[] = [
      ['a delegatecall', { operation: 1 }, 'governance/transaction-refused', 'delegatecall'],
      ['a refund in gas', { gasPrice: '1' }, 'governance/transaction-refused', 'refund'],
      ['a refund in a token', { gasToken: NEW }, 'governance/transaction-refused', 'refund'],
      ['a receiver of refunds', { refundReceiver: NEW }, 'governance/transaction-refused', 'refund'],
      ['base gas', { baseGas: '1' }, 'governance/transaction-refused', 'refund'],
      ['a limit of gas', { safeTxGas: '1' }, 'governance/transaction-refused', 'refund'],
      ['a later number', { nonce: '1' }, 'governance/other-nonce'],
      ['native coin', { value: '1' }, 'governance/undecodable'],
      ['a call of the vault itself', { to: vault, data: zero }, 'governance/transaction-refused', 'target'],
      ['a call of a stranger', { to: NEW, data: zero }, 'governance/transaction-refused', 'target'],
      ['a call of nothing known', { data: '0xdeadbeef' }, 'governance/undecodable'],
      ['a tail that is not shown', { data: `${scheduleOf(zero)}00` }, 'governance/undecodable'],
      ['an execution', { data: call(TIMELOCK_ABI, 'execute', [vault, 0n, zero, ZERO_32, ZERO_32]) }, 'governance/transaction-refused', 'function'],
      ['a module of the Safe', { to: safe, data: `0x610b5925${NEW.slice(2).padStart(64, '0')}` }, 'governance/undecodable'],
      ['a guard of the Safe', { to: safe, data: `0xe19a9dd9${NEW.slice(2).padStart(64, '0')}` }, 'governance/undecodable'],
      ['a call of an unknown contract later', { data: call(TIMELOCK_ABI, 'schedule', [NEW, 0n, '0x', ZERO_32, ZERO_32, 172_800n]) }, 'governance/undecodable'],
      ['native coin later', { data: call(TIMELOCK_ABI, 'schedule', [vault, 1n, zero, ZERO_32, ZERO_32, 172_800n]) }, 'governance/undecodable'],
      ['a deposit later', { data: scheduleOf(anyCall('vault', 'depositWithPermit')) }, 'governance/transaction-refused', 'function'],
      [
        'an act that waits for another',
        { data: call(TIMELOCK_ABI, 'schedule', [vault, 0n, zero, `0x${'01'.repeat(32)}`, ZERO_32, 172_800n]) },
        'governance/transaction-refused',
        'predecessor',
      ],
      [
        'a batch of nothing',
        { data: call(TIMELOCK_ABI, 'scheduleBatch', [[], [], [], ZERO_32, ZERO_32, 172_800n]) },
        'governance/transaction-refused',
        'batch',
      ],
      [
        'a batch of unequal lists',
        { data: call(TIMELOCK_ABI, 'scheduleBatch', [[vault, vault], [0n], [zero, zero], ZERO_32, ZERO_32, 172_800n]) },
        'governance/undecodable',
      ],
      [
        'a proposal to propose',
        { data: call(TIMELOCK_ABI, 'schedule', [timelock, 0n, scheduleOf(zero), ZERO_32, ZERO_32, 172_800n]) },
        'governance/transaction-refused',
        'function',
      ],
    ];
    for (const [what, change, code, rule] of crafted) {
      const out = at.file('crafted');
      await at.govern('propose', ['vault.pause'], { out });
      tamper(out, ({ transaction }) => Object.assign(transaction, change));
      const before = readFileSync(out, 'utf8');
      for (const who of [{ key: at.keyFile('operator1') }, { as: 'owner' }])
        await assert.rejects(at.govern('sign', [out], { ...who, yes: true }), refusal(code, rule), what);
      assert.equal(readFileSync(out, 'utf8'), before, what);
    }
  });

  it('hands round a proposal to another deployment, or a file of addresses that do not belong together', async () => {
    const out = at.file('p');
    await at.govern('propose', ['vault.pause'], { out });
    for (const change of [{ chainId: '1' }, { safe: NEW }, { timelock: NEW }]) {
      const other = at.file('other');
      await at.govern('propose', ['vault.pause'], { out: other });
      tamper(other, (file) => Object.assign(file, change));
      await assert.rejects(at.govern('sign', [other], { key: at.keyFile('operator1'), yes: true }), refusal('governance/other-deployment'));
    }
    for (const change of [{ vault: NEW }, { vault: at.deployment.tokens[0]!.address }, { safe: at.deployment.safeContracts.singleton }, { timelock: NEW }]) {
      const places = at.file('places');
      writeFileSync(places, JSON.stringify({ ...at.governed, ...change }));
      await assert.rejects(at.govern('sign', [out], { deployment: places, key: at.keyFile('operator1'), yes: true }), (error) => {
        assert.match(String(error), /other-deployment|chain\/(refused-by-node|reverted)/, JSON.stringify(change));
        return true;
      });
    }
    const places = at.file('places');
    writeFileSync(places, JSON.stringify({ ...at.governed, chainId: '1' }));
    await assert.rejects(at.govern('status', [], { deployment: places }), refusal('chain/wrong-chain'));
  });

  it('shows a terminal more than text: control characters in a note are refused', async () => {
    const out = at.file('note');
    await at.govern('propose', ['vault.setSigner', `newSigner=${NEW}`], { out, note: 'plain' });
    for (const note of ['\u001b[2J', 'a\rvault.pause()', '\u202eright to left', 'two\nlines']) {
      tamper(out, (file) => (file['note'] = note));
      await assert.rejects(at.govern('status', [out]), refusal('governance/bad-proposal'));
    }
    tamper(out, (file) => Object.assign(file, { note: '', '\u001b[2J': 1 }));
    await assert.rejects(at.govern('status', [out]), (error) => refusal('governance/bad-proposal')(error) && !String(error).includes('\u001b'));
  });

  it('finds every role where it was meant to be, and nowhere else', async () => {
    const { safe, timelock, anchor, vault } = at.deployment;
    const everybody: Record<string, Hex> = {
      safe,
      timelock,
      anchor,
      vault,
      owner: at.governed.owner,
      guardian,
      operator1: at.governed.operators[0]!,
      operator2: at.governed.operators[1]!,
      deployer: addressOfKey(DEPLOYER),
      stranger,
      anybody: ZERO,
      poster: (await at.governance()).anchor.poster,
      signer: (await at.governance()).vault.signer,
    };
    const held: Record<string, string[]> = {};
    for (const role of ['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE', 'DEFAULT_ADMIN_ROLE']) {
      const id = role === 'DEFAULT_ADMIN_ROLE' ? ZERO_32 : keccak256(stringToBytes(role));
      held[role] = [];
      for (const [name, address] of Object.entries(everybody)) {
        const has = await at.client.read('a role', (viem) =>
          viem.readContract({ abi: TIMELOCK_ABI, address: timelock, functionName: 'hasRole', args: [id, address] }),
        );
        if (has) held[role].push(name);
      }
      const admin = await at.client.read('an admin', (viem) =>
        viem.readContract({ abi: TIMELOCK_ABI, address: timelock, functionName: 'getRoleAdmin', args: [id] }),
      );
      assert.equal(admin, ZERO_32);
    }
    assert.deepEqual(held, { PROPOSER_ROLE: ['safe'], CANCELLER_ROLE: ['owner', 'guardian'], EXECUTOR_ROLE: ['anybody'], DEFAULT_ADMIN_ROLE: ['timelock'] });
    const { roles, anchor: log, vault: money, safe: state } = await at.governance();
    const names = (addresses: readonly Hex[]): string[] =>
      addresses.map((address) => Object.keys(everybody).find((name) => everybody[name] === address) ?? address).sort();
    assert.deepEqual(
      Object.fromEntries(Object.entries(roles).map(([role, addresses]) => [role, names(addresses)])),
      Object.fromEntries(Object.entries(held).map(([role, holders]) => [role, holders.sort()])),
      'whoever was ever given a role, by the events',
    );
    assert.deepEqual(names(state.owners), ['operator1', 'operator2', 'owner']);
    assert.deepEqual(names([log.owner, log.pendingOwner, log.guardian, money.owner, money.pendingOwner, money.guardian]), [
      'anybody',
      'anybody',
      'guardian',
      'guardian',
      'timelock',
      'timelock',
    ]);
    assert.deepEqual([state.guard, state.moduleGuard, state.modules], [ZERO, ZERO, []]);
  });
});
