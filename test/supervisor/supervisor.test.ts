import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '#base';
import { acquireLock, endProcess, fileProblem, findFreePort, findProcess, isAlive, isPortFree, launchDetached, writeFileDurably } from '#supervisor';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'cairn-supervisor-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('a lock', () => {
  it('has one holder, also within one process, and is free again when released', () => {
    const path = join(folder, 'lock');
    const lock = acquireLock(path);
    ok(lock);
    strictEqual(acquireLock(path), undefined);
    lock.release();
    const again = acquireLock(path);
    ok(again);
    again.release();
  });

  it('ends with the process that held it, even by SIGKILL', async () => {
    const path = join(folder, 'lock');
    const source = `import { acquireLock } from '#supervisor'; globalThis.held = acquireLock(process.env.LOCK); console.log('held'); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { env: { ...process.env, LOCK: path }, stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    strictEqual(acquireLock(path), undefined);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const lock = acquireLock(path);
    ok(lock);
    lock.release();
  });
});

describe('a detached process', () => {
  const launch = (source: string) => launchDetached({ command: process.execPath, args: ['-e', source], cwd: folder, env: {}, logFile: join(folder, 'log') });

  it('is known by its number, its start and its command line, and writes to its log', async () => {
    const child = await launch("console.log('hello'); setInterval(() => {}, 1000)");
    const identity = findProcess(child.pid!, 'hello');
    ok(identity && isAlive(identity));
    strictEqual(findProcess(child.pid!, 'something else'), undefined);
    strictEqual(isAlive({ ...identity, started: `${identity.started}0` }), false);
    while (readFileSync(join(folder, 'log'), 'utf8') !== 'hello\n') await new Promise((resolve) => setTimeout(resolve, 5));
    ok(await endProcess(identity, [['SIGTERM', 5000]]));
    strictEqual(findProcess(child.pid!, 'hello'), undefined);
  });

  it('that ignores the first signal is ended by the next', async () => {
    const child = await launch("process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)");
    while (!readFileSync(join(folder, 'log'), 'utf8').includes('ready')) await new Promise((resolve) => setTimeout(resolve, 5));
    const identity = findProcess(child.pid!, 'ready')!;
    strictEqual(await endProcess(identity, [['SIGTERM', 100]]), false);
    strictEqual(
      await endProcess(identity, [
        ['SIGTERM', 50],
        ['SIGKILL', 5000],
      ]),
      true,
    );
  });
});

describe('a durable file', () => {
  it('is replaced whole, readable by its owner only, and leaves nothing beside it', async () => {
    const path = join(folder, 'state.json');
    await writeFileDurably(path, 'one');
    await writeFileDurably(path, 'two');
    strictEqual(readFileSync(path, 'utf8'), 'two');
    strictEqual(statSync(path).mode & 0o777, 0o600);
    deepStrictEqual(readdirSync(folder), ['state.json']);
  });

  it('that cannot be written says whether the disk is full or may not be written', () => {
    const code = (errno: string) => (fileProblem(Object.assign(new TypeError('no'), { code: errno }), '/x') as Problem).code;
    deepStrictEqual(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'].map(code), ['store/disk-full', 'store/disk-full', 'store/read-only', 'store/read-only']);
    const other = new TypeError('else');
    strictEqual(fileProblem(other, '/x'), other);
  });
});

describe('a free port', () => {
  it('is one that can be listened on, below those of outgoing connections', async () => {
    const port = await findFreePort();
    ok(port >= 20_000 && port < 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    strictEqual(await isPortFree((server.address() as AddressInfo).port), false);
    await new Promise((resolve) => server.close(resolve));
    strictEqual(await isPortFree(port), true);
  });
});
