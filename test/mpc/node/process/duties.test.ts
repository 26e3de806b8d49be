import { strict as assert } from 'node:assert';
import { Problem, utf8 } from '#base';
import { memoryFromJson } from '../../../../mpc/node/process/duties.ts';
import { bytes, PAYEE, TOKEN } from '../fixtures.ts';

const debit = { chainId: '31337', token: TOKEN, payee: PAYEE, amount: '5' };
const spent = { digest: bytes(1, 32), atMs: 7, debits: [debit] };
const poisoning = {
  event: 'poisoned',
  keyId: bytes(2, 32),
  epochId: bytes(3, 32),
  peer: 2,
  generation: 1,
  sid: bytes(4, 32),
  check: 'ote',
  audit: { seq: 3, hash: bytes(5, 32) },
  atMs: 9,
};

describe('what a peer remembers of a restored node', () => {
  const read = (memory: unknown) => memoryFromJson(utf8(JSON.stringify(memory)));

  it('is taken where it is one', () => {
    const memory = read({ spent: [spent], poisonings: [poisoning] });
    assert.equal(memory.spent[0]!.debits[0]!.amount, 5n);
    assert.deepEqual(memory.poisonings, [poisoning]);
  });

  const wrong: readonly (readonly [string, unknown])[] = [
    ['an amount below nothing, which would give back what was spent', { spent: [{ ...spent, debits: [{ ...debit, amount: '-5' }] }], poisonings: [] }],
    ['an amount in another spelling', { spent: [{ ...spent, debits: [{ ...debit, amount: '0x5' }] }], poisonings: [] }],
    ['a time that is none', { spent: [{ ...spent, atMs: 1.5 }], poisonings: [] }],
    ['a digest that is none', { spent: [{ ...spent, digest: {} }], poisonings: [] }],
    ['a poisoning of nobody', { spent: [], poisonings: [null] }],
    ['a poisoning without its members', { spent: [], poisonings: [{ peer: 2 }] }],
    ['a member too many', { spent: [], poisonings: [], trust: 'me' }],
    ['a list', []],
    ['nothing', null],
  ];
  for (const [what, memory] of wrong)
    it(`is refused with ${what}`, () => assert.throws(() => read(memory), (error: unknown) => error instanceof Problem && error.code === 'wire/bad-frame')); // prettier-ignore
});
