import assert from 'node:assert/strict';
import fc from 'fast-check';
import { auditExport } from '#audit';
import { Problem } from '#base';
import { exportOf, recordedChain, recordedLines, type Line } from './recorded.ts';

/** Values that a superuser could put anywhere, most of them where they do not belong. */
const JUNK: readonly unknown[] = [
  null,
  '',
  'x',
  '0',
  '-1',
  '340282366920938463463374607431768211455',
  '0x',
  `0x${'ff'.repeat(20)}`,
  `0x${'ff'.repeat(32)}`,
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '00000000-0000-0000-0000-000000000000',
  '\ud800',
  '{}',
  0,
  -1,
  4_294_967_296,
  Number.MAX_SAFE_INTEGER,
  true,
  [],
  {},
];

type Path = readonly (string | number)[];

/** Every place of a value that holds no others. Evidence, which is JSON inside JSON, is looked into as well. */
function places(value: unknown, path: Path = []): Path[] {
  const inner = evidenceOf(value);
  if (inner !== undefined) return places(inner, [...path, 'json']);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]));
}

function evidenceOf(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('{') ? JSON.parse(value) : undefined;
}

function replaced(value: unknown, [key, ...rest]: Path, junk: unknown): unknown {
  if (key === undefined) return junk;
  const inner = evidenceOf(value);
  // Members stay in their order, so that the evidence stays canonical where the junk lets it.
  if (inner !== undefined) return JSON.stringify(replaced(inner, rest, junk));
  if (Array.isArray(value)) return value.map((item: unknown, i) => (String(i) === key ? replaced(item, rest, junk) : item));
  return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, junk) };
}

/** What is told and not proven: the words of a refusal, the state of an anchor that is not on the chain, whose key salts a record, where the salt itself fits. */
const UNCHECKED = new Set(['subject', 'salt', 'reason', 'reasonCode', 'state', 'payee', 'transaction']);

describe('an export with anything in any place', () => {
  const lines = recordedLines();
  const chain = recordedChain();
  const body = lines.slice(1, -1);

  it('is refused as no export, or contradicted: the audit never breaks down and never agrees', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(fc.nat(body.length - 1), fc.nat(), fc.constantFrom(...JUNK), async (at, place, junk) => {
        const { type, ...line } = body[at]!;
        const all = places(line);
        const path = all[place % all.length]!;
        const changed: Line = { type, ...(replaced(line, path, junk) as object) };
        fc.pre(JSON.stringify(changed) !== JSON.stringify(body[at]));
        const where = `${type} ${at} ${path.join('.')} = ${JSON.stringify(junk)}`;
        try {
          const { findings } = auditExport(await exportOf([lines[0]!, ...body.slice(0, at), changed, ...body.slice(at + 1)]), chain);
          assert.ok(findings.length > 0 || UNCHECKED.has(String(path.at(-1))), `nothing found: ${where}`);
        } catch (error) {
          if (error instanceof Problem && error.code === 'audit/bad-export') return;
          assert.fail(`${where}: ${(error as Error).stack}`);
        }
      }),
      { numRuns: 60 },
    );
  });
});
