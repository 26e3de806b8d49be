import assert from 'node:assert/strict';
import type { Hex } from '#base';
import { depositsOf, type MoneyLog } from '../../../src/audit/chain/deposits.ts';

const TOKEN: Hex = `0x${'aa'.repeat(20)}`;
const PAYER: Hex = `0x${'bb'.repeat(20)}`;
const OTHER: Hex = `0x${'cc'.repeat(20)}`;
const REFERENCE: Hex = `0x${'11'.repeat(16)}${'00'.repeat(16)}`;

type Given = readonly [kind: MoneyLog['kind'], party: Hex, amount: bigint];

function logs(given: readonly Given[]): MoneyLog[] {
  return given.map(([kind, party, amount], logIndex) => ({
    kind,
    transaction: `0x${'01'.repeat(32)}`,
    logIndex,
    block: 7,
    token: TOKEN,
    party,
    amount,
    reference: kind === 'deposited' ? REFERENCE : null,
  }));
}

function read(...given: readonly Given[]): readonly string[] {
  return depositsOf(logs(given)).map(({ logIndex, amount, reference }) => `${logIndex}: ${amount}${reference === null ? '' : ' referenced'}`);
}

describe('the deposits of a transaction, as an auditor reads them', () => {
  it('are its transfers to the vault, each with the reference that the vault announced for it', () => {
    assert.deepEqual(read(['in', PAYER, 5n]), ['0: 5']);
    assert.deepEqual(read(['in', PAYER, 5n], ['deposited', PAYER, 5n]), ['0: 5 referenced']);
  });

  it('give a reference to one transfer only: the nearest before it, of the same payer and amount', () => {
    assert.deepEqual(read(['in', PAYER, 5n], ['in', PAYER, 5n], ['deposited', PAYER, 5n]), ['0: 5', '1: 5 referenced']);
    assert.deepEqual(read(['in', PAYER, 5n], ['deposited', PAYER, 5n], ['deposited', PAYER, 5n]), ['0: 5 referenced']);
    assert.deepEqual(read(['in', OTHER, 5n], ['in', PAYER, 6n], ['deposited', PAYER, 5n]), ['0: 5', '1: 6']);
  });

  it('are not a transfer of nothing, nor the probe of a token that is being listed', () => {
    assert.deepEqual(read(['in', PAYER, 0n]), []);
    assert.deepEqual(read(['in', PAYER, 9n], ['out', PAYER, 9n], ['listed', '0x', 0n]), []);
    assert.deepEqual(read(['in', PAYER, 9n], ['out', OTHER, 9n], ['listed', '0x', 0n]), ['0: 9']);
  });

  it('are not hidden by a payout of the same amount to the payer and a change of caps, whoever composes the transaction', () => {
    const hidden: readonly Given[] = [
      ['in', PAYER, 9n],
      ['out', PAYER, 9n],
      ['paid', '0x', 9n],
      ['listed', '0x', 0n],
    ];
    assert.deepEqual(read(...hidden), ['0: 9']);
    assert.deepEqual(read(hidden[0]!, ['deposited', PAYER, 9n], ...hidden.slice(1)), ['0: 9 referenced']);
    assert.deepEqual(read(...hidden, ['in', PAYER, 9n], ['out', PAYER, 9n], ['listed', '0x', 0n]), ['0: 9'], 'only the probe that follows');
    assert.deepEqual(read(['in', PAYER, 9n], ['in', PAYER, 9n], ['out', PAYER, 9n], ['listed', '0x', 0n]), ['0: 9'], 'the nearest one is the probe');
  });
});
