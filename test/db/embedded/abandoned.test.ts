import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abandonedPlaces, removeAbandoned } from '../../../src/db/embedded/abandoned.ts';

describe('the databases that deleted clones left', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'cairn-abandoned-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** A place as the embedded server leaves it, of a state directory that is gone unless said. */
  function place(name: string, stateDir = join(root, 'gone', name)): string {
    const folder = join(root, name);
    mkdirSync(join(folder, 'data'), { recursive: true });
    writeFileSync(join(folder, 'data', 'PG_VERSION'), '18\n');
    writeFileSync(join(folder, 'postgres.log'), 'said');
    writeFileSync(join(folder, 'state-dir'), stateDir);
    writeFileSync(join(folder, 'clone'), '/clone');
    return folder;
  }
  const found = () => abandonedPlaces(root).map(({ folder }) => folder);

  it('are those whose state directory is gone, each with where it came from and its size', () => {
    const folder = place('0123456789abcdef');
    deepStrictEqual(abandonedPlaces(root), [
      { folder, stateDir: join(root, 'gone', '0123456789abcdef'), clone: '/clone', bytes: 3 + 4 + join(root, 'gone', '0123456789abcdef').length + 6 },
    ]);
    rmSync(join(folder, 'clone'));
    strictEqual(abandonedPlaces(root)[0]?.clone, null, 'made before clones wrote themselves down');
    deepStrictEqual(abandonedPlaces(join(root, 'nowhere')), []);
  });

  it('are none where the state directory is there, or anything leaves a doubt whether it is ours', () => {
    mkdirSync(join(root, 'state'));
    place('0000000000000001', join(root, 'state'));
    place('0000000000000002', 'relative');
    writeFileSync(join(place('0000000000000003'), 'precious.txt'), 'not ours');
    rmSync(join(place('0000000000000004'), 'state-dir'));
    place('postgresql-18.4.0-01234567');
    const elsewhere = place('elsewhere');
    symlinkSync(elsewhere, join(root, '0000000000000005'));
    const marked = place('0000000000000006');
    rmSync(join(marked, 'state-dir'));
    symlinkSync('/etc/hostname', join(marked, 'state-dir'));
    deepStrictEqual(found(), []);
  });

  it('are none of those of another user, who may not even look into them', () => {
    const folder = place('0123456789abcdef');
    if (process.getuid?.() !== 0) {
      console.log('left out: databases of another user, because only root can make them');
      return;
    }
    for (const each of [root, folder]) chownSync(each, 65_534, 65_534);
    deepStrictEqual(found(), []);
    chownSync(root, 0, 0);
    chmodSync(folder, 0o700);
    deepStrictEqual(found(), []);
  });

  it('are none while the server runs, and one again when it has ended or another program has its number', async () => {
    const folder = place('0123456789abcdef');
    const pidFile = join(folder, 'data', 'postmaster.pid');
    const server = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '--', join(folder, 'data')], { stdio: 'ignore' });
    await once(server, 'spawn');
    writeFileSync(pidFile, `${server.pid}\n`);
    deepStrictEqual(found(), []);
    server.kill('SIGKILL');
    await once(server, 'exit');
    deepStrictEqual(found(), [folder]);
    writeFileSync(pidFile, `${process.pid}\n`);
    deepStrictEqual(found(), [folder]);
    writeFileSync(pidFile, 'no number\n');
    deepStrictEqual(found(), []);
  });

  it('are removed whole, and not where the state directory has come back since', () => {
    const back = place('0123456789abcdef');
    const gone = place('fedcba9876543210');
    const [first, second] = abandonedPlaces(root);
    mkdirSync(first!.stateDir, { recursive: true });
    strictEqual(removeAbandoned(first!, root), false);
    ok(existsSync(join(back, 'data', 'PG_VERSION')));
    strictEqual(removeAbandoned(second!, root), true);
    strictEqual(existsSync(gone), false);
  });

  it('are found again where a removal was cut off in the middle', () => {
    const folder = place('0123456789abcdef');
    rmSync(join(folder, 'data'), { recursive: true });
    const [half] = abandonedPlaces(root);
    strictEqual(removeAbandoned(half!, root), true);
    strictEqual(existsSync(folder), false);
  });
});
