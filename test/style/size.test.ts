import assert from 'node:assert/strict';
import { isCode, isGenerated, mayGrow, sourceFiles } from './tree.ts';

const FILES_A_FOLDER = 12;
const LINES_A_FILE = 400;

describe('the size of things', () => {
  const files = sourceFiles().filter((file) => !isGenerated(file));

  it(`no folder has more than ${FILES_A_FOLDER} files`, () => {
    const crowded = [...Map.groupBy(files, (file) => file.folder)].filter(([folder, inside]) => inside.length > FILES_A_FOLDER && !mayGrow(folder));
    assert.deepEqual(
      crowded.map(([folder, inside]) => `${folder}: ${inside.length} files`),
      [],
    );
  });

  it(`no file of code has more than ${LINES_A_FILE} lines`, () => {
    const long = files.filter(isCode).map((file) => ({ path: file.path, lines: file.text().split('\n').length - 1 }));
    assert.deepEqual(
      long.filter(({ lines }) => lines > LINES_A_FILE).map(({ path, lines }) => `${path}: ${lines} lines`),
      [],
    );
  });
});
