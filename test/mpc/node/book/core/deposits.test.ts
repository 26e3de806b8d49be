import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { Problem, type Hex } from '#base';
import type { ChainLog } from '#chain';
import { depositAt } from '../../../../../mpc/node/book/core/deposits.ts';
import { DEPOSITED, matchDeposits, TOKEN_LISTED, TRANSFER } from '../../../../../src/chain/deposits/match.ts';
import { addressTopic, topicOf } from '../../../../../src/chain/reads/backwards.ts';

const VAULT: Hex = `0x${'aa'.repeat(20)}`;
const [usd, eur]: readonly [Hex, Hex] = [`0x${'01'.repeat(20)}`, `0x${'02'.repeat(20)}`];
const [ann, bob]: readonly [Hex, Hex] = [`0x${'b1'.repeat(20)}`, `0x${'b2'.repeat(20)}`];
const word = (value: bigint | number): Hex => `0x${value.toString(16).padStart(64, '0')}`;

type Part = Pick<ChainLog, 'address' | 'topics' | 'data'>;
const moved = (token: Hex, from: Hex, to: Hex, amount: bigint): Part => ({
  address: token,
  topics: [TRANSFER, addressTopic(from), addressTopic(to)],
  data: word(amount),
});
const arrived = (token: Hex, from: Hex, amount: bigint): Part => moved(token, from, VAULT, amount);
const referred = (reference: number, token: Hex, from: Hex, amount: bigint): Part => ({
  address: VAULT,
  topics: [DEPOSITED, word(reference), addressTopic(token), addressTopic(from)],
  data: word(amount),
});
const listed = (token: Hex): Part => ({ address: VAULT, topics: [TOKEN_LISTED, addressTopic(token)], data: word(0) });
const paid = (token: Hex): Part => ({
  address: VAULT,
  topics: [topicOf('Paid(bytes32,address,uint256,uint256)'), word(1), addressTopic(token)],
  data: word(1),
});
const approved = (token: Hex, from: Hex): Part => ({
  address: token,
  topics: [topicOf('Approval(address,address,uint256)'), addressTopic(from), addressTopic(VAULT)],
  data: word(1),
});

/** What the platform reads of a transaction for its scan (src/chain/deposits): of one that lists a token whatever the vault says and pays as well. */
function scanned(logs: readonly ChainLog[]): ChainLog[] {
  const isListing = logs.some(({ address, topics }) => address === VAULT && topics[0] === TOKEN_LISTED);
  return logs.filter(({ address, topics: [kind, from, to] }) => {
    if (address === VAULT) return isListing || kind === DEPOSITED;
    return kind === TRANSFER && (to === addressTopic(VAULT) || (isListing && from === addressTopic(VAULT)));
  });
}

/** [log index, token, payer, amount, reference] of every deposit in a transaction, as the platform books it and as a signer believes it. */
function byBoth(parts: readonly Part[]): readonly [platform: unknown[] | 'unmatched', signer: unknown[]] {
  const logs = parts.map((part, logIndex): ChainLog => ({ ...part, blockNumber: 1n, blockHash: word(1), transactionHash: word(2), logIndex }));
  const believed = logs.flatMap(({ logIndex }) => {
    const fact = depositAt(VAULT, logs, logIndex);
    return fact ? [[logIndex, fact.token, fact.from, fact.amount, fact.reference]] : [];
  });
  try {
    const booked = matchDeposits(1n, VAULT, scanned(logs));
    return [booked.map(({ identity, token, from, amount, reference }) => [identity.logIndex, token, from, amount, reference]), believed];
  } catch (error) {
    assert.ok(error instanceof Problem && error.code === 'chain/deposit-unmatched');
    return ['unmatched', believed];
  }
}

const of = (logIndex: number, from: Hex, amount: bigint, reference: number | null = null, token = usd): unknown[] => [
  logIndex,
  token,
  from,
  amount,
  reference === null ? null : word(reference),
];

describe('a deposit in an odd transaction, as the platform books it and as a signer believes it,', () => {
  const odd: readonly (readonly [what: string, parts: readonly Part[], deposits: readonly unknown[]])[] = [
    ['with a permit before it', [approved(usd, ann), arrived(usd, ann, 5n), referred(7, usd, ann, 5n)], [of(1, ann, 5n, 7)]],
    ['the same amount twice, once with a reference', [arrived(usd, ann, 5n), arrived(usd, ann, 5n), referred(7, usd, ann, 5n)], [of(0, ann, 5n), of(1, ann, 5n, 7)]],
    ['with two references for two transfers alike', [arrived(usd, ann, 5n), arrived(usd, ann, 5n), referred(7, usd, ann, 5n), referred(8, usd, ann, 5n)], [of(0, ann, 5n, 8), of(1, ann, 5n, 7)]],
    ['of several payers and tokens', [arrived(usd, ann, 5n), arrived(eur, ann, 5n), arrived(usd, bob, 5n), referred(7, usd, bob, 5n)], [of(0, ann, 5n), of(1, ann, 5n, null, eur), of(2, bob, 5n, 7)]],
    ['beside a payout of the same amount', [arrived(usd, ann, 5n), moved(usd, VAULT, ann, 5n), paid(usd)], [of(0, ann, 5n)]],
    ['beside a listing with its probe', [arrived(usd, ann, 1n), referred(7, usd, ann, 1n), arrived(usd, bob, 1n), moved(usd, VAULT, bob, 1n), listed(usd)], [of(0, ann, 1n, 7)]],
    ['before a payout of the same amount and new caps, which have no probe', [arrived(usd, ann, 5n), moved(usd, VAULT, ann, 5n), paid(usd), listed(usd)], [of(0, ann, 5n)]],
    ['before a reference and caps that follow it', [arrived(usd, ann, 5n), referred(7, usd, ann, 5n), listed(usd)], [of(0, ann, 5n, 7)]],
    ['that passes through the vault', [arrived(usd, ann, 5n), moved(usd, VAULT, VAULT, 5n), moved(usd, VAULT, bob, 5n)], [of(0, ann, 5n)]],
  ]; // prettier-ignore
  for (const [what, parts, deposits] of odd) it(`is the same: ${what}`, () => assert.deepEqual(byBoth(parts), [deposits, deposits]));

  it('is the same in whatever order a transaction says whatever', () => {
    const [token, person, amount] = [fc.constantFrom(usd, eur), fc.constantFrom(ann, bob), fc.bigInt({ min: 0n, max: 2n })];
    const part = fc.oneof(
      { weight: 4, arbitrary: fc.tuple(token, person, amount).map((all) => arrived(...all)) },
      { weight: 2, arbitrary: fc.tuple(token, person, amount).map(([coin, to, units]) => moved(coin, VAULT, to, units)) },
      { weight: 2, arbitrary: fc.tuple(fc.constantFrom(7, 8), token, person, amount).map((all) => referred(...all)) },
      { weight: 2, arbitrary: token.map(listed) },
      token.map(paid),
      fc.tuple(token, person).map((all) => approved(...all)),
      fc.tuple(token, amount).map(([coin, units]) => moved(coin, VAULT, VAULT, units)),
    );
    let compared = 0;
    fc.assert(
      fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
        const [platform, signer] = byBoth(parts);
        // A vault that says more than its tokens is none that is ours; the platform stops there.
        if (platform === 'unmatched') return;
        compared++;
        assert.deepEqual(signer, platform);
      }),
      { numRuns: 5_000 },
    );
    assert.ok(compared > 1_000, `${compared} transactions`);
  });
});
