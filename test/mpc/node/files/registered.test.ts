import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '#base';
import { readRateBands, type RateBands } from '../../../../mpc/node/book/book.ts';
import { RegisteredFile, writeDurably } from '../../../../mpc/node/files/files.ts';

const bands = (low: string, high: string): string => JSON.stringify({ format: 'cairn-rate-bands/1', pivot: 'USD', bands: [{ currency: 'EUR', low, high }] });
const FIRST = bands('1.0', '1.1');
const SECOND = bands('1.1', '1.2');

describe('a file of what operators registered', () => {
  let folder: string;
  let path: string;
  let taken: string[];
  let refused: Problem[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-registered-'));
    path = join(folder, 'rates.json');
    [taken, refused] = [[], []];
    await writeFile(path, FIRST);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = () =>
    RegisteredFile.open<RateBands>({
      name: 'rates',
      path,
      parse: readRateBands,
      onTaken: async (hash) => void taken.push(hash),
      onRefused: (problem) => void refused.push(problem),
    });
  const low = ({ value }: RegisteredFile<RateBands>) => value.bands.get('EUR')?.low;
  const looks = async (file: RegisteredFile<RateBands>, times = 3) => {
    for (let i = 0; i < times; i++) await file.look();
  };
  const replace = async (text: string) => writeDurably(path, Buffer.from(text));

  it('is taken up when another is put in its place, once, and noted before anything is judged by it', async () => {
    const file = await open();
    assert.equal(low(file), '1.0');
    await looks(file);
    await replace(SECOND);
    await looks(file);
    assert.equal(low(file), '1.1');
    assert.deepEqual(
      taken,
      [FIRST, SECOND].map((text) => `0x${createHash('sha256').update(text).digest('hex')}`),
    );
    assert.deepEqual(refused, []);
  });

  const bad: readonly (readonly [what: string, text: string])[] = [
    ['empty', ''],
    ['half of one', SECOND.slice(0, 60)],
    ['of another format', SECOND.replace('cairn-rate-bands', 'cairn-merchants')],
    ['with a band upside down', bands('1.2', '1.1')],
    ['with a rate that is none', bands('0', '1.1')],
    ['with a member more', SECOND.replace('{', '{"note":"trust me",')],
  ];
  for (const [what, text] of bad)
    it(`is refused ${what}: the one before goes on, and it is told once until it changes`, async () => {
      const file = await open();
      await replace(text);
      await looks(file, 5);
      assert.equal(low(file), '1.0');
      assert.equal(file.isInUse, false);
      assert.deepEqual(refused.map(({ code }) => code), ['decision/bad-registry']); // prettier-ignore
      assert.match(refused[0]!.detail, /what was read before goes on/);
      await replace(SECOND);
      await looks(file);
      assert.deepEqual([low(file), file.isInUse, refused.length], ['1.1', true, 1]);
    });

  it('that is taken away leaves the one before in use, until there is one again', async () => {
    const file = await open();
    await rm(path);
    await looks(file);
    assert.deepEqual([low(file), refused.length, file.isInUse], ['1.0', 1, false]);
    await replace(SECOND);
    await looks(file);
    assert.deepEqual([low(file), file.isInUse], ['1.1', true]);
  });

  it('that is written bit by bit is read when it stands still: nothing half done is judged by', async () => {
    const file = await open();
    await truncate(path, 0);
    for (let at = 0; at < SECOND.length; at += 20) {
      await appendFile(path, SECOND.slice(at, at + 20));
      await file.look();
      assert.equal(low(file), '1.0');
    }
    await looks(file);
    assert.deepEqual([low(file), refused], ['1.1', []]);
  });

  it('that is put back as it was counts as taken up again, though it has its old date', async () => {
    const file = await open();
    await rename(path, join(folder, 'aside'));
    await replace('nonsense');
    await looks(file);
    await rename(join(folder, 'aside'), path);
    await looks(file);
    assert.deepEqual([low(file), file.isInUse], ['1.0', true]);
  });

  it('that is not there, or is none, keeps a node from starting', async () => {
    await writeFile(path, 'nonsense');
    await assert.rejects(open(), (error: unknown) => error instanceof Problem && error.code === 'decision/bad-registry');
    await rm(path);
    await assert.rejects(open(), (error: unknown) => error instanceof Problem && error.code === 'decision/bad-registry');
  });

  it('that cannot be noted is not judged by', async () => {
    let works = true;
    const file = await RegisteredFile.open<RateBands>({
      name: 'rates',
      path,
      parse: readRateBands,
      onTaken: async () => {
        if (!works) throw new Problem('node/disk-failed', 'The disk is gone.');
      },
      onRefused: (problem) => void refused.push(problem),
    });
    works = false;
    await replace(SECOND);
    await assert.rejects(looks(file), (error: unknown) => error instanceof Problem && error.code === 'node/disk-failed');
    assert.deepEqual([low(file), refused.length], ['1.0', 0]);
  });
});
