import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, type Hex } from '#base';
import { openOperators } from '#custody';

const GIVEN: readonly Hex[] = [`0x${'0a'.repeat(20)}`, `0x${'0b'.repeat(20)}`];
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

describe('the operators', () => {
  let folder: string;
  beforeEach(() => (folder = join(mkdtempSync(join(tmpdir(), 'cairn-operators-')), 'operators')));
  afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

  it('are who they are given to be, on any chain, and no key of theirs is made', async () => {
    for (const chainId of [1n, 31337n])
      assert.deepEqual(await openOperators({ given: GIVEN, folder, chainId, random }), { addresses: GIVEN, areRehearsal: false });
    assert.equal(existsSync(folder), false);
  });

  it('are a rehearsal on the local chain where nobody is named: two keys in a folder of their own, the same at every start', async () => {
    const first = await openOperators({ given: undefined, folder, chainId: 31337n, random });
    assert.equal(first.areRehearsal, true);
    assert.equal(new Set(first.addresses).size, 2);
    assert.deepEqual(await openOperators({ given: undefined, folder, chainId: 31337n, random }), first);
    assert.deepEqual(readdirSync(folder).sort(), ['operator-1.key', 'operator-2.key']);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  });

  it('have to be named on any other chain, before a key is made', async () => {
    await assert.rejects(
      openOperators({ given: undefined, folder, chainId: 1n, random }),
      (error) => error instanceof Problem && error.code === 'custody/operators-needed' && /OPERATORS=0x/.test(error.definition.howToSolve),
    );
    assert.equal(existsSync(folder), false);
  });
});
