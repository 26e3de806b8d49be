/** `npm run pack`: emits what others install as plain JavaScript, into dist/, each package also as the tarball that npm would publish. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../dev/child.ts';
import { buildPackage } from './build.ts';
import { PACKAGES } from './packages.ts';

const names = PACKAGES.map((spec) => spec.name.split('/').at(-1) ?? spec.name);

const HELP = `npm run pack [-- NAME ...]

  Builds the packages that others install, as plain JavaScript with types, into dist/: ${names.join(', ') || 'there is none yet'}.
`;

const { values, positionals } = parseArgs({ options: { help: { type: 'boolean', short: 'h', default: false } }, allowPositionals: true });
const unknown = positionals.find((name) => !names.includes(name));
if (values.help) process.stdout.write(HELP);
else if (unknown !== undefined) {
  console.error(`npm run pack has no package "${unknown}": it knows ${names.join(', ')}.`);
  process.exitCode = 1;
} else {
  for (const [index, spec] of PACKAGES.entries()) {
    const name = names[index] ?? spec.name;
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const { tarball, dependencies } = buildPackage(spec, join(ROOT, 'dist', name));
    console.log(
      `${tarball}  (${Object.entries(dependencies)
        .map(([dependency, version]) => `${dependency} ${version}`)
        .join(', ')})`,
    );
  }
}
