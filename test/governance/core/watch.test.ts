import assert from 'node:assert/strict';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import fc from 'fast-check';
import { encodeAbiParameters, encodeEventTopics, encodeFunctionData, keccak256, parseAbiParameters, type Abi } from 'viem';
import { toHex, type Hex } from '#base';
import { SAFE_ABI, SETTLEMENT_VAULT_ABI, TIMELOCK_ABI } from '#chain/abi';
import { addressOf, fromRecovered, intentDigest, type GovernanceIntent } from '#custody/intents';
import {
  objections,
  operationId,
  scheduleData,
  schedulingOf,
  signedBy,
  timelockOperations,
  ZERO_32,
  type GovernanceLog,
  type Scheduling,
} from '#governance/core';
import { refusal } from '../support.ts';
import { address, DEPLOYMENT } from './samples.ts';

const word = (n: number): Hex => toHex(new Uint8Array(32).fill(n));
const tx = (n: number): Hex => keccak256(word(n));

function scheduling(poster: string, salt = word(7), delayS = 60n): Scheduling {
  const data = encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'setSigner', args: [address(poster)] });
  return { calls: [{ to: DEPLOYMENT.vault, value: 0n, data }], predecessor: ZERO_32, salt, delayS };
}

function intentFor(what: Scheduling, nonce: bigint): GovernanceIntent {
  return { kind: 'governance', chainId: 31337n, safe: DEPLOYMENT.safe, to: DEPLOYMENT.timelock, value: 0n, data: scheduleData(what), nonce };
}

function log(
  from: 'timelock' | 'safe',
  eventName: string,
  indexed: Record<string, unknown>,
  types: string,
  values: readonly unknown[],
  transactionHash: Hex,
): GovernanceLog {
  const abi: Abi = from === 'safe' ? SAFE_ABI : TIMELOCK_ABI;
  const topics = encodeEventTopics({ abi, eventName, args: indexed });
  const data = types === '' ? '0x' : encodeAbiParameters(parseAbiParameters(types) as never, values as never);
  return { address: DEPLOYMENT[from], topics: topics as Hex[], data, transactionHash };
}

function scheduled(what: Scheduling, at: Hex): GovernanceLog[] {
  const id = operationId(what);
  const calls = what.calls.map(({ to, value, data }, i) =>
    log(
      'timelock',
      'CallScheduled',
      { id, index: BigInt(i) },
      'address, uint256, bytes, bytes32, uint256',
      [to, value, data, what.predecessor, what.delayS],
      at,
    ),
  );
  return what.salt === ZERO_32 ? calls : [...calls, log('timelock', 'CallSalt', { id }, 'bytes32', [what.salt], at)];
}

const executed = (intent: GovernanceIntent, at: Hex): GovernanceLog =>
  log('safe', 'ExecutionSuccess', { txHash: toHex(intentDigest(intent)) }, 'uint256', [0n], at);
const cancelled = (what: Scheduling, at: Hex): GovernanceLog => log('timelock', 'Cancelled', { id: operationId(what) }, '', [], at);
const done = (what: Scheduling, at: Hex): GovernanceLog[] =>
  what.calls.map(({ to, value, data }, i) =>
    log('timelock', 'CallExecuted', { id: operationId(what), index: BigInt(i) }, 'address, uint256, bytes', [to, value, data], at),
  );

const objected = (logs: readonly GovernanceLog[], agreed: readonly GovernanceIntent[]) =>
  objections(DEPLOYMENT, timelockOperations(DEPLOYMENT, logs), agreed).map(({ operation, reason }) => [operation, reason]);

