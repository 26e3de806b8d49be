import assert from 'node:assert/strict';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { encodeFunctionData } from 'viem';
import { fromHex, type Hex } from '#base';
import { SETTLEMENT_VAULT_ABI } from '#chain/abi';
import { addressOf, fromRecovered } from '#custody/intents';
import {
  governanceText,
  proposalDigest,
  proposalText,
  readGovernanceText,
  readProposalText,
  scheduleData,
  transactionOf,
  withSignature,
  ZERO_32,
  type Proposal,
} from '#governance/core';
import { refusal } from '../support.ts';
import { address, DEPLOYMENT } from './samples.ts';

const KEYS = ['11', '22', '33'].map((byte): Hex => `0x${byte.repeat(32)}`);
const ownerOf = (key: Hex): Hex => addressOf(secp256k1.getPublicKey(fromHex(key)));
const calls = [{ to: DEPLOYMENT.vault, value: 0n, data: encodeFunctionData({ abi: SETTLEMENT_VAULT_ABI, functionName: 'pause' }) }];
const data = scheduleData({ calls, predecessor: ZERO_32, salt: ZERO_32, delayS: 5n });
const transaction = transactionOf({ kind: 'governance', chainId: 31337n, safe: DEPLOYMENT.safe, to: DEPLOYMENT.timelock, value: 0n, data, nonce: 7n });
const unsigned: Proposal = { note: 'why', transaction, signatures: [] };
const sign = (key: Hex): Hex =>
  fromRecovered(secp256k1.sign(proposalDigest(DEPLOYMENT, transaction), fromHex(key), { prehash: false, lowS: true, format: 'recovered' }));
const signed = KEYS.reduce((proposal, key) => withSignature(DEPLOYMENT, proposal, ownerOf(key), sign(key)), unsigned);

type Json = Record<string, unknown> & { transaction: Record<string, unknown>; signatures: Record<string, unknown>[] };
const changed = (change: (file: Json) => void): string => {
  const file = JSON.parse(proposalText(DEPLOYMENT, signed)) as Json;
  change(file);
  return JSON.stringify(file);
};

describe('the file of a proposal', () => {
  it('is read back as it was written, signatures in the order of their owners', () => {
    assert.deepEqual(readProposalText(DEPLOYMENT, proposalText(DEPLOYMENT, unsigned)), unsigned);
    assert.deepEqual(readProposalText(DEPLOYMENT, proposalText(DEPLOYMENT, signed)), signed);
    const owners = signed.signatures.map(({ owner }) => owner);
    assert.deepEqual(owners, [...owners].sort());
    assert.equal(withSignature(DEPLOYMENT, signed, ownerOf(KEYS[0]!), sign(KEYS[0]!)).signatures.length, 3, 'who signs twice has signed once');
  });

  it('with any member left out, added or of another type is no proposal', () => {
    const file = JSON.parse(proposalText(DEPLOYMENT, signed)) as Json;
    for (const [what, at] of [
      ['', (json: Json) => json],
      ['transaction.', (json: Json) => json.transaction],
      ['signatures.0.', (json: Json) => json.signatures[0]!],
    ] as const)
      for (const member of Object.keys(at(file))) {
        for (const wrong of [null, {}, -1, '\u0000'])
          assert.throws(
            () =>
              readProposalText(
                DEPLOYMENT,
                changed((json) => (at(json)[member] = wrong)),
              ),
            refusal('governance/bad-proposal'),
            `${what}${member} ${JSON.stringify(wrong)}`,
          );
        assert.throws(
          () =>
            readProposalText(
              DEPLOYMENT,
              changed((json) => delete at(json)[member]),
            ),
          refusal('governance/bad-proposal'),
          `${what}${member} left out`,
        );
        assert.throws(
          () =>
            readProposalText(
              DEPLOYMENT,
              changed((json) => (at(json)['more'] = 1)),
            ),
          refusal('governance/bad-proposal'),
        );
      }
    for (const text of ['', '[]', 'null', '{', proposalText(DEPLOYMENT, signed).slice(0, -3)])
      assert.throws(() => readProposalText(DEPLOYMENT, text), refusal('governance/bad-proposal'));
  });

  it('changed in anything that is signed has no signature that holds', () => {
    for (const [member, value] of [
      ['to', address('ee')],
      ['value', '1'],
      ['data', `${data}00`],
      ['nonce', '8'],
    ] as const)
      assert.throws(
        () =>
          readProposalText(
            DEPLOYMENT,
            changed((json) => (json.transaction[member] = value)),
          ),
        refusal('governance/bad-signature'),
        member,
      );
    const [first, second] = signed.signatures;
    assert.throws(
      () =>
        readProposalText(
          DEPLOYMENT,
          changed((json) => (json.signatures[0]!['owner'] = second!.owner)),
        ),
      refusal('governance/bad-signature'),
    );
    assert.throws(() => withSignature(DEPLOYMENT, unsigned, address('ee'), first!.signature), refusal('governance/bad-signature'));
    assert.throws(() => withSignature({ ...DEPLOYMENT, chainId: '1' }, unsigned, first!.owner, first!.signature), refusal('governance/bad-signature'));
    assert.throws(() => withSignature({ ...DEPLOYMENT, safe: address('ee') }, unsigned, first!.owner, first!.signature), refusal('governance/bad-signature'));
  });

  it('of another deployment is told apart from a bad one', () => {
    for (const [member, value] of [
      ['chainId', '1'],
      ['safe', address('ee')],
      ['timelock', address('ee')],
    ] as const)
      assert.throws(
        () =>
          readProposalText(
            DEPLOYMENT,
            changed((json) => (json[member] = value)),
          ),
        refusal('governance/other-deployment'),
        member,
      );
  });
});

describe('the file of a deployment', () => {
  it('is read back as it was written, and refused with anything missing, added or misspelled', () => {
    assert.deepEqual(readGovernanceText(governanceText(DEPLOYMENT), 'f'), DEPLOYMENT);
    for (const member of Object.keys(DEPLOYMENT)) {
      const rest: Record<string, unknown> = { ...DEPLOYMENT };
      delete rest[member];
      assert.throws(() => readGovernanceText(JSON.stringify(rest), 'f'), refusal('cli/bad-file'), member);
    }
    assert.throws(() => readGovernanceText(JSON.stringify({ ...DEPLOYMENT, more: 1 }), 'f'), refusal('cli/bad-file'));
    assert.throws(() => readGovernanceText(JSON.stringify({ ...DEPLOYMENT, safe: DEPLOYMENT.safe.toUpperCase() }), 'f'), refusal('cli/bad-file'));
    assert.throws(() => readGovernanceText('no json', 'f'), refusal('cli/bad-file'));
  });
});
