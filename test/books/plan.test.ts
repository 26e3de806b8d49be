import assert from 'node:assert/strict';
import { Problem, type ProblemCode } from '#base';
import { planOf, type Plan, type Standing } from '../../src/books/plan.ts';
import { idOf } from '../ledger/support/table.ts';

const at = (status: Standing['status'], epoch: bigint, seq = 10n): Standing => ({
  status,
  epoch,
  seq,
  movedTo: status === 'moved' || status === 'moving' ? 'there' : null,
});

describe('what is left to do of a move', () => {
  const cases: readonly (readonly [what: string, there: Standing, here: Standing | null, plan: Plan | ProblemCode])[] = [
    ['a book that the target never had is moved', at('open', 3n), null, 'move'],
    ['so is one that was there before', at('open', 5n), at('moved', 4n), 'move'],
    ['so is one of which the target has the copy of a move that was called off', at('open', 5n), at('arriving', 4n), 'move'],
    ['so is one that was left, and its copy verified, before the mover ended', at('moving', 4n), at('arriving', 4n), 'move'],
    ['two books of one id are none', at('open', 5n), at('open', 1n), 'books/already-there'],
    ['nor are they while the other one is on its way', at('open', 5n), at('moving', 1n), 'books/already-there'],
    ['an old copy is not put in the place of what the book became', at('open', 3n), at('moved', 4n), 'books/newer-there'],
    ['not either where that has not arrived', at('moving', 3n), at('arriving', 4n), 'books/newer-there'],
    ['the copy of a source that was left for good is opened', at('moved', 4n), at('arriving', 4n), 'open'],
    ['it is copied again where it has less than the source was left with', at('moved', 4n), at('arriving', 4n, 9n), 'copy again'],
    ['likewise where it stands where it stood before', at('moved', 4n), at('arriving', 0n), 'copy again'],
    ['it is not opened where it comes from another source', at('moved', 4n), at('arriving', 6n), 'books/newer-there'],
    ['a book that was opened in the target is there', at('moved', 4n), at('open', 5n), 'is there'],
    ['a book of another time is not', at('moved', 4n), at('open', 4n), 'books/already-there'],
    ['it is not there any more where it moved on', at('moved', 4n), at('moved', 7n), 'ledger/no-such-book'],
    ['nor where it moves on', at('moved', 4n), at('moving', 7n), 'ledger/no-such-book'],
    ['nor where the target has nothing of it', at('moved', 4n), null, 'ledger/no-such-book'],
  ];

  for (const [what, there, here, expected] of cases) {
    it(what, () => {
      const plan = () => planOf(idOf('book'), 'there', there, here);
      if (!expected.includes('/')) assert.equal(plan(), expected);
      else assert.throws(plan, (error) => error instanceof Problem && error.code === expected);
    });
  }
});
