import assert from 'node:assert/strict';
import { integersOf, readArray } from './arrays.ts';

/** A row as a statement writes it: values by column. */
export type Written = Record<string, unknown>;

/** A batch's statement as its own text says it: what is written where, on which condition, and how many rows have to be changed. */
export interface AppendPlan {
  /** The head moves where its columns are what these parameters say. */
  readonly head: { readonly sets: readonly Assignment[]; readonly where: readonly Assignment[] };
  readonly inserts: readonly InsertPlan[];
  /** The holds that are changed, and what they have to be. */
  readonly settled: { readonly arrays: Arrays; readonly sets: readonly string[]; readonly isOpen: boolean } | null;
  /** Of which changes the rows are counted, and how many there have to be. */
  readonly counted: readonly string[];
  readonly meant: Source;
}

interface Assignment {
  readonly column: string;
  readonly param: number;
}

/** Array parameters that are unnested together, with the names of their columns. */
interface Arrays {
  readonly params: readonly { readonly no: number; readonly type: string }[];
  readonly names: readonly string[];
}

type Source = { readonly param: number } | { readonly literal: number } | { readonly array: number; readonly asIntegers: boolean };

interface InsertPlan {
  readonly table: string;
  readonly columns: readonly string[];
  readonly sources: readonly Source[];
  readonly arrays: Arrays;
}

/** The parts `name as ( ... )` of a statement, and what follows them. */
function partsOf(text: string): { readonly parts: ReadonlyMap<string, string>; readonly rest: string } {
  const parts = new Map<string, string>();
  let at = text.indexOf('with ') + 5;
  for (;;) {
    const begin = /^\s*,?\s*(\w+) as \(/.exec(text.slice(at));
    if (!begin) return { parts, rest: text.slice(at).trim() };
    let depth = 1;
    let end = at + begin[0].length;
    const start = end;
    for (; depth > 0; end++) depth += text[end] === '(' ? 1 : text[end] === ')' ? -1 : 0;
    parts.set(begin[1]!, text.slice(start, end - 1).trim());
    at = end;
  }
}

function arraysOf(args: string, names: string | undefined): Arrays {
  const params = [...args.matchAll(/\$(\d+)::(\w+)\[\]/g)].map((match) => ({ no: Number(match[1]), type: match[2]! }));
  assert.equal(params.length, args.split(',').length, `arrays in ${args}`);
  return { params, names: names?.split(',').map((name) => name.trim()) ?? params.map((_, i) => String(i)) };
}

function sourcesOf(list: string, arrays: Arrays): Source[] {
  return list.split(',').flatMap((item): Source[] => {
    const word = item.trim();
    if (/^(\w+\.)?\*$/.test(word)) return arrays.params.map((_, array) => ({ array, asIntegers: false }));
    const param = /^\$(\d+)::int8$/.exec(word);
    if (param) return [{ param: Number(param[1]) }];
    if (/^\d+$/.test(word)) return [{ literal: Number(word) }];
    const column = /^\w+\.(\w+)(::int4\[\])?$/.exec(word);
    const array = arrays.names.indexOf(column?.[1] ?? '');
    assert(array >= 0, `the simulated server does not know what ${word} is`);
    return [{ array, asIntegers: column?.[2] !== undefined }];
  });
}

function insertPlan(body: string): InsertPlan {
  const found = /^insert into \w+\.(\w+) \(([^)]*)\)\s*select ([\s\S]*?)\s+from unnest\(([\s\S]*?)\)(?:\s*as \w+(?: \(([^)]*)\))?)?$/.exec(body);
  assert(found, `the simulated server cannot read: ${body}`);
  const arrays = arraysOf(found[4]!, found[5]);
  const columns = found[2]!.split(',').map((name) => name.trim());
  const sources = sourcesOf(found[3]!, arrays);
  assert.equal(sources.length, columns.length, `columns and values of ${body}`);
  return { table: found[1]!, columns, sources, arrays };
}

