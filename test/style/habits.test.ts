import assert from 'node:assert/strict';
import { isCode, isGenerated, sourceFiles, type SourceFile } from './tree.ts';

interface Habit {
  readonly rule: string;
  readonly forbidden: RegExp;
  readonly where: (file: SourceFile) => boolean;
}

const inProduct = (file: SourceFile): boolean => /^(src|mpc|scripts)\//.test(file.path) && /\.(ts|mjs)$/.test(file.name);
const inTests = (file: SourceFile): boolean => file.path.startsWith('test/') && file.name.endsWith('.ts');

/** The two places where an error class of our own is born: the product's, and the one of set-up, which runs before any package is installed. */
const BIRTHPLACES = ['src/base/problem.ts', 'scripts/setup/refusal.mjs'];

const HABITS: readonly Habit[] = [
  {
    rule: 'a refusal is a Problem with a code, our own bug an assert: no bare Error',
    forbidden: /\bnew (?:Aggregate|Range|Reference|Syntax|Type)?Error\(/,
    where: inProduct,
  },
  {
    rule: 'error classes are born in one place',
    forbidden: /\bclass \w+ extends \w*Error\b/,
    where: (file) => inProduct(file) && !BIRTHPLACES.includes(file.path),
  },
  { rule: 'nothing but errors is thrown', forbidden: /\bthrow\s+['"`{[\d]/, where: inProduct },
  {
    rule: 'the threshold protocol is given its randomness and knows no time',
    forbidden:
      /\b(?:randomBytes|randomUUID|randomInt|randomFill\w*|randomSecretKey|getRandomValues|webcrypto|keygen|generate(?:Key|Prime)\w*|Math\.random|Date|performance|hrtime|setTimeout|setInterval|setImmediate)\b/,
    where: (file) => file.path.startsWith('mpc/protocol/') && file.name.endsWith('.ts'),
  },
  { rule: 'money is bigint: no floating-point parsing', forbidden: /\bparseFloat\(/, where: (file) => file.path.startsWith('src/') },
  { rule: 'nothing is left to be done later', forbidden: /\b(?:TODO|FIXME|HACK)\b/, where: () => true },
  {
    rule: 'no test is skipped or singled out',
    forbidden: /\b(?:describe|context|it|test|specify)\.(?:skip|only)\(|\bx(?:it|describe)\(|\bthis\.skip\(/,
    where: inTests,
  },
  { rule: 'no type error is silenced', forbidden: /@ts-(?:ignore|nocheck)\b/, where: () => true },
  {
    rule: 'a file says what it is about, not who or what typed it',
    forbidden: /\bco-authored-by\b|\bas an? (?:AI|language model)\b|\bgenerated (?:by|with) (?:an? )?(?:AI|assistant)\b/i,
    where: () => true,
  },
];

describe('the habits of the house', () => {
  const files = sourceFiles().filter((file) => (isCode(file) || file.name.endsWith('.md')) && !isGenerated(file) && !file.path.startsWith('test/style/'));

  for (const { rule, forbidden, where } of HABITS) {
    it(rule, () => {
      const offenders = files.filter(where).flatMap((file) =>
        file
          .text()
          .split('\n')
          .flatMap((line, index) => (forbidden.test(line) ? [`${file.path}:${index + 1}: ${line.trim()}`] : [])),
      );
      assert.deepEqual(offenders, []);
    });
  }
});
