import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { Attempt, MinedReceipt, OutboxState, OutboxTransaction } from '#chain';
import { OUTBOX_TRANSITIONS } from '#chain';
import { decide, type Observation, type Step } from '../../../src/chain/outbox/decide.ts';

const attempt = (hash: string, more: Partial<Attempt> = {}): Attempt => ({
  hash: `0x${hash}`,
  nonce: 4n,
  kind: 'call',
  raw: '0x',
  gasLimit: 1n,
  maxFeePerGas: 1n,
  maxPriorityFeePerGas: 1n,
  signedMs: 0,
  sentMs: 0,
  ...more,
});
const receipt = (hash: string, more: Partial<MinedReceipt> = {}): MinedReceipt => ({
  hash: `0x${hash}`,
  blockNumber: 10n,
  blockHash: '0xb10c',
  status: 'success',
  gasUsed: 1n,
  effectiveGasPrice: 1n,
  contractAddress: null,
  logs: [],
  ...more,
});
const transaction = (state: OutboxState, more: Partial<OutboxTransaction> = {}): OutboxTransaction => ({
  id: '00000000-0000-8000-8000-000000000000' as OutboxTransaction['id'],
  purpose: 'pay',
  to: null,
  data: '0x',
  value: 0n,
  gasLimit: null,
  deadlineMs: null,
  notBeforeMs: 0,
  state,
  nonce: 4n,
  attempts: [attempt('aa')],
  receipt: null,
  failure: null,
  rebuilds: 0,
  createdMs: 0,
  updatedMs: 0,
  ...more,
});
const seen = (more: Partial<Observation> = {}): Observation => ({
  nowMs: 1_000,
  finalBlock: 5n,
  receipt: null,
  nonceGone: false,
  known: true,
  passedOver: false,
  ...more,
});
const step = (subject: OutboxTransaction, observation: Observation): Step => decide(subject, observation, 60_000);
const mined = transaction('mined', { receipt: receipt('aa') });

describe('the next step of a transaction', () => {
  const table: readonly (readonly [what: string, subject: OutboxTransaction, observation: Observation, expected: Step])[] = [
    ['is to send what is signed', transaction('signed'), seen(), { kind: 'broadcast' }],
    ['is to send what is signed even if it is mined already', transaction('signed'), seen({ receipt: receipt('aa') }), { kind: 'broadcast' }],
    ['is not to send what came too late', transaction('signed', { deadlineMs: 1_000 }), seen(), { kind: 'replace', as: 'cancel' }],
    ['is to see it in a block', transaction('sent'), seen({ receipt: receipt('aa') }), { kind: 'mined', receipt: receipt('aa') }],
    ['is to wait while the node has it', transaction('sent'), seen(), { kind: 'wait' }],
    ['is to send it again when the node lost it', transaction('sent'), seen({ known: false }), { kind: 'broadcast' }],
    [
      'is to send a replacement that never left',
      transaction('sent', { attempts: [attempt('aa'), attempt('bb', { sentMs: null })] }),
      seen(),
      { kind: 'broadcast' },
    ],
    ['is to pay more after a while of blocks without it', transaction('sent'), seen({ nowMs: 60_000, passedOver: true }), { kind: 'replace', as: 'call' }],
    ['is to wait, however long, while no block passes it over', transaction('sent'), seen({ nowMs: 3_600_000 }), { kind: 'wait' }],
    [
      'is to pay more also where the node drops it each time',
      transaction('sent'),
      seen({ nowMs: 60_000, known: false, passedOver: true }),
      { kind: 'replace', as: 'call' },
    ],
    [
      'is to pay more for an empty one too',
      transaction('sent', { attempts: [attempt('aa', { kind: 'cancel' })] }),
      seen({ nowMs: 60_000, passedOver: true }),
      { kind: 'replace', as: 'cancel' },
    ],
    ['is to use the nonce up after the deadline', transaction('sent', { deadlineMs: 900 }), seen(), { kind: 'replace', as: 'cancel' }],
    ['is another nonce when this one is gone', transaction('sent'), seen({ nonceGone: true }), { kind: 'reopen' }],
    ['is to wait for finality', mined, seen({ receipt: receipt('aa'), finalBlock: 9n }), { kind: 'wait' }],
    ['is the end in a final block', mined, seen({ receipt: receipt('aa'), finalBlock: 10n }), { kind: 'settled', outcome: 'success' }],
    ['is to notice that its block went', mined, seen({ finalBlock: 10n }), { kind: 'orphaned' }],
    ['is to notice that it is in another block', mined, seen({ receipt: receipt('aa', { blockHash: '0xe15e' }), finalBlock: 10n }), { kind: 'orphaned' }],
    ['is to notice that another attempt won', mined, seen({ receipt: receipt('bb'), finalBlock: 10n }), { kind: 'orphaned' }],
    ['is to send what was orphaned', transaction('orphaned'), seen(), { kind: 'broadcast' }],
    ['is to find what was orphaned in another block', transaction('orphaned'), seen({ receipt: receipt('aa') }), { kind: 'mined', receipt: receipt('aa') }],
    ['is nothing once it is final', transaction('final', { receipt: receipt('aa') }), seen(), { kind: 'wait' }],
  ];
  for (const [what, subject, observation, expected] of table) it(what, () => assert.deepEqual(step(subject, observation), expected));

  it('tells a call that reverted from an empty one that took its nonce', () => {
    const reverted = receipt('aa', { status: 'reverted' });
    assert.deepEqual(step(transaction('mined', { receipt: reverted }), seen({ receipt: reverted, finalBlock: 10n })), { kind: 'settled', outcome: 'reverted' });
    const cancelled = transaction('mined', { attempts: [attempt('aa'), attempt('bb', { kind: 'cancel' })], receipt: receipt('bb') });
    assert.deepEqual(step(cancelled, seen({ receipt: receipt('bb'), finalBlock: 10n })), { kind: 'settled', outcome: 'cancelled' });
  });

  it('is always one that the table of states allows, and never the end before finality', () => {
    const leads: Record<Step['kind'], readonly OutboxState[]> = {
      wait: [],
      broadcast: ['sent'],
      replace: [],
      mined: ['mined'],
      orphaned: ['orphaned'],
      settled: ['final'],
      reopen: ['intent'],
    };
    const states = fc.constantFrom(...(Object.keys(OUTBOX_TRANSITIONS) as OutboxState[]));
    const maybeReceipt = fc.option(fc.constantFrom(receipt('aa'), receipt('bb'), receipt('aa', { blockHash: '0xe15e' })));
    const observations = fc.record({
      nowMs: fc.nat(200_000),
      finalBlock: fc.bigInt(0n, 20n),
      receipt: maybeReceipt,
      nonceGone: fc.boolean(),
      known: fc.boolean(),
      passedOver: fc.boolean(),
    });
    fc.assert(
      fc.property(states, observations, fc.option(fc.nat(200_000)), (state, observation, deadlineMs) => {
        const subject = transaction(state, { deadlineMs, receipt: state === 'mined' ? receipt('aa') : null });
        const next = step(subject, observation);
        const allowed: readonly string[] = OUTBOX_TRANSITIONS[state];
        for (const to of leads[next.kind]) assert.ok(allowed.includes(to) || to === state, `${state} -> ${to}`);
        if (next.kind === 'settled') assert.ok(observation.receipt && observation.receipt.blockNumber <= observation.finalBlock);
      }),
    );
  });
});
