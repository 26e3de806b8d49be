import assert from 'node:assert/strict';
import { folderExists, sourceFiles } from './tree.ts';

/** Folders of test/ that stand for no source folder: shared fixtures and vectors, the simulator, the long suites, the documents, and these tests. */
const OWN = ['docs', 'long', 'sim', 'style', 'support', 'vectors'];

/** Folders of test/ that mirror a top-level folder other than src. */
const TOP = ['contracts', 'mpc', 'scripts'];

describe('the tests mirror the sources', () => {
  const folders = [
    ...new Set(
      sourceFiles()
        .filter((file) => /^test\/.*\.test\.ts$/.test(file.path))
        .map((file) => file.folder.slice('test/'.length)),
    ),
  ];

  it('every folder with tests stands for a folder with sources', () => {
    const strays = folders.filter((folder) => {
      const [top = ''] = folder.split('/');
      return !OWN.includes(top) && !folderExists(TOP.includes(top) ? folder : `src/${folder}`);
    });
    assert.deepEqual(strays, []);
  });

  it('every test of the front row is named like a sentence, not like a function', () => {
    const calls = sourceFiles()
      .filter((file) => /^test\/.*\.test\.ts$/.test(file.path))
      .flatMap((file) => [...file.text().matchAll(/^\s*(?:it|test)\((['"`])(\w+)\1/gm)].map((match) => `${file.path}: "${match[2]}"`));
    assert.deepEqual(calls, []);
  });
});
