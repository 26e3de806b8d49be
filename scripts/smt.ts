/**
 * `node scripts/smt.ts`: proves the vault's cap and replay invariants with the SMTChecker inside solc (CHC engine, the Z3 inside npm's solc), in about a minute. Ends 1 if anything is left unproven.
 * The models are in test/contracts/smt; they run the vault's own libraries.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { assert } from '#base';

export interface Verdict {
  readonly model: string;
  /** The assertion as the model writes it. */
  readonly assertion: string;
  readonly isProven: boolean;
}

interface Model {
  readonly name: string;
  readonly library: string;
  /** What the checker is given instead of the sources as they are. */
  prepare(model: string, library: string): string;
}

const ROOT = new URL('..', import.meta.url);
/** solc's codes of the checker: 9576 a target is safe; 6328 one may be violated; 5840 and 1391 the sums of either, which it prints instead where it is not asked for each. */
const SAFE = '9576';

const MODELS: readonly Model[] = [
  { name: 'CapsModel', library: 'DailyCap', prepare: (model, library) => join(model, library) },
  {
    name: 'ReplayModel',
    library: 'InstructionState',
    // Z3 neither finishes on words of 256 bits nor looks through calls that work on bits. Each operation works on every bit by itself, so eight bits stand for all. Every function is one expression, so
    // it can be written out where it is called. And the flag may be any word: nothing depends on where it is.
    prepare: (model, library) => narrow(writeOut(join(model, library))),
  },
];

/** One source instead of two: the library, then the model without its import and its pragma. */
function join(model: string, library: string): string {
  return `${library}\n${model.replace(/^(?:import|pragma|\/\/ SPDX).*$/gm, '')}`;
}

const ONE_EXPRESSION = /function (\w+)\(([^)]*)\) (?:internal|private) pure returns \(\w+\) \{\s*return ([^;]+);\s*\}/g;

/** Writes functions of one expression out where they are called, until there is no call left, and drops them. */
function writeOut(source: string): string {
  const functions = [...source.matchAll(ONE_EXPRESSION)].map(([, name, parameters, body]) => ({
    name: name!,
    parameters: parameters!.split(',').map((parameter) => parameter.trim().split(' ')[1]!),
    body: body!.trim(),
  }));
  const called = functions.reduce((text, { name }) => text.replace(new RegExp(`(\\w+)\\.${name}\\(`, 'g'), `${name}($1, `), source.replace(ONE_EXPRESSION, ''));
  const expand = (text: string): string =>
    functions.reduce(
      (expanded, { name, parameters, body }) =>
        expanded.replace(new RegExp(`\\b(?<!function )${name}\\(([^()]*)\\)`, 'g'), (_, list: string) => {
          const values = list.split(',').map((value) => value.trim());
          const written = body.replace(/(\w+)\.(\w+)\((\w*)\)/g, '$2($1, $3)');
          return `(${parameters.reduce((inner, parameter, index) => inner.replace(new RegExp(`\\b${parameter}\\b`, 'g'), `\u0000${values[index]}`), written).replaceAll('\u0000', '')})`;
        }),
      text,
    );
  let [before, after] = ['', called];
  while (before !== after) [before, after] = [after, expand(after)];
  return after;
}

/** The same source over words of eight bits, with any flag. */
function narrow(source: string): string {
  const flagged = source
    .replace(/^ *uint256 internal constant OPENED.*$/m, '')
    .replace(/\b(?:InstructionState\.)?OPENED\b/g, 'flag')
    .replace(/(function \w+\()(?=[^)]*\) external)/g, '$1uint8 flag, ');
  return flagged.replaceAll('uint256', 'uint8');
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8');
}

/** What the checker says of every assertion of a model; `change` breaks the library first, to see whether it notices. */
export function check(name: string, change: (library: string) => string = (library) => library): Verdict[] {
  const model = MODELS.find((candidate) => candidate.name === name);
  assert(model, `${name} is a model`);
  const library = change(read(`contracts/libraries/${model.library}.sol`));
  const source = model.prepare(read(`test/contracts/smt/${name}.sol`), library);
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const settings = {
    // No timeout: it crashes this build of Z3.
    modelChecker: { engine: 'chc', solvers: ['z3'], contracts: { model: [name] }, targets: ['assert'], showProvedSafe: true, showUnproved: true },
    outputSelection: { '*': { '*': ['abi'] } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources: { model: { content: source } }, settings }))) as {
    errors?: { severity: string; errorCode: string; formattedMessage: string; sourceLocation?: { start: number; end: number } }[];
  };
  const messages = output.errors ?? [];
  const failure = messages.find(({ severity }) => severity === 'error');
  assert(!failure, failure?.formattedMessage ?? '');
  const safe = new Set(messages.filter(({ errorCode }) => errorCode === SAFE).map(({ sourceLocation }) => sourceLocation?.start));
  // Every assertion of the source is a target; one that the checker does not mention is not proven.
  return [...source.matchAll(/\bassert\(.*\);/g)].map(({ 0: assertion, index }) => ({ model: name, assertion, isProven: safe.has(index) }));
}

if (import.meta.main) {
  const verdicts = MODELS.flatMap(({ name }) => check(name));
  for (const { model, assertion, isProven } of verdicts) console.log(`${isProven ? 'proven  ' : 'UNPROVEN'}  ${model}: ${assertion}`);
  const unproven = verdicts.filter(({ isProven }) => !isProven).length;
  console.log(`${verdicts.length - unproven} proven, ${unproven} unproven`);
  process.exitCode = unproven === 0 ? 0 : 1;
}
