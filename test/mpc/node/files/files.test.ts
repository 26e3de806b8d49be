import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { chmod, chown, open, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder, writeDurably } from '#mpc/node';
import { AppendFile, eraseFile } from '../../../../mpc/node/files/files.ts';
import { clearHomes, emptyFolder } from '../fixtures.ts';
import { start } from '../run.ts';

describe('durable files of a node', () => {
  let folder: string;
  beforeEach(() => (folder = emptyFolder()));
  afterEach(clearHomes);

  it('keeps a second process out of the folder, and lets the next one in when the first is killed', async () => {
    const first = start(folder, 'hold');
    await first.saw('locked');
    await rejects(lockFolder(join(folder, 'data')), { code: 'node/folder-locked' });
    const second = await start(folder, 'hold').ended;
    ok(second.stderr.includes('node/folder-locked'), second.stderr);

    first.kill();
    strictEqual((await first.ended).signal, 'SIGKILL');
    const lock = await lockFolder(join(folder, 'data'));
    await rejects(lockFolder(join(folder, 'data')), { code: 'node/folder-locked' });
    lock.release();
    (await lockFolder(join(folder, 'data'))).release();
  });

  it('replaces a file whole, over the draft of a process that was killed', async () => {
    const path = join(folder, 'x');
    await writeDurably(path, Buffer.from('old'));
    await writeFile(`${path}.new`, 'half');
    await writeDurably(path, Buffer.from('new'));
    strictEqual(await readFile(path, 'utf8'), 'new');
    deepStrictEqual(await readdir(folder), ['x']);
  });

  it('lets who reads a file go on reading the one that replaces it', async () => {
    const path = join(folder, 'x');
    await writeDurably(path, Buffer.from('old'));
    strictEqual((await stat(path)).mode & 0o777, 0o600);
    await chmod(path, 0o640);
    // Only root gives files away.
    if (process.getuid?.() === 0) await chown(path, 0, 60_801);
    const { uid, gid } = await stat(path);
    await writeDurably(path, Buffer.from('new'));
    const after = await stat(path);
    deepStrictEqual([after.mode & 0o777, after.uid, after.gid], [0o640, uid, gid]);
  });

  it('overwrites before it unlinks: another name of the same file holds nothing', async () => {
    const path = join(folder, 'secret');
    await writeFile(path, 'the share');
    const witness = await open(path, 'r');
    await eraseFile(path);
    deepStrictEqual(await readdir(folder), []);
    strictEqual((await witness.readFile()).toString('hex'), '00'.repeat(9));
    await witness.close();
    await eraseFile(path);
  });

  it('writes what arrives together in the order of the calls, and acknowledges no line before an fsync that covers it', async () => {
    const path = join(folder, 'log');
    const { file } = await AppendFile.open(path, () => undefined);
    const probe = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(probe) as Record<'write' | 'datasync', (...args: unknown[]) => Promise<unknown>>;
    await probe.close();
    const { write, datasync } = prototype;
    const trace: string[] = [];
    prototype.write = async function (this: unknown, ...args: unknown[]) {
      trace.push(
        `write ${Buffer.from(args[0] as Uint8Array)
          .toString()
          .trimEnd()}`,
      );
      return write.apply(this, args);
    };
    prototype.datasync = async function (this: unknown) {
      await datasync.call(this);
      trace.push('synced');
    };
    try {
      await Promise.all(['a', 'b', 'c'].map((line) => file.append(line).then(() => trace.push(`done ${line}`))));
    } finally {
      Object.assign(prototype, { write, datasync });
    }
    await file.close();
    strictEqual(trace.join(', '), 'write a, synced, write b\nc, done a, synced, done b, done c');
    strictEqual(await readFile(path, 'utf8'), 'a\nb\nc\n');
  });

  it('says how much of a last line is there, and cuts it off when told', async () => {
    const path = join(folder, 'log');
    await writeFile(path, 'one\ntwo\nthr');
    const lines: string[] = [];
    const { file, torn } = await AppendFile.open(path, (line) => lines.push(String(line)));
    deepStrictEqual([lines, torn], [['one', 'two'], 3]);
    await file.cut(torn);
    await file.append('three');
    await file.close();
    strictEqual(await readFile(path, 'utf8'), 'one\ntwo\nthree\n');
  });

  it('reads a file of more than 2 GiB, of which Node reads none at once, and gives back any lines of it', async () => {
    const path = join(folder, 'log');
    const hole = 2 ** 31 + 5;
    await writeFile(path, 'one\ntwo\n');
    const disk = await open(path, 'r+');
    // A hole takes no room on the disk; to a reader it is one line of zeros.
    await disk.truncate(hole);
    await disk.write('\nlast\nto', hole);
    await disk.close();
    const lengths: number[] = [];
    const { file, torn } = await AppendFile.open(path, (line) => lengths.push(line.length));
    deepStrictEqual([lengths.length, lengths[0], lengths[3], torn], [4, 3, 4, 2]);
    // What nobody ever wrote as one line is not held in memory as one.
    ok(lengths[2]! < hole / 8, `${lengths[2]} bytes`);
    await file.cut(torn);
    await file.append('new');
    strictEqual((await stat(path)).size, hole + '\nlast\nnew\n'.length);
    await file.close();
  });

  it('gives back the lines after any, as they were read and as they were appended', async () => {
    const path = join(folder, 'log');
    const line = (i: number): string => `${i}:${'x'.repeat(i % 300)}`;
    await writeFile(path, Array.from({ length: 9_000 }, (_, i) => `${line(i)}\n`).join(''));
    const { file } = await AppendFile.open(path, () => undefined);
    await Promise.all(Array.from({ length: 5_000 }, (_, i) => file.append(line(9_000 + i))));
    for (const [after, most] of [
      [0, 2],
      [4_095, 3],
      [8_191, 1_500],
      [8_999, 2],
      [13_998, 9],
      [14_000, 1],
    ] as const) {
      // prettier-ignore
      const found: string[] = [];
      for await (const bytes of file.lines(after, most)) found.push(String(bytes));
      deepStrictEqual(
        found,
        Array.from({ length: Math.max(0, Math.min(14_000, after + most) - after) }, (_, i) => line(after + i)),
      );
    }
    await file.close();
  });
});
