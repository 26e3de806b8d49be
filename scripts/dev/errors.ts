/** `cairn dev errors`: writes docs/errors.md from the registry of problems. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEMS, type ProblemDefinition } from '#base';
import { ROOT } from './child.ts';

const HEADER = `# Errors

Every refusal has a code that never changes its meaning, the same over HTTP (RFC 9457, \`type\` ends in the code) as in the terminal. **Retry** says whether the same request may be sent again: \`never\`
unchanged, \`later\` after a while, \`now\` at once, with the same idempotency key. This page is written by \`npx cairn dev errors\` from \`src/base/problems/\`, and a test compares the two.
`;

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** docs/errors.md as the registry would have it: one table an area, codes in order. */
export function errorsPage(problems: Readonly<Record<string, ProblemDefinition>>): string {
  const sorted = Object.entries(problems).sort(([a], [b]) => (a < b ? -1 : 1));
  const areas = Map.groupBy(sorted, ([code]) => code.split('/')[0] ?? '');
  const tables = [...areas].map(
    ([area, rows]) =>
      `\n## ${area}\n\n| code | status | what it is | retry | how to solve it |\n|--|--|--|--|--|\n${rows
        .map(([code, { status, title, retry, howToSolve }]) => `| \`${code}\` | ${status} | ${cell(title)} | ${retry} | ${cell(howToSolve)} |\n`)
        .join('')}`,
  );
  return HEADER + tables.join('');
}

if (import.meta.main) {
  writeFileSync(join(ROOT, 'docs', 'errors.md'), errorsPage(PROBLEMS));
  console.log('docs/errors.md is written.');
}
