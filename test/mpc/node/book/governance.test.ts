import { strict as assert } from 'node:assert';
import { encodeFunctionData, type Abi } from 'viem';
import type { Hex } from '#base';
import type { GovernanceIntent } from '#custody/intents';
import type { Facts, Judgement } from '../../../../mpc/node/book/book.ts';
import { CALLS } from '../../../../mpc/node/book/governance.ts';
import { LEDGER_ANCHOR_ABI } from '../../../../src/chain/abi/ledger-anchor.ts';
import { SETTLEMENT_VAULT_ABI } from '../../../../src/chain/abi/settlement-vault.ts';
import { TIMELOCK_ABI } from '../../../../src/chain/abi/timelock.ts';
import { refuses } from './support/attack.ts';
import { Forge } from './support/forge.ts';

const ZERO: Hex = `0x${'00'.repeat(32)}`;
const NEW: Hex = `0x${'12'.repeat(20)}`;
const SALT: Hex = `0x${'34'.repeat(32)}`;

function call(contract: keyof typeof CALLS, functionName: string, args: readonly unknown[] = []): Hex {
  return encodeFunctionData({ abi: [...CALLS[contract]] as Abi, functionName, args: [...args] });
}

function asked(forge: Forge, to: Hex, data: Hex, more: Partial<GovernanceIntent> = {}): Promise<Judgement> {
  const { chainId, safe } = forge.registration;
  return forge.node({ urls: [] }).then((node) => node.judge({ kind: 'governance', chainId, safe, to, value: 0n, data, nonce: 3n, ...more }, forge.nowMs));
}

function scheduled(target: Hex, data: Hex, value = 0n): Hex {
  return call('timelock', 'schedule', [target, value, data, ZERO, SALT, 172_800n]);
}