describe('what the nodes cancel on their own', () => {
  const mine = scheduling('c1');
  const id = operationId(mine);
  const intent = intentFor(mine, 0n);
  const proposed = [...scheduled(mine, tx(1)), executed(intent, tx(1))];

  it('is nothing that they signed, and nothing that is over', () => {
    assert.deepEqual(objected(proposed, [intent]), []);
    assert.deepEqual(objected([], [intent]), []);
    assert.deepEqual(objected([...proposed, cancelled(mine, tx(2))], []), []);
    assert.deepEqual(objected([...proposed, ...done(mine, tx(2))], []), []);
  });

  it('is what they did not sign', () => {
    assert.deepEqual(objected(proposed, []), [[id, 'not-agreed']]);
    assert.deepEqual(objected(proposed, [intentFor(mine, 1n)]), [[id, 'not-agreed']], 'the same calls as another transaction of the Safe');
    assert.deepEqual(objected(proposed, [intentFor(scheduling('c2'), 0n)]), [[id, 'not-agreed']]);
  });

  it('is what no transaction of the Safe proposed, or one of another Safe', () => {
    assert.deepEqual(objected(scheduled(mine, tx(1)), [intent]), [[id, 'not-of-the-safe']]);
    assert.deepEqual(objected([...scheduled(mine, tx(1)), executed(intent, tx(2))], [intent]), [[id, 'not-of-the-safe']], 'executed in another transaction');
    assert.deepEqual(objected([...scheduled(mine, tx(1)), { ...executed(intent, tx(1)), address: address('ee') }], [intent]), [[id, 'not-of-the-safe']]);
    assert.deepEqual(objected([executed(intent, tx(1)), ...scheduled(mine, tx(1))], [intent]), [[id, 'not-of-the-safe']], 'the Safe tells after the call');
  });

  it('is what was smuggled into the transaction of something they signed', () => {
    const foreign = scheduling('c9');
    const both = [...scheduled(foreign, tx(1)), ...scheduled(mine, tx(1)), executed(intent, tx(1))];
    assert.deepEqual(objected(both, [intent]), [[operationId(foreign), 'other-than-agreed']]);
    const hasty = scheduling('c1', word(7), 59n);
    assert.deepEqual(objected([...scheduled(hasty, tx(1)), executed(intent, tx(1))], [intent]), [[id, 'other-than-agreed']], 'another delay');
    const other = intentFor(scheduling('c2'), 4n);
    const two = [...scheduled(mine, tx(1)), executed(intent, tx(1)), ...scheduled(scheduling('c2'), tx(1)), executed(other, tx(1))];
    assert.deepEqual(objected(two, [intent, other]), [], 'two of the Safe’s transactions in one of the chain');
    assert.deepEqual(objected(two, [intent]), [[operationId(scheduling('c2')), 'not-agreed']]);
  });

  it('is what was cancelled and is proposed again without them', () => {
    const again = [...proposed, cancelled(mine, tx(2)), ...scheduled(mine, tx(3)), executed(intentFor(mine, 1n), tx(3))];
    assert.deepEqual(objected(again, [intent]), [[id, 'not-agreed']]);
    assert.deepEqual(objected(again, [intent, intentFor(mine, 1n)]), []);
    assert.deepEqual(objected([...again, cancelled(mine, tx(4))], [intent]), []);
  });

  it('is every operation that nobody agreed to, in whatever order things happened', () => {
    const act = fc.record({
      poster: fc.constantFrom('c1', 'c2', 'c3'),
      agree: fc.boolean(),
      end: fc.constantFrom('none', 'cancel', 'execute'),
      batch: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 12 }), (acts) => {
        const logs: GovernanceLog[] = [];
        const agreed: GovernanceIntent[] = [];
        const expected = new Map<Hex, boolean>();
        acts.forEach(({ poster, agree, end, batch }, i) => {
          // Executed ids never come again, and a waiting one does not either: each act has a salt of its own unless it was cancelled.
          const one = scheduling(poster, word(end === 'cancel' ? 200 : i + 1));
          const what = batch ? { ...one, calls: [...one.calls, ...scheduling('dd').calls] } : one;
          const by = intentFor(what, BigInt(i));
          if (agree) agreed.push(by);
          logs.push(...scheduled(what, tx(i)), executed(by, tx(i)));
          if (end === 'cancel') logs.push(cancelled(what, tx(100 + i)));
          if (end === 'execute') logs.push(...done(what, tx(100 + i)));
          expected.set(operationId(what), end === 'none' && !agree);
        });
        const wanted = [...expected].filter(([, isObjected]) => isObjected).map(([operation]) => operation);
        assert.deepEqual(
          objected(logs, agreed).map(([operation]) => operation),
          wanted,
        );
      }),
    );
  });

  it('is nothing that the owner key signed, which a node that was not asked reads from the chain', () => {
    const key = new Uint8Array(32).fill(3);
    const owner = addressOf(secp256k1.getPublicKey(key));
    const signature = (of: GovernanceIntent, by = key): Hex =>
      fromRecovered(secp256k1.sign(intentDigest(of), by, { prehash: false, lowS: true, format: 'recovered' }));
    const sentWith = (of: GovernanceIntent, signatures: Hex, operation = 0): GovernanceLog =>
      log(
        'safe',
        'SafeMultiSigTransaction',
        {},
        'address, uint256, bytes, uint8, uint256, uint256, uint256, address, address, bytes, bytes',
        [
          of.to,
          of.value,
          of.data,
          operation,
          0n,
          0n,
          0n,
          address('00'),
          address('00'),
          signatures,
          encodeAbiParameters(parseAbiParameters('uint256, address, uint256'), [of.nonce, address('ee'), 2n]),
        ],
        tx(1),
      );
    const safe = { chainId: 31337n, safe: DEPLOYMENT.safe };
    const known = (...logs: GovernanceLog[]) => signedBy(owner, safe, logs);
    const stranger = signature(intent, new Uint8Array(32).fill(4));
    const both = `${stranger}${signature(intent).slice(2)}` as Hex;
    assert.deepEqual(known(sentWith(intent, both), ...proposed), [intent]);
    assert.deepEqual(objected([sentWith(intent, both), ...proposed], known(sentWith(intent, both))), []);
    assert.deepEqual(known(sentWith(intent, stranger)), [], 'without the owner');
    assert.deepEqual(known(sentWith(intentFor(mine, 1n), both)), [], 'a signature under another transaction of the Safe');
    assert.deepEqual(known({ ...sentWith(intent, both), address: address('ee') }), [], 'another Safe');
    assert.deepEqual(signedBy(owner, { ...safe, chainId: 1n }, [sentWith(intent, both)]), [], 'another chain');
    const foreign = scheduling('c9');
    const smuggled = [sentWith(intent, both), ...scheduled(foreign, tx(1)), ...proposed];
    assert.deepEqual(objected(smuggled, known(...smuggled)), [[operationId(foreign), 'other-than-agreed']], 'what went along with it was not signed');
  });

  it('is not decided on logs with a gap', () => {
    const batch = { ...mine, calls: [...mine.calls, ...scheduling('dd').calls] };
    const [, second, ...rest] = scheduled(batch, tx(1));
    assert.throws(() => timelockOperations(DEPLOYMENT, [second!, ...rest]), refusal('chain/refused-by-node'));
  });
});

describe('an operation', () => {
  it('is read back from what proposes it, one call or several', () => {
    for (const what of [scheduling('c1'), { ...scheduling('c1'), calls: [...scheduling('c1').calls, ...scheduling('c2').calls] }])
      assert.deepEqual(schedulingOf(scheduleData(what)), what);
    assert.equal(schedulingOf('0x'), undefined);
    assert.equal(schedulingOf(encodeFunctionData({ abi: TIMELOCK_ABI, functionName: 'getMinDelay' })), undefined);
  });
});
