import assert from 'node:assert/strict';
import { digestOf } from '../support/dealer.ts';
import { signMany } from './honest.ts';

describe('honest signers, for long', function () {
  this.timeout(0);

  it('T-03 sign 2,000 times, in all pairs of 2-of-3 and all triples of 3-of-5, and three libraries take every signature', () => {
    assert.equal(
      signMany(2_000, (index) => digestOf(`long ${index}`)),
      2_000,
    );
  });
});
