import { strict as assert } from 'node:assert';
import { encodeAbiParameters, encodeEventTopics, encodeFunctionData, parseAbi, parseAbiParameters, type Abi } from 'viem';
import { toHex, type Hex } from '#base';
import { SAFE_ABI, TIMELOCK_ABI } from '#chain/abi';
import { intentDigest, type GovernanceIntent, type TimelockCancelIntent } from '#custody/intents';
import { CONTRACTS, operationId, scheduleData, ZERO_32, type ContractName, type Scheduling } from '#governance/core';
import { evaluate } from '#mpc/node';
import type { Judgement, NodeBook } from '../../../../mpc/node/book/book.ts';
import { policyWith } from '../fixtures.ts';
import { inForge, refuses, signs } from './support/attack.ts';
import type { Forge } from './support/forge.ts';
import { DEPTH } from './support/samples.ts';

const NEW: Hex = `0x${'12'.repeat(20)}`;
const SALT: Hex = `0x${'34'.repeat(32)}`;
const URLS = { urls: [] };

function call(contract: ContractName, functionName: string, args: readonly unknown[] = []): Hex {
  const abi: Abi = CONTRACTS[contract];
  return encodeFunctionData({ abi, functionName, args: [...args] });
}

function scheduling(to: Hex, data: Hex, value = 0n): Scheduling {
  return { calls: [{ to, value, data }], predecessor: ZERO_32, salt: SALT, delayS: 172_800n };
}

function intentTo(forge: Forge, to: Hex, data: Hex, more: Partial<GovernanceIntent> = {}): GovernanceIntent {
  const { chainId, safe } = forge.registration;
  return { kind: 'governance', chainId, safe, to, value: 0n, data, nonce: 3n, ...more };
}

/** No endpoint: what can be read can be judged. */
async function asked(forge: Forge, to: Hex, data: Hex, more: Partial<GovernanceIntent> = {}): Promise<Judgement> {
  return (await forge.node(URLS)).judge(intentTo(forge, to, data, more), forge.nowMs);
}

describe('a signer’s book, asked for a transaction of the Safe,', function () {
  this.timeout(60_000);

  inForge('decodes what the timelock is to do, and names every contract that it touches', async (forge) => {
    const { anchor, timelock, safe } = forge.registration;
    const judgement = await asked(forge, timelock, scheduleData(scheduling(anchor, call('anchor', 'setPoster', [NEW]))));
    assert.ok(judgement.ok && judgement.facts.kind === 'governance');
    const { contracts, judged, payments, nonce } = judgement.facts;
    assert.deepEqual(contracts, [
      { role: 'safe', address: safe },
      { role: 'timelock', address: timelock },
      { role: 'anchor', address: anchor },
    ]);
    assert.deepEqual(judged.call.inner, [{ contract: 'anchor', function: 'setPoster', args: [{ name: 'newPoster', type: 'address', value: NEW }], inner: [] }]);
    assert.deepEqual({ payments, nonce, kind: judged.kind }, { payments: [], nonce: 3n, kind: 'proposal' });
  });

  signs('agrees to a change of the Safe’s owners that it can read', (forge) => asked(forge, forge.registration.safe, call('safe', 'changeThreshold', [2n])));

  inForge('says what time the chain shows, without which a policy that goes by the chain’s clock signs no change at all', async (forge) => {
    const policy = policyWith((json) => {
      const { chainId, safe, timelock } = forge.registration;
      json.clock.witnessS = 3_600;
      json.chains = [{ chainId: String(chainId), anchors: [], vaults: [], safes: [safe], timelocks: [timelock], tokens: [] }];
    });
    const ruling = async (node: Promise<NodeBook>): Promise<string> => {
      const judgement = await (await node).judge(intentTo(forge, forge.registration.safe, call('safe', 'changeThreshold', [2n])), forge.nowMs);
      assert.ok(judgement.ok);
      const verdict = evaluate(policy, { highWaterMs: 0, spent: [] }, { ...judgement.facts, requestId: 'r', requester: 'api' }, [], forge.nowMs);
      return verdict.allowed ? 'allowed' : verdict.rule;
    };
    assert.deepEqual([await ruling(forge.node()), await ruling(forge.node(URLS))], ['allowed', 'clock']);
  });

  refuses('contract', 'refuses another Safe', (forge) => asked(forge, forge.registration.safe, call('safe', 'changeThreshold', [2n]), { safe: NEW }));
  refuses('chain-id', 'refuses another chain', (forge) => asked(forge, forge.registration.safe, call('safe', 'changeThreshold', [2n]), { chainId: 1n }));
  refuses('call-decoded', 'refuses to send native coin', (forge) =>
    asked(forge, forge.registration.safe, call('safe', 'changeThreshold', [2n]), { value: 1n }),
  );
  refuses('call-decoded', 'refuses native coin inside the timelock', (forge) =>
    asked(forge, forge.registration.timelock, scheduleData(scheduling(forge.registration.anchor, call('anchor', 'pause'), 1n))),
  );
  refuses('call-decoded', 'refuses a contract that nobody registered inside the timelock', (forge) =>
    asked(forge, forge.registration.timelock, scheduleData(scheduling(NEW, call('anchor', 'pause')))),
  );
  refuses('call-decoded', 'refuses a function that nobody knows', (forge) => asked(forge, forge.registration.timelock, '0xdeadbeef'));
  refuses('call-decoded', 'refuses a call with bytes behind its arguments', (forge) =>
    asked(forge, forge.registration.safe, `${call('safe', 'changeThreshold', [2n])}00`),
  );
  refuses('call-governable', 'refuses a contract that the Safe has no business with', (forge) =>
    asked(forge, forge.registration.vault, call('vault', 'pause')),
  );
  refuses('call-decoded', 'refuses a module that would act without the owners', (forge) =>
    asked(forge, forge.registration.safe, encodeFunctionData({ abi: parseAbi(['function enableModule(address)']), args: [NEW] })),
  );
  refuses('call-governable', 'refuses a payment in the timelock’s name', (forge) =>
    asked(forge, forge.registration.timelock, call('timelock', 'execute', [forge.registration.anchor, 0n, call('anchor', 'pause'), ZERO_32, SALT])),
  );
});

