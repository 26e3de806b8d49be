import assert from 'node:assert/strict';
import { Pair, type Aborted } from '#mpc/protocol';
import { equal } from '../../../../mpc/protocol/primitives/constantTime.ts';
import { SETUP_FIELDS } from '../support/fields.ts';
import { mustBlame, P2, run } from '../support/setup.ts';
import { changesOf, type Field } from '../support/tampering.ts';

describe('the messages of a set-up', function () {
  this.timeout(0);

  it('T-04 every field of every message: flipped, + 1, + q, all ones, and messages of another run, round or direction, make no pair that anybody could sign with', () => {
    const names = {
      nonce: SETUP_FIELDS.nonce,
      exchange: SETUP_FIELDS.exchange.filter(({ name }) => name !== 'the phi between'),
      opening: SETUP_FIELDS.opening,
    };
    for (const [step, fields] of Object.entries(names) as [keyof typeof names, readonly Field[]][])
      for (const field of fields)
        for (const change of changesOf(field)) {
          const { mine, theirs } = run((at, bytes) => (at === step ? change.apply(bytes) : bytes));
          // Another point of the curve makes a pair of another name, and the first round of signing compares names in clear before anything that depends on Delta; whatever else is changed is seen here.
          if (mine instanceof Pair)
            assert.ok(step === 'exchange' && field.length === 33 && !equal(mine.secrets.setupId, theirs().secrets.setupId), change.name);
          else {
            const { problem, culprit, effect } = mine.abort;
            assert.ok(['mpc/malformed-message', 'mpc/bad-opening'].includes(problem.code) && culprit === P2 && effect !== 'poison-pair', change.name);
          }
        }
    const other = { nonce: new Uint8Array(), exchange: new Uint8Array(), opening: new Uint8Array() };
    run((step, bytes) => {
      other[step] = new Uint8Array(bytes);
      return bytes;
    });
    for (const step of ['exchange', 'opening'] as const) mustBlame(run((at, bytes) => (at === step ? other[step] : bytes)).mine as Aborted, 'mpc/bad-opening', `${step} of another run`); // prettier-ignore
    for (const [step, wrong] of [['nonce', 'exchange'], ['exchange', 'opening'], ['opening', 'nonce']] as const) mustBlame(run((at, bytes) => (at === step ? other[wrong] : bytes)).mine as Aborted, 'mpc/malformed-message', `${wrong} in the place of ${step}`); // prettier-ignore
  });
});
