import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '#sim';
import { ROOT } from '../dev/child.ts';
import { plant, PLANTED, type Planted } from './planted.ts';
import { runSeeds } from './workers.ts';

/** A bug that so many small seeds do not find is not found. */
const SEEDS = 150;
const OPERATIONS = 3_000;

/** A copy of everything that a seed runs, in which bugs may be planted. */
function copyOfSources(): string {
  const copy = mkdtempSync(join(tmpdir(), 'cairn-planted-'));
  for (const part of ['package.json', 'src', join('test', 'sim')]) cpSync(join(ROOT, part), join(copy, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

async function find(root: string, bug: Planted): Promise<Report | null> {
  const file = join(root, bug.file);
  const sound = readFileSync(file, 'utf8');
  writeFileSync(file, plant(sound, bug));
  let found: Report | null = null;
  let seed = 0;
  await runSeeds({
    root,
    workers: 1,
    next: () => (found === null && seed < SEEDS ? { seed: ++seed, operations: OPERATIONS } : null),
    onReport: (report) => (found ??= report.finding ? report : null),
  });
  writeFileSync(file, sound);
  return found;
}

/** Plants every bug and looks for it; true where each was found. Prints a table. */
export async function plantAll({ workers }: { readonly workers: number }): Promise<boolean> {
  const waiting = [...PLANTED];
  const missed: string[] = [];
  console.log('| planted bug | seed | step | found by |\n|--|--|--|--|');
  const work = async (): Promise<void> => {
    const root = copyOfSources();
    for (let bug = waiting.shift(); bug; bug = waiting.shift()) {
      const report = await find(root, bug);
      if (!report?.finding) missed.push(bug.name);
      console.log(`| ${bug.name} | ${report?.seed ?? '-'} | ${report?.finding?.step ?? '-'} | ${report?.finding?.check ?? 'NOT FOUND'} |`);
    }
    rmSync(root, { recursive: true, force: true });
  };
  await Promise.all(Array.from({ length: workers }, work));
  console.log(missed.length === 0 ? `all ${PLANTED.length} were found` : `not found: ${missed.join('; ')}`);
  return missed.length === 0;
}
