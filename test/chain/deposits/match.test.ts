import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { Problem, type Hex } from '#base';
import type { ChainLog } from '#chain';
import { DEPOSITED, matchDeposits, TOKEN_LISTED, TRANSFER } from '../../../src/chain/deposits/match.ts';
import { addressTopic, topicOf } from '../../../src/chain/reads/backwards.ts';

const VAULT: Hex = `0x${'aa'.repeat(20)}`;
const TOKENS: readonly Hex[] = [`0x${'01'.repeat(20)}`, `0x${'02'.repeat(20)}`];
const PEOPLE: readonly Hex[] = [`0x${'b1'.repeat(20)}`, `0x${'b2'.repeat(20)}`];
const word = (value: bigint | number): Hex => `0x${value.toString(16).padStart(64, '0')}`;

type Part = Pick<ChainLog, 'address' | 'topics' | 'data'>;
const moved = (token: Hex, from: Hex, to: Hex, amount: bigint): Part => ({
  address: token,
  topics: [TRANSFER, addressTopic(from), addressTopic(to)],
  data: word(amount),
});
const arrived = (token: Hex, from: Hex, amount: bigint): Part => moved(token, from, VAULT, amount);
const deposited = (reference: Hex, token: Hex, from: Hex, amount: bigint): Part => ({
  address: VAULT,
  topics: [DEPOSITED, reference, addressTopic(token), addressTopic(from)],
  data: word(amount),
});
const listed = (token: Hex): Part => ({ address: VAULT, topics: [TOKEN_LISTED, addressTopic(token)], data: word(0n) });

const paid = (token: Hex, amount: bigint): Part => ({
  address: VAULT,
  topics: [topicOf('Paid(bytes32,address,uint256,uint256)'), word(1), addressTopic(token)],
  data: word(amount),
});

/** Logs of transactions, each a list of parts, one transaction a block. */
function mine(...transactions: readonly (readonly Part[])[]): ChainLog[] {
  return transactions.flatMap((parts, at) =>
    parts.map((part, logIndex) => ({ ...part, blockNumber: BigInt(at), blockHash: word(at), transactionHash: word(1000 + at), logIndex })),
  );
}
const short = (logs: readonly ChainLog[]): unknown[] =>
  matchDeposits(1n, VAULT, logs).map(({ amount, kind, reference, identity }) => [amount, kind, reference, identity.logIndex]);

const [usd, eur] = TOKENS as [Hex, Hex];
const [ann, bob] = PEOPLE as [Hex, Hex];

