import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { KEPT, ROWS, WIRING, importsOf, rowOf } from './direction.ts';
import { doors, sourceFiles } from './tree.ts';

const DOORS = doors();

/** The top-level folder that relative imports stay in: src/ledger, mpc/node, scripts, test. */
function house(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'src' || top === 'mpc' ? `${top}/${second}` : top;
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Why a file may not import something, or undefined where it may. */
function objection(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return relativeObjection(path, posix.join(posix.dirname(path), specifier));
  const name = packageOf(specifier);
  const keepers = KEPT[name];
  if (keepers && !path.startsWith('test/') && !keepers.some((keeper) => path.startsWith(keeper))) return `${name} is kept for ${keepers.join(', ')}`;
  if (specifier.startsWith('#') && !DOORS.has(specifier)) return `${specifier} is no door of package.json`;
  if (!path.startsWith('src/') && !path.startsWith('mpc/')) return undefined;
  if (WIRING.includes(path)) return undefined;

  const found = rowOf(path);
  if (!found) return 'its folder has no row in test/style/direction.ts';
  const { key, row } = found;
  if (specifier.startsWith('node:')) return row.pure && !row.builtins?.includes(specifier) ? `${key} is pure: no ${specifier}` : undefined;
  if (specifier.startsWith('#'))
    return row.doors.includes(specifier) || DOORS.get(specifier)?.startsWith(`${key}/`) ? undefined : `${key} may not use ${specifier}`;
  return row.packages.includes(name) ? undefined : `${key} may not use ${name}`;
}

function relativeObjection(path: string, target: string): string | undefined {
  // A test reaches the inner files of what it tests by path; anything else goes through a door.
  if (path.startsWith('test/')) return undefined;
  if (house(path) !== house(target) && !WIRING.includes(path)) return `${target} is in another folder: enter it by its door`;
  const found = rowOf(path);
  if (found?.row.pure && !rowOf(target)?.row.pure) return `${found.key} is pure and may not use ${target}`;
  return undefined;
}

describe('the direction of imports', () => {
  const modules = sourceFiles().filter((file) => /\.(ts|mjs)$/.test(file.name) && !file.path.startsWith('test/style/'));

  it('no module imports against the arrows of ARCHITECTURE.md', () => {
    const wrong = modules.flatMap((file) =>
      importsOf(file.text()).flatMap((specifier) => {
        const why = objection(file.path, specifier);
        return why === undefined ? [] : [`${file.path}: ${why}`];
      }),
    );
    assert.deepEqual(wrong, []);
  });

  it('rows name doors that exist', () => {
    const unknown = Object.entries(ROWS).flatMap(([folder, row]) => row.doors.filter((door) => !DOORS.has(door)).map((door) => `${folder}: ${door}`));
    assert.deepEqual(unknown, []);
  });

  it('every form of import is seen', () => {
    const text =
      `import a, {\n  type b,\n} from 'one';\nexport * from './two.ts';\nimport 'three';\nconst c = await import('four');\nimport type { d } from "#base";`.replaceAll(
        '"',
        "'",
      );
    assert.deepEqual(importsOf(text), ['one', './two.ts', 'three', 'four', '#base']);
  });

  it('a wrong import is objected to', () => {
    assert.match(objection('src/ledger/store.ts', '#payments') ?? '', /may not use/);
    assert.match(objection('src/ledger/core/apply.ts', 'node:fs') ?? '', /pure/);
    assert.match(objection('mpc/protocol/ot/baseOt.ts', 'node:fs') ?? '', /pure/);
    assert.equal(objection('mpc/protocol/ot/baseOt.ts', 'node:crypto'), undefined);
    assert.match(objection('src/ledger/core/apply.ts', '../store.ts') ?? '', /pure/);
    assert.match(objection('src/payments/store.ts', '../ledger/store.ts') ?? '', /door/);
    assert.match(objection('src/audit/audit.ts', 'viem') ?? '', /kept for/);
    assert.match(objection('src/elsewhere/x.ts', '#base') ?? '', /no row/);
    assert.equal(objection('src/chain/client/client.ts', 'viem/actions'), undefined);
  });
});
