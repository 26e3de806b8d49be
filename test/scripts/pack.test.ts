import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verify } from '@noble/secp256k1';
import { PACKAGES } from '../../scripts/pack/packages.ts';
import { buildPackage, type PackageSpec } from '../../scripts/pack/build.ts';
import { ROOT } from '../../scripts/dev/child.ts';
import { npmCli } from '../../scripts/setup/npm.mjs';

const SPEC: PackageSpec = {
  name: '@cairn-ledger/under-test',
  description: 'The pure core of the anchored log, packed to see that packing works.',
  entries: { '.': 'src/anchor/core/core.ts', './base': 'src/base/base.ts' },
  allowed: ['@noble/curves', '@noble/hashes', '@noble/secp256k1'],
  readme: 'Only for a test.',
};

const USE = `
import { mth } from '@cairn-ledger/under-test';
import { utf8, toHex, Problem } from '@cairn-ledger/under-test/base';
console.log(toHex(mth([utf8('a'.repeat(32)), utf8('b'.repeat(32))])), new Problem('base/bad-amount', 'x').definition.status);
`;

function run(folder: string, program: string, ...args: string[]): string {
  return execFileSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Installs a packed package in an empty folder. Its dependencies come from our own node_modules, in the very versions it names: npm finds nothing missing and asks no registry, which may be away. */
function installOffline(folder: string, { tarball, dependencies }: ReturnType<typeof buildPackage>): void {
  const needed = Object.keys(dependencies).map((name) => join(ROOT, 'node_modules', name));
  const packed = JSON.parse(run(folder, npmCli(), 'pack', ...needed, '--json', '--ignore-scripts', '--loglevel=error')) as { filename: string }[];
  const tarballs = Object.values(packed).map(({ filename }) => `./${filename}`);
  assert.equal(tarballs.length, needed.length);
  run(folder, npmCli(), 'install', tarball, ...tarballs, '--offline', '--cache', join(folder, 'cache'), '--no-audit', '--no-fund', '--loglevel=error');
}

describe('a packed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-pack-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is plain JavaScript with types, exact dependencies and only the doors it needs', function () {
    this.timeout(120_000);
    const { dependencies } = buildPackage(SPEC, join(folder, 'under-test'));
    const manifest = JSON.parse(readFileSync(join(folder, 'under-test', 'package.json'), 'utf8')) as {
      imports: Record<string, unknown>;
      dependencies: Record<string, string>;
    };
    assert.match(dependencies['@noble/hashes'] ?? '', /^\d+\.\d+\.\d+$/);
    assert.ok('#base' in manifest.imports);
    assert.ok(!('#http' in manifest.imports));
    assert.deepEqual(manifest.dependencies, dependencies);
  });

  it('works where it is installed in an empty folder', function () {
    this.timeout(120_000);
    const built = buildPackage(SPEC, join(folder, 'under-test'));
    const empty = mkdtempSync(join(folder, 'empty-'));
    writeFileSync(join(empty, 'package.json'), '{ "private": true, "type": "module" }');
    writeFileSync(join(empty, 'use.js'), USE);
    installOffline(empty, built);
    assert.match(run(empty, 'use.js'), /^0x[0-9a-f]{64} 400\n$/);
  });

  it('of the threshold protocol makes a 2-of-3 key and signs by the example in its README, in an empty folder', function () {
    this.timeout(120_000);
    const spec = PACKAGES.find(({ name }) => name === '@cairn-ledger/threshold');
    assert.ok(spec);
    const built = buildPackage(spec, join(folder, 'threshold'));
    const empty = mkdtempSync(join(folder, 'signing-'));
    writeFileSync(join(empty, 'package.json'), '{ "private": true, "type": "module" }');
    installOffline(empty, built);
    const example = /```js\n([\s\S]*?)```/.exec(readFileSync(join(empty, 'node_modules', '@cairn-ledger', 'threshold', 'README.md'), 'utf8'))?.[1];
    assert.ok(example);
    writeFileSync(join(empty, 'sign.js'), example);
    const signed = JSON.parse(run(empty, 'sign.js')) as { publicKey: string; digest: string; signature: string; recovery: number };
    assert.ok(verify(Buffer.from(signed.signature, 'hex'), Buffer.from(signed.digest, 'hex'), Buffer.from(signed.publicKey, 'hex'), { prehash: false }));
    assert.ok(readFileSync(join(empty, 'node_modules', '@cairn-ledger', 'threshold', 'mpc', 'protocol', 'protocol.d.ts'), 'utf8').includes('acceptSigning'));
  });

  it('refuses a dependency that it must not have', function () {
    this.timeout(120_000);
    assert.throws(() => buildPackage({ ...SPEC, allowed: [] }, join(folder, 'refused')), /would depend on @noble\//);
  });
});