/** What the timelock’s and the Safe’s logs say when somebody proposes this, in a block of its own; by the Safe where an intent is given. */
function propose(forge: Forge, what: Scheduling, by?: GovernanceIntent): void {
  const { timelock, safe } = forge.registration;
  const id = operationId(what);
  const [only] = what.calls;
  const scheduled = [only!.to, only!.value, only!.data, what.predecessor, what.delayS] as const;
  forge.chain.mine();
  forge.chain.log(
    timelock,
    encodeEventTopics({ abi: TIMELOCK_ABI, eventName: 'CallScheduled', args: { id, index: 0n } }) as Hex[],
    encodeAbiParameters(parseAbiParameters('address, uint256, bytes, bytes32, uint256'), scheduled),
  );
  forge.chain.log(
    timelock,
    encodeEventTopics({ abi: TIMELOCK_ABI, eventName: 'CallSalt', args: { id } }) as Hex[],
    encodeAbiParameters(parseAbiParameters('bytes32'), [what.salt]),
  );
  if (!by) return;
  const topics = encodeEventTopics({ abi: SAFE_ABI, eventName: 'ExecutionSuccess', args: { txHash: toHex(intentDigest(by)) } }) as Hex[];
  forge.chain.log(safe, topics, encodeAbiParameters(parseAbiParameters('uint256'), [0n]));
}

function cancelOf(forge: Forge, what: Scheduling, more: Partial<TimelockCancelIntent> = {}): TimelockCancelIntent {
  const { chainId, timelock } = forge.registration;
  const fees = { gas: 100_000n, maxFeePerGas: 30n, maxPriorityFeePerGas: 1n };
  return { kind: 'timelockCancel', chainId, timelock, operation: operationId(what), nonce: 7n, ...fees, ...more };
}

describe('a signer’s book, asked to cancel what was proposed to the timelock,', function () {
  this.timeout(60_000);

  const theft = (forge: Forge) => scheduling(forge.registration.vault, call('vault', 'setSigner', [NEW]));
  const judged = async (forge: Forge, intent: TimelockCancelIntent, agreed: readonly GovernanceIntent[] = []) =>
    (await forge.node({ agreed: () => agreed })).judge(intent, forge.nowMs);

  inForge('agrees where it did not agree to it, and says what the cancellation can cost', async (forge) => {
    const what = theft(forge);
    propose(forge, what, intentTo(forge, forge.registration.timelock, scheduleData(what)));
    forge.chain.finalise(DEPTH);
    const judgement = await judged(forge, cancelOf(forge, what));
    assert.ok(judgement.ok && judgement.facts.kind === 'timelockCancel');
    assert.deepEqual([judgement.facts.objection, judgement.facts.mostFee, judgement.facts.operation.id], ['not-agreed', 3_000_000n, operationId(what)]);
  });

  signs('agrees where it was no transaction of the Safe at all', async (forge) => {
    const what = theft(forge);
    propose(forge, what);
    forge.chain.finalise(DEPTH);
    return judged(forge, cancelOf(forge, what), [intentTo(forge, forge.registration.timelock, scheduleData(what))]);
  });

  refuses('operation-objected', 'refuses where it agreed to exactly that', async (forge) => {
    const what = theft(forge);
    const intent = intentTo(forge, forge.registration.timelock, scheduleData(what));
    propose(forge, what, intent);
    forge.chain.finalise(DEPTH);
    return judged(forge, cancelOf(forge, what), [intent]);
  });

  refuses('operation-pending', 'refuses what nobody proposed', async (forge) => judged(forge, cancelOf(forge, theft(forge))));

  refuses('operation-pending', 'refuses what was proposed in a block that is not final', async (forge) => {
    const what = theft(forge);
    propose(forge, what);
    return judged(forge, cancelOf(forge, what));
  });

  refuses('operation-pending', 'refuses what was cancelled already', async (forge) => {
    const what = theft(forge);
    propose(forge, what);
    forge.chain.log(
      forge.registration.timelock,
      encodeEventTopics({ abi: TIMELOCK_ABI, eventName: 'Cancelled', args: { id: operationId(what) } }) as Hex[],
      '0x',
    );
    forge.chain.finalise(DEPTH);
    return judged(forge, cancelOf(forge, what));
  });

  refuses('account-nonce', 'refuses a transaction that is kept for later', async (forge) => {
    const what = theft(forge);
    propose(forge, what);
    forge.chain.finalise(DEPTH);
    return judged(forge, cancelOf(forge, what, { nonce: 9n }));
  });

  for (const [what, more] of [
    ['at a price that would empty the account', { maxFeePerGas: 10_000n * 10n ** 9n, maxPriorityFeePerGas: 10_000n * 10n ** 9n }],
    ['with more gas than a cancellation takes', { gas: 30_000_000n }],
  ] as const)
    refuses('cancel-fee', `refuses to cancel ${what}`, async (forge) => {
      const operation = theft(forge);
      propose(forge, operation);
      forge.chain.finalise(DEPTH);
      return judged(forge, cancelOf(forge, operation, more));
    });

  refuses('contract', 'refuses another timelock', async (forge) => judged(forge, cancelOf(forge, theft(forge), { timelock: NEW })));
});