describe('a signer’s book, asked for a transaction of the Safe,', function () {
  this.timeout(60_000);

  async function factsOf(
    to: (forge: Forge) => Hex,
    data: (forge: Forge) => Hex,
  ): Promise<{ readonly forge: Forge; readonly facts: Extract<Facts, { kind: 'governance' }> }> {
    const forge = await new Forge().open();
    const judgement = await asked(forge, to(forge), data(forge)).finally(() => forge.close());
    assert.ok(judgement.ok && judgement.facts.kind === 'governance', judgement.ok ? '' : judgement.reason);
    return { forge, facts: judgement.facts };
  }

  it('describes what the timelock is to do, down to the last argument', async () => {
    const { forge, facts } = await factsOf(
      ({ registration }) => registration.timelock,
      ({ registration }) => scheduled(registration.anchor, call('anchor', 'setPoster', [NEW])),
    );
    const { anchor, timelock, safe } = forge.registration;
    assert.deepEqual(facts.description, [
      `timelock.schedule(target ${anchor}, value 0, data ${call('anchor', 'setPoster', [NEW])}, predecessor ${ZERO}, salt ${SALT}, delay 172800)`,
      `  anchor.setPoster(newPoster ${NEW})`,
    ]);
    assert.deepEqual(facts.contracts, [
      { role: 'safe', address: safe },
      { role: 'timelock', address: timelock },
      { role: 'anchor', address: anchor },
    ]);
    assert.equal(facts.call.calls[0]!.signature, 'setPoster(address)');
    assert.deepEqual(facts.payments, []);
  });

  it('describes every call of a batch, a cancellation and a change of its own owners', async () => {
    const { facts } = await factsOf(
      ({ registration }) => registration.timelock,
      ({ registration: { vault, anchor, timelock } }) =>
        call('timelock', 'scheduleBatch', [
          [vault, anchor, timelock],
          [0n, 0n, 0n],
          [call('vault', 'setCaps', [NEW, 5n, 6n]), call('anchor', 'pause'), call('timelock', 'updateDelay', [7n])],
          ZERO,
          SALT,
          1n,
        ]),
    );
    assert.deepEqual(facts.description.slice(1), [
      `  vault.setCaps(token ${NEW}, perTransaction 5, perDay 6)`,
      '  anchor.pause()',
      '  timelock.updateDelay(newDelay 7)',
    ]);
    const cancelled = await factsOf(
      ({ registration }) => registration.timelock,
      () => call('timelock', 'cancel', [SALT]),
    );
    assert.deepEqual(cancelled.facts.description, [`timelock.cancel(id ${SALT})`]);
    const owners = await factsOf(
      ({ registration }) => registration.safe,
      () => call('safe', 'changeThreshold', [2n]),
    );
    assert.deepEqual(owners.facts.description, ['safe.changeThreshold(_threshold 2)']);
  });

  refuses('contract', 'refuses another Safe', (forge) => asked(forge, forge.registration.timelock, call('timelock', 'cancel', [SALT]), { safe: NEW }));
  refuses('chain-id', 'refuses another chain', (forge) => asked(forge, forge.registration.timelock, call('timelock', 'cancel', [SALT]), { chainId: 1n }));
  refuses('call-only', 'refuses to send native currency', (forge) =>
    asked(forge, forge.registration.timelock, call('timelock', 'cancel', [SALT]), { value: 1n }),
  );
  refuses('call-only', 'refuses native currency inside the timelock', (forge) =>
    asked(forge, forge.registration.timelock, scheduled(forge.registration.anchor, call('anchor', 'pause'), 1n)),
  );
  refuses('call-decoded', 'refuses a contract that nobody registered', (forge) => asked(forge, NEW, call('timelock', 'cancel', [SALT])));
  refuses('call-decoded', 'refuses a contract that nobody registered inside the timelock', (forge) =>
    asked(forge, forge.registration.timelock, scheduled(NEW, call('anchor', 'pause'))),
  );
  refuses('call-decoded', 'refuses a function that nobody knows', (forge) => asked(forge, forge.registration.timelock, '0xdeadbeef'));
  refuses('call-decoded', 'refuses a function of another contract', (forge) => asked(forge, forge.registration.timelock, call('anchor', 'setPoster', [NEW])));
  refuses('call-decoded', 'refuses a call with bytes behind its arguments', (forge) =>
    asked(forge, forge.registration.timelock, `${call('timelock', 'cancel', [SALT])}00`),
  );
  refuses('call-decoded', 'refuses an address with bits above it', (forge) => {
    const data = call('anchor', 'setPoster', [NEW]);
    return asked(forge, forge.registration.anchor, `0x${data.slice(2, 10)}01${data.slice(12)}`);
  });
  refuses('call-decoded', 'refuses a call without data', (forge) => asked(forge, forge.registration.vault, '0x'));
  refuses('call-decoded', 'refuses a batch whose lists differ in length', (forge) =>
    asked(forge, forge.registration.timelock, call('timelock', 'scheduleBatch', [[forge.registration.anchor], [0n], [], ZERO, SALT, 1n])),
  );
  refuses('call-decoded', 'refuses a timelock inside a timelock without an end', (forge) => {
    const { timelock, anchor } = forge.registration;
    const nested = Array.from({ length: 5 }).reduce<Hex>((data) => scheduled(timelock, data), scheduled(anchor, call('anchor', 'pause')));
    return asked(forge, timelock, nested);
  });

  it('knows the functions of our contracts as the compiler does, and every one that an owner or a proposer may call', () => {
    const compiled = { anchor: LEDGER_ANCHOR_ABI, vault: SETTLEMENT_VAULT_ABI, timelock: TIMELOCK_ABI } as const;
    // Called by relayers, merchants and tokens: never by governance. The vault's cancel takes a signature of the vault's own signer.
    const others = {
      anchor: ['anchor'],
      vault: ['pay', 'retry', 'cancel', 'depositWithAuthorization', 'depositWithPermit'],
      timelock: ['onERC1155BatchReceived', 'onERC1155Received', 'onERC721Received'],
    };
    const shown = (inputs: readonly { readonly type: string; readonly name?: string | undefined }[]) =>
      inputs.map(({ type, name }) => `${type} ${name}`).join(',');
    for (const contract of ['anchor', 'vault', 'timelock'] as const) {
      const changing = (compiled[contract] as Abi).flatMap((item) =>
        item.type === 'function' && !['view', 'pure'].includes(item.stateMutability) ? [item] : [],
      );
      const expected = changing.filter(({ name }) => !others[contract].includes(name));
      assert.deepEqual(
        CALLS[contract].map(({ name, inputs }) => `${name}(${shown(inputs)})`).sort(),
        expected.map(({ name, inputs }) => `${name}(${shown(inputs)})`).sort(),
      );
    }
  });
});
