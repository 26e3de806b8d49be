import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { TypedDataEncoder } from 'ethers';
import { toHex, type Hex } from '#base';
import { addressOf, fromRecovered } from '#custody/intents';
import { approvalDigest, evaluate, type Approval, type Facts } from '#mpc/node';
import { bytes, CHAIN, factsWith, NOW_MS, PAYEE, policyWith, publicKey, signAs, TOKEN, VAULT, type PolicyJson } from '../fixtures.ts';

const EXPIRES_S = NOW_MS / 1000 + 60;
const WALLET = new Uint8Array(32).fill(9);
const wallet = addressOf(secp256k1.getPublicKey(WALLET));

const approve = (approver: string, facts = factsWith(), expiresS = EXPIRES_S, by = approver): Approval => ({
  approver,
  expiresS,
  signature: signAs(by, approvalDigest(facts, approver, expiresS)),
});
const byWallet = (approver: string, facts = factsWith()): Approval => {
  const recovered = secp256k1.sign(approvalDigest(facts, approver, EXPIRES_S), WALLET, { prehash: false, lowS: true, format: 'recovered' });
  return { approver, expiresS: EXPIRES_S, signature: fromRecovered(recovered) };
};

describe('approvals', () => {
  const rule = { kinds: ['instruction'], token: null as Hex | null, from: '0', required: 2, approvers: ['ann', 'ben', 'cat'], longestLifeS: 3600 };
  const needing = (...rules: Partial<typeof rule>[]) =>
    policyWith((json: PolicyJson) => {
      json.approvers.push({ name: 'cat', scheme: 'eip712', key: wallet });
      json.approvals = rules.map((changes) => ({ ...rule, ...changes }));
    });
  const ruling = (approvals: readonly Approval[], facts: Facts = factsWith(), policy = needing({}), nowMs = NOW_MS) => {
    const verdict = evaluate(policy, { highWaterMs: 0, spent: [] }, facts, approvals, nowMs);
    return verdict.allowed ? 'allowed' : verdict.rule;
  };

  it('allow when enough named approvers signed, by ed25519 or with a wallet (EIP-712)', () => {
    strictEqual(ruling([approve('ann'), approve('ben')]), 'allowed');
    strictEqual(ruling([approve('ann'), byWallet('cat')]), 'allowed');
    strictEqual(ruling([approve('ann')]), 'approvals');
    strictEqual(ruling([]), 'approvals');
  });

  it('count a person once', () => {
    strictEqual(ruling([approve('ann'), approve('ann')]), 'approvals');
    strictEqual(ruling([approve('ann'), approve('ann', factsWith(), EXPIRES_S + 1)]), 'approvals');
  });

  it('never come from whoever asks, by name or by key', () => {
    for (const requester of ['ann', publicKey('ann')]) {
      const facts = factsWith({ requester });
      strictEqual(ruling([approve('ann', facts), approve('ben', facts)], facts), 'approvals');
      strictEqual(ruling([approve('ann', facts), approve('ben', facts), byWallet('cat', facts)], facts), 'allowed');
    }
    const facts = factsWith({ requester: wallet });
    strictEqual(ruling([approve('ann', facts), byWallet('cat', facts)], facts), 'approvals');
  });

  it('are not worth anything for another intent, request, chain or contract, or under another name', () => {
    const others: Partial<Facts>[] = [
      { digest: bytes(2, 32) },
      { requestId: 'request-2' },
      { chainId: CHAIN + 1n },
      { contracts: [{ role: 'vault', address: bytes(3, 20) }] },
    ];
    for (const other of others) strictEqual(ruling([approve('ann'), approve('ben', factsWith(other))]), 'approvals');
    strictEqual(ruling([approve('ann'), { ...approve('ann'), approver: 'ben' }]), 'approvals');
    strictEqual(ruling([approve('ann'), approve('ben', factsWith(), EXPIRES_S, 'eve')]), 'approvals');
    strictEqual(ruling([approve('ann'), approve('eve')]), 'approvals');
  });

  it('end when they say, cannot be made to last, and are no signatures when malformed', () => {
    const until = (expiresS: number) => ruling([approve('ann'), approve('ben', factsWith(), expiresS)]);
    const nowS = NOW_MS / 1000;
    deepStrictEqual([until(nowS - 1), until(nowS), until(nowS + 3600), until(nowS + 3601)], ['approvals', 'allowed', 'allowed', 'approvals']);
    strictEqual(ruling([approve('ann'), { ...approve('ben'), expiresS: EXPIRES_S + 1 }]), 'approvals');
    strictEqual(ruling([approve('ann'), { ...approve('ben'), expiresS: Number.NaN }]), 'approvals');
    for (const signature of ['0x', bytes(0, 64), bytes(0xff, 64), bytes(0, 65), `${approve('ben').signature}00`, 'x'] as Hex[]) {
      strictEqual(ruling([approve('ann'), { ...approve('ben'), signature }]), 'approvals');
      strictEqual(ruling([approve('ann'), { ...byWallet('cat'), signature }]), 'approvals');
    }
  });

  it('do not come to life again when the clock goes back', () => {
    const verdict = evaluate(
      needing({}),
      { highWaterMs: (EXPIRES_S + 1) * 1000, spent: [] },
      factsWith(),
      [approve('ann'), approve('ben')],
      (EXPIRES_S - 3) * 1000,
    );
    deepStrictEqual(verdict.allowed ? 'allowed' : verdict.rule, 'approvals');
  });

  it('are asked for from an amount of a token on, for the kinds that a rule names, by every rule that applies', () => {
    const of = (amount: bigint, token = TOKEN) => factsWith({ payments: [{ token, payee: PAYEE, amount, registered: true }] });
    const policy = needing({ from: '500', required: 1, token: TOKEN }, { from: '900', required: 2 });
    strictEqual(ruling([], of(499n), policy), 'allowed');
    strictEqual(ruling([], of(500n), policy), 'approvals');
    strictEqual(ruling([approve('ann', of(500n))], of(500n), policy), 'allowed');
    strictEqual(ruling([approve('ann', of(900n))], of(900n), policy), 'approvals');
    strictEqual(ruling([], factsWith({ kind: 'cancel', payments: [] }), policy), 'allowed');
    const split = factsWith({ payments: [1, 2].map((i) => ({ token: TOKEN, payee: bytes(i, 20), amount: 250n, registered: true })) });
    strictEqual(ruling([], split, policy), 'approvals');
    const governance = needing({ kinds: ['governance'], required: 1 });
    strictEqual(ruling([], factsWith({ kind: 'governance', payments: [] }), governance), 'approvals');
  });

  it('are made over the digest that any EIP-712 wallet shows', () => {
    const { digest, requestId, chainId } = factsWith();
    const types = {
      Approval: [
        { name: 'intent', type: 'bytes32' },
        { name: 'request', type: 'string' },
        { name: 'approver', type: 'string' },
        { name: 'expires', type: 'uint64' },
      ],
    };
    const shown = TypedDataEncoder.hash({ name: 'CairnApproval', version: '1', chainId, verifyingContract: VAULT }, types, {
      intent: digest,
      request: requestId,
      approver: 'ann',
      expires: EXPIRES_S,
    });
    strictEqual(toHex(approvalDigest(factsWith(), 'ann', EXPIRES_S)), shown);
  });
});
