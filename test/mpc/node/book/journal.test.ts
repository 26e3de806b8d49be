import { strict as assert } from 'node:assert';
import { open, type FileHandle } from 'node:fs/promises';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, type WindowId } from '#base';
import { Journal } from '../../../../mpc/node/book/journal.ts';
import { openNodeBook } from '../../../../mpc/node/book/book.ts';
import { inForge } from './support/attack.ts';
import { freshId } from './support/samples.ts';

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Problem, String(error));
    return error.code;
  }
  return 'none';
}

describe('a journal of the node’s own book', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-journal-'));
    file = join(folder, 'journal.ndjson');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function valuesOf(): Promise<unknown[]> {
    const values: unknown[] = [];
    await (await Journal.open(file, (value) => values.push(value))).close();
    return values;
  }

  async function written(...values: readonly unknown[]): Promise<void> {
    const journal = await Journal.open(file, () => undefined);
    for (const value of values) await journal.append(value);
    await journal.close();
  }

  it('gives back what was appended, in order, whoever appends next, and is its owner’s alone', async () => {
    await written({ a: 1 }, ['ü']);
    await written(3);
    assert.deepEqual(await valuesOf(), [{ a: 1 }, ['ü'], 3]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('cuts off whatever a killed process left of its last line, at every byte, and goes on', async () => {
    await written('one', 'two');
    const whole = readFileSync(file);
    const first = whole.indexOf(0x0a) + 1;
    for (let length = first; length < whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length));
      assert.deepEqual(await valuesOf(), ['one'], `cut after ${length} bytes`);
      assert.equal(statSync(file).size, first);
    }
    await written('three');
    assert.deepEqual(await valuesOf(), ['one', 'three']);
  });

  it('finds a line that was changed, taken out, moved or put in', async () => {
    await written('one', 'two', 'three');
    const [one, two, three] = readFileSync(file, 'utf8').split('\n');
    for (const lines of [
      [one!.replace('one', 'eno'), two, three],
      [one, three],
      [two, one, three],
      [one, two, two, three],
      [one, '', two, three],
    ]) {
      writeFileSync(file, `${lines.join('\n')}\n`);
      assert.equal(await codeOf(Journal.open(file, () => undefined)), 'decision/damaged-journal');
    }
  });

  it('is written no more after a disk that failed, whatever the disk does then', async () => {
    const journal = await Journal.open(file, () => undefined);
    await journal.append('one');
    await whileTheDiskIsFull(folder, async () => assert.equal(await codeOf(journal.append('two')), 'node/disk-failed'));
    assert.equal(await codeOf(journal.append('three')), 'node/disk-failed');
    await journal.close();
    assert.deepEqual(await valuesOf(), ['one']);
  });

  inForge('ends the node when it cannot be written, whichever of its files it is and whoever asked', async (forge) => {
    const fatal: string[] = [];
    const onFatal = (problem: Problem) => void fatal.push(problem.code);
    forge.anchor();
    const taking = await forge.node({ onFatal });
    await whileTheDiskIsFull(folder, async () => assert.equal(await codeOf(taking.absorb(forge.page(), forge.nowMs)), 'node/disk-failed'));
    assert.deepEqual(fatal.splice(0), ['node/disk-failed']);
    const voting = await forge.fed({ onFatal });
    forge.submit([{ kind: 'window', window: freshId<WindowId>() }]);
    const intent = forge.seal();
    assert.deepEqual(fatal, []);
    await whileTheDiskIsFull(folder, async () => assert.equal(await codeOf(voting.judge(intent, forge.nowMs)), 'node/disk-failed'));
    assert.deepEqual(fatal, ['node/disk-failed']);
  });

  inForge('opens no book of another deployment, and none whose own records do not replay', async (forge) => {
    forge.anchor();
    const node = await forge.fed({ folder });
    await forge.stop(node);
    const options = {
      folder,
      merchants: () => forge.registered,
      rates: () => null,
      agreed: () => [],
      addressOf: () => undefined,
      chain: { urls: [], finality: { kind: 'depth', blocks: 1 }, maxBehindBlocks: 1, maxBehindMs: null, timeoutMs: 1 } as const,
      maxAheadMs: 1,
      onFatal: (problem: Problem) => assert.fail(problem),
    };
    assert.equal(
      await codeOf(openNodeBook({ ...options, registration: { ...forge.registration, vault: `0x${'ee'.repeat(20)}` } })),
      'decision/damaged-journal',
    );
    // Written by the journal’s own rules, and against the ledger’s.
    const journal = await Journal.open(join(folder, 'replica.ndjson'), () => undefined);
    const page = JSON.parse(Buffer.from(forge.page()).toString()) as { items: unknown[] };
    await journal.append({ type: 'page', ends: [], items: page.items.slice(3, 4).map((item) => changedTime(item)) });
    await journal.close();
    assert.equal(await codeOf(openNodeBook({ ...options, registration: forge.registration })), 'decision/damaged-journal');
    appendFileSync(join(folder, 'votes.ndjson'), 'rubbish\n');
    assert.equal(await codeOf(openNodeBook({ ...options, registration: forge.registration })), 'decision/damaged-journal');
  });
});

function changedTime(item: unknown): unknown {
  const { record } = item as { record: { nowMs: number } };
  return { ...(item as object), record: { ...record, nowMs: record.nowMs + 1 } };
}

/** Every write of this process fails meanwhile, as on a disk without room. */
async function whileTheDiskIsFull(folder: string, work: () => Promise<void>): Promise<void> {
  const probe = await open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe) as { write: FileHandle['write'] };
  await probe.close();
  const { write } = prototype;
  prototype.write = () => Promise.reject(Object.assign(new TypeError('no space left on device'), { code: 'ENOSPC' }));
  try {
    await work();
  } finally {
    prototype.write = write;
  }
}
