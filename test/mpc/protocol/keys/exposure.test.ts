import assert from 'node:assert/strict';
import { allParties, exportKey, importKey, mustRefresh, type KeyId, type KeyRecord } from '#mpc/protocol';
import { pointBytes, timesG } from '../../../../mpc/protocol/primitives/points.ts';
import { q, scalarBytes } from '../../../../mpc/protocol/primitives/scalars.ts';
import { recordsOf, runDkg, runRefresh, subsets } from '../support/ceremony.ts';
import { random } from '../support/dealer.ts';

describe('keys that somebody knows, or comes to know', () => {
  const facts = { t: 2, n: 3, keyId: random(32) as KeyId, chainCode: random(32), identities: allParties(3).map(() => random(32)) };

  it('imports a key as shares that have to be refreshed, and keeps its addresses', () => {
    const secret = scalarBytes(123456789n);
    const imported = importKey(secret, facts, random);
    assert.deepEqual(imported[0]!.publicKey, pointBytes(timesG(123456789n)));
    assert.deepEqual(imported[0]!.chainCode, facts.chainCode);
    assert.ok(imported.every((record) => mustRefresh(record)));
    const refreshed = recordsOf(runRefresh(imported));
    assert.ok(!refreshed.some((record) => mustRefresh(record)));
    assert.deepEqual(refreshed[0]!.publicKey, imported[0]!.publicKey);
    for (const S of subsets(allParties(3), 2))
      assert.deepEqual(
        exportKey(
          refreshed[0]!,
          S.map((id) => refreshed[id - 1]!),
          [],
        ),
        { status: 'EXPOSED', secret },
      );
  });

  it('refuses what is no key', () => {
    for (const secret of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(31), scalarBytes(q - 1n).slice(1)])
      assert.throws(() => importKey(secret, facts, random), /mpc\/bad-parameters/);
    assert.throws(() => importKey(scalarBytes(1n), { ...facts, chainCode: random(31) }, random), /mpc\/bad-parameters/);
  });

  it('never exports a child, and exports the root from exactly t shares of one epoch', () => {
    const records = recordsOf(runDkg(2, 3)) as [KeyRecord, KeyRecord, KeyRecord];
    const next = recordsOf(runRefresh(records)) as [KeyRecord, KeyRecord, KeyRecord];
    assert.throws(() => exportKey(records[0], records.slice(0, 2), [0]), /mpc\/child-export/);
    assert.throws(() => exportKey(records[0], records, []), /mpc\/not-enough-shares/);
    assert.throws(() => exportKey(records[0], [records[0]], []), /mpc\/not-enough-shares/);
    assert.throws(() => exportKey(records[0], [records[0], records[0]], []), /mpc\/bad-parameters/);
    assert.throws(() => exportKey(records[0], [records[0], next[1]], []), /mpc\/not-enough-shares/);
    assert.deepEqual(exportKey(records[0], [records[0], records[1]], []).secret, exportKey(next[0], [next[2], next[1]], []).secret);
  });
});