function assignmentsOf(text: string, between: string): Assignment[] {
  return text.split(between).map((part) => {
    const found = /^\s*(\w+) = \$(\d+)::int8\s*$/.exec(part);
    assert(found, `the simulated server cannot read: ${part}`);
    return { column: found[1]!, param: Number(found[2]) };
  });
}

function settledPlan(body: string): AppendPlan['settled'] {
  const found =
    /^update \w+\.pending p\s+set ([\s\S]*?)\s+from unnest\(([\s\S]*?)\) as h \(([^)]*)\)\s+where p\.id = h\.id( and p\.status = 'open')?\s+returning 1$/.exec(
      body,
    );
  assert(found, `the simulated server cannot read: ${body}`);
  const sets = found[1]!.split(',').map((part) => {
    const set = /^\s*(\w+) = h\.(\w+)\s*$/.exec(part);
    assert(set && set[1] === set[2], `the simulated server cannot read: ${part}`);
    return set[1]!;
  });
  return { arrays: arraysOf(found[2]!, found[3]), sets, isOpen: found[4] !== undefined };
}

/** Reads the text of a statement that appends a batch. What it does not understand it refuses: then this has to learn it. */
export function appendPlanOf(statement: string): AppendPlan {
  const { parts, rest } = partsOf(statement.replaceAll(/--.*$/gm, ''));
  const moved = /^update \w+\.head set ([\s\S]*?) where ([\s\S]*?) returning 1$/.exec(parts.get('moved') ?? '');
  assert(moved, 'a batch moves the head');
  const settled = parts.get('settled');
  const fence = /^select cairn\.fence\(([\s\S]*), (?:\$(\d+)::int8|(\d+))\);$/.exec(rest);
  assert(fence, `a batch ends at the fence, not with ${rest}`);
  return {
    head: { sets: assignmentsOf(moved[1]!, ','), where: assignmentsOf(moved[2]!, ' and ') },
    inserts: [...parts].filter(([name]) => name !== 'moved' && name !== 'settled').map(([, body]) => insertPlan(body)),
    settled: settled === undefined ? null : settledPlan(settled),
    counted: [...fence[1]!.matchAll(/select count\(\*\) from (\w+)/g)].map((match) => match[1]!),
    meant: fence[2] === undefined ? { literal: Number(fence[3]) } : { param: Number(fence[2]) },
  };
}

export function scalar(source: Source, params: readonly unknown[]): bigint {
  assert(!('array' in source));
  return BigInt('literal' in source ? source.literal : String(params[source.param - 1]));
}

function columnsOf(arrays: Arrays, params: readonly unknown[]): unknown[][] {
  const columns = arrays.params.map(({ no, type }) => readArray(type, params[no - 1]));
  for (const column of columns) assert.equal(column.length, columns[0]!.length, 'arrays that are unnested together have one length');
  return columns;
}

/** The rows that an insert of the plan writes. */
export function insertedRows({ columns, sources, arrays }: InsertPlan, params: readonly unknown[]): Written[] {
  const values = columnsOf(arrays, params);
  const read = sources.map((source) => {
    if ('param' in source) return BigInt(String(params[source.param - 1]));
    return 'literal' in source ? source.literal : null;
  });
  return (values[0] ?? []).map((_, row) => {
    const written: Written = {};
    for (const [i, column] of columns.entries()) {
      const source = sources[i]!;
      if (!('array' in source)) written[column] = read[i];
      else written[column] = source.asIntegers ? integersOf(values[source.array]![row]) : values[source.array]![row];
    }
    return written;
  });
}

/** The holds that the plan changes: what each of them becomes. */
export function settledRows({ settled }: AppendPlan, params: readonly unknown[]): Written[] {
  if (!settled) return [];
  const values = columnsOf(settled.arrays, params);
  return (values[0] ?? []).map((_, row) => {
    const all = Object.fromEntries(settled.arrays.names.map((name, i) => [name, values[i]![row]]));
    return Object.fromEntries(['id', ...settled.sets].map((name) => [name, all[name]]));
  });
}