describe('deposits among logs', () => {
  it('take their reference from the Deposited of the same transaction, token, payer and amount', () => {
    assert.deepEqual(short(mine([arrived(usd, ann, 5n), deposited(word(7), usd, ann, 5n)])), [[5n, 'referenced', word(7), 0]]);
    assert.deepEqual(short(mine([arrived(usd, ann, 5n)])), [[5n, 'plain', null, 0]]);
  });

  it('are matched one to one, the nearest before it first', () => {
    const two = [arrived(usd, ann, 5n), arrived(usd, ann, 5n), deposited(word(7), usd, ann, 5n)];
    assert.deepEqual(short(mine(two)), [
      [5n, 'plain', null, 0],
      [5n, 'referenced', word(7), 1],
    ]);
    assert.deepEqual(short(mine([...two, deposited(word(8), usd, ann, 5n)])), [
      [5n, 'referenced', word(8), 0],
      [5n, 'referenced', word(7), 1],
    ]);
  });

  const strangers: readonly (readonly [what: string, logs: readonly ChainLog[]])[] = [
    ['another transaction', mine([arrived(usd, ann, 5n)], [deposited(word(7), usd, ann, 5n)])],
    ['another token', mine([arrived(eur, ann, 5n), deposited(word(7), usd, ann, 5n)])],
    ['another payer', mine([arrived(usd, bob, 5n), deposited(word(7), usd, ann, 5n)])],
    ['another amount', mine([arrived(usd, ann, 6n), deposited(word(7), usd, ann, 5n)])],
    ['a transfer after it', mine([deposited(word(7), usd, ann, 5n), arrived(usd, ann, 5n)])],
    ['a transfer that another Deposited took', mine([arrived(usd, ann, 5n), deposited(word(7), usd, ann, 5n), deposited(word(8), usd, ann, 5n)])],
  ];
  for (const [what, logs] of strangers) {
    it(`never lend a reference to ${what}`, () => {
      assert.throws(
        () => matchDeposits(1n, VAULT, logs),
        (error) => error instanceof Problem && error.code === 'chain/deposit-unmatched',
      );
    });
  }

  it('are not a Deposited or a Transfer that some other contract made up', () => {
    const forged = { ...deposited(word(7), usd, ann, 5n), address: usd };
    assert.deepEqual(short(mine([arrived(usd, ann, 5n), forged])), [[5n, 'plain', null, 0]]);
    assert.deepEqual(short(mine([{ ...arrived(usd, ann, 5n), address: VAULT }])), []);
  });

  it('are not transfers of nothing, of the vault to itself, to others, or the probe of a token', () => {
    const none = [arrived(usd, ann, 0n), moved(usd, VAULT, VAULT, 5n), moved(usd, ann, bob, 5n)];
    const probe = [arrived(usd, ann, 1n), moved(usd, VAULT, ann, 1n), listed(usd)];
    assert.deepEqual(short(mine(none, probe)), []);
    assert.deepEqual(short(mine([arrived(usd, bob, 1n), ...probe])), [[1n, 'plain', null, 0]], 'only the probe itself');
    assert.deepEqual(short(mine([arrived(usd, ann, 1n), listed(usd)])), [[1n, 'plain', null, 0]], 'caps changed, nothing went back');
  });

  it('are not hidden by a payout of the same amount to the payer and a change of caps, whoever composes the transaction', () => {
    const payout = [moved(usd, VAULT, ann, 5n), paid(usd, 5n)];
    assert.deepEqual(short(mine([arrived(usd, ann, 5n), ...payout, listed(usd)])), [[5n, 'plain', null, 0]]);
    const signed = [arrived(usd, ann, 5n), deposited(word(7), usd, ann, 5n)];
    assert.deepEqual(short(mine([...signed, ...payout, listed(usd)])), [[5n, 'referenced', word(7), 0]]);
    assert.deepEqual(short(mine([...payout, ...signed, listed(usd)])), [[5n, 'referenced', word(7), 2]]);
    const probe = [arrived(usd, ann, 5n), moved(usd, VAULT, ann, 5n), listed(usd)];
    assert.deepEqual(short(mine([arrived(usd, ann, 5n), ...payout, ...probe])), [[5n, 'plain', null, 0]], 'only the probe that follows');
    assert.deepEqual(short(mine([arrived(usd, ann, 5n), ...probe, listed(usd)])), [[5n, 'plain', null, 0]], 'and once');
  });

  it('add up to what arrived, whatever is mixed into a transaction', () => {
    const part = fc.record({ token: fc.constantFrom(...TOKENS), from: fc.constantFrom(...PEOPLE), amount: fc.bigInt(1n, 3n), referenced: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(part, { maxLength: 6 }), { maxLength: 4 }), (plan) => {
        const logs = mine(
          ...plan.map((parts) =>
            parts.flatMap(({ token, from, amount, referenced }) => [
              arrived(token, from, amount),
              ...(referenced ? [deposited(word(9), token, from, amount)] : []),
            ]),
          ),
        );
        const found = matchDeposits(1n, VAULT, logs);
        const total = (amounts: readonly { amount: bigint }[]): bigint => amounts.reduce((sum, { amount }) => sum + amount, 0n);
        assert.equal(total(found), total(plan.flat()));
        assert.equal(found.filter(({ kind }) => kind === 'referenced').length, plan.flat().filter(({ referenced }) => referenced).length);
        assert.equal(new Set(found.map(({ digest }) => digest)).size, found.length, 'each its own identity');
      }),
    );
  });
});
