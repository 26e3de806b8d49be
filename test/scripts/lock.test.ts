import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { missingPackages, platformOf, type Packages } from '../../scripts/dev/lock.ts';

describe('package-lock.json', () => {
  const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as { packages: Packages };

  it('names every optional package, or `npm ci` refuses it (complete it with `npx cairn dev lock`)', () => assert.deepEqual(missingPackages(packages), []));

  it('would be found to lack a package of another platform', () => {
    const parent = { version: '1.0.0', optionalDependencies: { '@x/y-linux-arm64-musl': '1.0.0', '@x/y-linux-x64-gnu': '1.0.0' } };
    const lacking: Packages = { '': {}, 'node_modules/a/node_modules/b': parent, 'node_modules/a/node_modules/@x/y-linux-x64-gnu': { version: '1.0.0' } };
    assert.deepEqual(missingPackages(lacking), [{ name: '@x/y-linux-arm64-musl', version: '1.0.0' }]);
  });

  it('takes the platform from the name of a binary', () => {
    assert.deepEqual(platformOf('@oxlint/binding-linux-arm-musleabihf'), { os: ['linux'], cpu: ['arm'], libc: ['musl'] });
    assert.deepEqual(platformOf('@foundry-rs/anvil-darwin-amd64'), { os: ['darwin'], cpu: ['x64'] });
  });
});
