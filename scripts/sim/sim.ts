/** `npm run sim`: the deterministic simulator of a book. docs/simulator.md says what it does and how to read what it finds. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Report } from '#sim';
import { ROOT } from '../dev/child.ts';
import { plantAll } from './mutations.ts';
import { runSeeds } from './workers.ts';

const HELP = `npm run sim [-- OPTIONS]

  Runs seeds one after the other, each a book with its clients, writers, network, server and faults, checked against a model ledger. A seed that fails is printed
  with everything that is needed to run it again, and the exit code is 1.

  --seed N        the first seed; alone, the only one (without: a seed of the day)
  --seeds K       so many seeds
  --minutes M     seeds for so long (1 unless told otherwise)
  --operations N  commands that each seed answers (20000)
  --workers N     processes at a time (2, where there are as many cores)
  --mutations     plants each bug of scripts/sim/planted.ts in a copy of the sources and demands that the simulator finds it
  --help          this text
`;

const MINUTE_MS = 60_000;
const PROGRESS_MS = 5_000;

interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly untilMs: number;
  readonly operations: number;
  readonly workers: number;
}

/** Adds up what many seeds did. */
class Tally {
  seeds = 0;
  operations = 0;
  records = 0;
  readonly counts = new Map<string, number>();
  readonly findings: Report[] = [];

  add(report: Report): void {
    this.seeds += 1;
    this.operations += report.operations;
    this.records += report.records;
    for (const [what, times] of Object.entries(report.counts)) this.counts.set(what, (this.counts.get(what) ?? 0) + times);
    if (report.finding) this.findings.push(report);
  }
}

function printFinding({ seed, finding }: Report, operations: number): void {
  if (!finding) return;
  console.log(`\nFINDING in seed ${seed}, step ${finding.step}\n  ${finding.what}\n`);
  for (const line of finding.lately) console.log(`    ${line}`);
  console.log(
    `\n  again: npm run sim -- --seed ${seed} --operations ${operations}\n  keep:  a line "${seed} ${operations}" in test/sim/seeds.txt, once it is mended`,
  );
}

async function simulateAll({ seed, seeds, untilMs, operations, workers }: Options): Promise<boolean> {
  const tally = new Tally();
  const startedMs = Date.now();
  let given = 0;
  const seconds = (): number => (Date.now() - startedMs) / 1_000;
  const speed = (): string => `${Math.round(tally.operations / seconds())} a second`;
  const progress = setInterval(
    () => console.log(`${seconds().toFixed(0)} s: ${tally.seeds} seeds, ${tally.operations} operations (${speed()}), ${tally.findings.length} findings`),
    PROGRESS_MS,
  );
  const next = () => (tally.findings.length === 0 && given < seeds && Date.now() < untilMs ? { seed: seed + given++, operations } : null);
  const onReport = (report: Report): void => {
    tally.add(report);
    printFinding(report, operations);
  };
  await runSeeds({ root: ROOT, workers, next, onReport });
  clearInterval(progress);
  console.log(`\n${tally.seeds} seeds from ${seed} on, ${tally.operations} operations, ${tally.records} records, ${seconds().toFixed(0)} s, ${speed()}`);
  const sorted = [...tally.counts].sort(([a], [b]) => Number(/_/.test(a)) - Number(/_/.test(b)) || (a < b ? -1 : 1));
  for (const [what, times] of sorted) console.log(`  ${String(times).padStart(10)}  ${what}`);
  console.log(tally.findings.length === 0 ? 'no findings' : `${tally.findings.length} findings`);
  return tally.findings.length === 0;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    operations: { type: 'string', default: '20000' },
    workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    mutations: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const workers = Number(values.workers);
if (values.help) process.stdout.write(HELP);
else if (values.mutations) process.exitCode = (await plantAll({ workers })) ? 0 : 1;
else {
  const isOne = values.seed !== undefined && values.seeds === undefined && values.minutes === undefined;
  const isBySeeds = values.seeds !== undefined && values.minutes === undefined;
  const isSound = await simulateAll({
    seed: values.seed === undefined ? Math.floor(Date.now() / 1_000) * 1_000 : Number(values.seed),
    seeds: isOne ? 1 : Number(values.seeds ?? Infinity),
    untilMs: isOne || isBySeeds ? Infinity : Date.now() + Number(values.minutes ?? 1) * MINUTE_MS,
    operations: Number(values.operations),
    workers: isOne ? 1 : workers,
  });
  process.exitCode = isSound ? 0 : 1;
}
