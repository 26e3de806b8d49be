/**
 * `npm run bench`: runs the sections of this folder and writes docs/benchmarks.md. A section is a file that exports `title` and `run()`, which measures and answers with markdown. Each keeps its own
 * date, machine and command in the page, so that one can be measured anew without touching the others.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { assert } from '#base';
import { ROOT } from '../dev/child.ts';
import { mergeSections, type Section } from './page.ts';

const PAGE = join(ROOT, 'docs', 'benchmarks.md');
/** Files of this folder that are no sections: the runner itself and what sections share. */
const SHARED = ['bench', 'page'];

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => basename(file, '.ts'))
  .filter((name) => !SHARED.includes(name))
  .sort();

const HELP = `npm run bench [-- NAME ...]

  Measures and writes docs/benchmarks.md; with names, only those sections: ${names.join(', ') || 'there is none yet'}.
`;

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${release()} ${arch()}, Node ${process.versions.node}`;
}

async function measure(name: string): Promise<Section> {
  const section = (await import(`./${name}.ts`)) as { readonly title?: string; readonly run?: () => Promise<string> };
  const { title, run } = section;
  assert(title !== undefined && run !== undefined, `scripts/bench/${name}.ts exports title and run()`);
  console.log(`\n== ${title}`);
  const body = await run();
  console.log(body);
  return { name, title, text: `*${new Date().toISOString().slice(0, 10)}, \`npm run bench -- ${name}\`, ${machine()}*\n\n${body.trim()}` };
}

const { values, positionals } = parseArgs({ options: { help: { type: 'boolean', short: 'h', default: false } }, allowPositionals: true });
const unknown = positionals.find((name) => !names.includes(name));
if (values.help) process.stdout.write(HELP);
else if (unknown !== undefined) {
  console.error(`npm run bench has no section "${unknown}": it knows ${names.join(', ')}.`);
  process.exitCode = 1;
} else {
  for (const name of positionals.length === 0 ? names : positionals) {
    const section = await measure(name);
    // Written after each section, so that an interrupted run keeps what it measured.
    writeFileSync(PAGE, mergeSections(existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '', section, names));
  }
}
