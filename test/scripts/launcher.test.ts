import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** Stands for src/cli.ts: says what it was told and how it ends. */
const PROGRAM = `
const [what, ...args]: string[] = process.argv.slice(2);
if (what === 'echo') console.log(JSON.stringify(args));
else if (what === 'exit') process.exitCode = Number(args[0]);
else {
  const alive = setInterval(() => undefined, 1000);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (console.log('told ' + signal), clearInterval(alive)));
  console.log('pid ' + process.pid);
}
`;

describe('the launcher', () => {
  const clone = mkdtempSync(join(tmpdir(), 'cairn-launcher-'));
  before(() => {
    cpSync(join(ROOT, 'scripts', 'setup'), join(clone, 'scripts', 'setup'), { recursive: true });
    cpSync(join(ROOT, 'scripts', 'cairn.mjs'), join(clone, 'scripts', 'cairn.mjs'));
    writeFileSync(join(clone, 'package.json'), '{ "type": "module" }');
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
    mkdirSync(join(clone, 'src'));
    writeFileSync(join(clone, 'src', 'cli.ts'), PROGRAM);
  });
  after(() => rmSync(clone, { recursive: true, force: true }));

  function launch(...args: string[]): ChildProcess & { readonly printed: () => string } {
    const child = spawn(process.execPath, [join(clone, 'scripts', 'cairn.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    return Object.assign(child, { printed: () => output });
  }

  async function ended(child: ChildProcess & { readonly printed: () => string }): Promise<{ readonly code: unknown; readonly output: string }> {
    const [code] = (await once(child, 'close')) as [unknown];
    return { code, output: child.printed() };
  }

  async function started(child: ChildProcess & { readonly printed: () => string }): Promise<number> {
    while (!/pid \d+\n/.test(child.printed())) await once(child.stdout!, 'data');
    return Number(/pid (\d+)/.exec(child.printed())?.[1]);
  }

  it('hands every argument on as it is', async () => assert.equal((await ended(launch('echo', '--json', 'a b', ''))).output, '["--json","a b",""]\n'));

  it('ends with the exit code of the program', async () => assert.equal((await ended(launch('exit', '7'))).code, 7));

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`passes ${signal} on, and lets the program end in its own way`, async () => {
      const child = launch('wait');
      await started(child);
      child.kill(signal);
      const { code, output } = await ended(child);
      assert.match(output, new RegExp(`^pid \\d+\\ntold ${signal}\\n$`));
      assert.equal(code, 0);
    });
  }

  it('says by its exit code that a signal ended the program', async () => {
    const child = launch('wait');
    process.kill(await started(child), 'SIGKILL');
    assert.equal((await ended(child)).code, 137);
  });

  it('takes the program with it when it is killed', async () => {
    const child = launch('wait');
    await started(child);
    child.kill('SIGKILL');
    assert.match((await ended(child)).output, /told SIGTERM\n$/);
  });

  it('answers --help without a program, and an unknown command in one sentence', async () => {
    assert.match((await ended(launch('dev', '--help'))).output, /^cairn dev NAME/);
    assert.match((await ended(launch('setup', '--help'))).output, /^cairn setup/);
    const unknown = await ended(launch('dev', 'fly'));
    assert.equal(unknown.code, 1);
    assert.match(unknown.output, /^cairn: cairn dev has no command "fly": it knows .*\.\n$/);
  });
});
