import { strict as assert } from 'node:assert';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '#base';
import { Journal } from '../../../../mpc/node/book/journal.ts';
import { openNodeBook } from '../../../../mpc/node/book/book.ts';
import { inForge } from './support/attack.ts';

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
