import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { AuditLog, AuditReading, auditTag, beginning, extendsHead, HashChain, linked, type Head } from '#mpc/node';
import { bytes, clearHomes, emptyFolder, NOW_MS } from '../fixtures.ts';
import { start } from '../run.ts';

const STORE = bytes(1, 16);
const TAG = auditTag(STORE);
const LINES = 6;

describe('the audit log of a node', () => {
  let path: string;
  const open = (remembered: readonly Head[] = []) => AuditLog.open({ path, storeId: STORE, remembered });
  const lines = () => readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const write = (changed: readonly string[]) => writeFileSync(path, changed.map((line) => `${line}\n`).join(''));
  const finding = (changed: readonly (string | Buffer)[], remembered: readonly Head[] = []) => {
    const reading = new AuditReading(new HashChain(TAG), remembered);
    for (const line of changed) reading.take(Buffer.from(line));
    const found = reading.finding();
    return found && `${found.why} ${found.line}`;
  };
  beforeEach(async () => {
    path = join(emptyFolder(), 'audit.log');
    const log = await open();
    for (let i = 1; i <= LINES; i++) await log.append({ kind: 'asked', atMs: NOW_MS + i, data: { request: `r${i}`, amount: '5', note: 'π' } });
    await log.close();
  });
  afterEach(clearHomes);

  it('is a file of JSON lines, each with its number, its time, the hash before it and its own', async () => {
    const [first, second] = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    deepStrictEqual(
      { ...first, hash: '' },
      { seq: 1, atMs: NOW_MS + 1, kind: 'asked', data: { request: 'r1', amount: '5', note: 'π' }, previous: beginning(TAG), hash: '' },
    );
    strictEqual(second?.['previous'], first?.['hash']);
    const log = await open();
    deepStrictEqual(
      (await log.read()).map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6],
    );
    await log.close();
  });

  it('takes a reason that quotes half of a surrogate pair and the end of a line, as one line that reads again', async () => {
    const log = await open();
    await log.append({ kind: 'refused', atMs: NOW_MS, data: { reason: 'no member \ud800\n{"seq":8}' } });
    await log.close();
    strictEqual(lines().length, LINES + 1);
    const again = await open();
    strictEqual((await again.read()).at(-1)!.seq, LINES + 1);
    await again.close();
  });

  it('shows every change of every byte, and names the line', () => {
    const whole = lines();
    fc.assert(
      fc.property(fc.nat(LINES - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (at, position, mask) => {
        const line = Buffer.from(whole[at]!);
        const i = position % line.length;
        const flipped = line.with(i, line[i]! ^ mask);
        const found = finding(whole.map((text, row) => (row === at ? Buffer.from(flipped) : text)));
        ok(found !== undefined, `byte ${i} of line ${at + 1} ^ ${mask}`);
        ok(found.endsWith(` ${at + 1}`) || found.startsWith('reordered'), found);
      }),
      { numRuns: 400 },
    );
  });

  it('shows a line dropped, moved, repeated, put in, or said twice in another spelling', () => {
    const whole = lines();
    strictEqual(finding(whole), undefined);
    strictEqual(finding(whole.slice(1)), 'dropped 1');
    strictEqual(finding(whole.toSpliced(2, 1)), 'dropped 3');
    strictEqual(finding(whole.with(2, whole[3]!).with(3, whole[2]!)), 'reordered 3');
    strictEqual(finding(whole.toSpliced(3, 0, whole[2]!)), 'reordered 4');
    strictEqual(finding(whole.with(2, whole[2]!.replace('"seq"', ' "seq"'))), 'unreadable 3');
    strictEqual(finding(whole.with(2, '')), 'unreadable 3');
    strictEqual(finding(whole.with(2, 'null')), 'unreadable 3');
  });

  it('shows a line rewritten with a hash of its own, and a log rewritten whole against the head that a peer remembers', async () => {
    const other = join(emptyFolder(), 'audit.log');
    const log = await AuditLog.open({ path: other, storeId: STORE, remembered: [] });
    for (let i = 1; i <= LINES; i++) await log.append({ kind: 'asked', atMs: NOW_MS + i, data: { request: `r${i}`, amount: i === 2 ? '6' : '5', note: 'π' } });
    await log.close();
    const [real, forged] = [lines(), readFileSync(other, 'utf8').split('\n').slice(0, -1)];
    strictEqual(finding(real.with(1, forged[1]!)), 'changed 3');
    strictEqual(finding(forged), undefined);
    const head = (line: string) => JSON.parse(line) as Head;
    strictEqual(finding(forged, [head(real[0]!)]), undefined);
    strictEqual(finding(forged, [head(real[3]!)]), 'forked 4');
  });

  it('shows a tail cut off against a remembered head, and cannot without one', async () => {
    const whole = lines();
    const head = JSON.parse(whole.at(-1)) as Head;
    write(whole.slice(0, 4));
    await rejects(open([head]), { code: 'node/audit-behind', facts: { line: 5, why: 'short' } });
    await (await open()).close();
  });

  it('does not take another node’s log for its own', async () => {
    await rejects(AuditLog.open({ path, storeId: bytes(2, 16), remembered: [] }), { code: 'node/audit-tampered' });
  });

  it('cuts off the line that a killed process left unfinished, unless somebody remembers that it was finished', async () => {
    const [whole, text] = [lines(), readFileSync(path)];
    const head = JSON.parse(whole.at(-1)) as Head;
    writeFileSync(path, text.subarray(0, -10));
    await rejects(open([head]), { code: 'node/audit-behind' });
    strictEqual(readFileSync(path).length, text.length - 10, 'a refused log stays as it is, for evidence');
    const log = await open([JSON.parse(whole[4]!) as Head]);
    strictEqual(log.head.seq, 5);
    strictEqual((await log.append({ kind: 'refused', atMs: NOW_MS, data: { rule: 'stop' } })).seq, 6);
    await log.close();
    strictEqual(finding(lines()), undefined);
  });

  it('lets a peer see that the log only grew, from 32 bytes a line', async () => {
    const log = await open();
    const remembered = { seq: 2, hash: (await log.chain.hashAt(2))! };
    ok(extendsHead(TAG, remembered, await log.chain.bodiesAfter(2, 100), log.head).extends);
    const forged = linked(TAG, remembered, bytes(7, 32));
    deepStrictEqual(extendsHead(TAG, remembered, [bytes(8, 32)], forged), { extends: false, why: 'forked' });
    await log.close();
  });

  it('answers appends that run at once in their order, and keeps what it never hands out as it was read', async () => {
    const log = await open();
    const heads = await Promise.all(Array.from({ length: 50 }, (_, i) => log.append({ kind: 'signed', atMs: NOW_MS, data: { i } })));
    deepStrictEqual(
      heads.map(({ seq }) => seq),
      Array.from({ length: 50 }, (_, i) => LINES + 1 + i),
    );
    deepStrictEqual(
      (await log.read()).slice(LINES).map(({ data }) => data),
      Array.from({ length: 50 }, (_, i) => ({ i })),
    );
    await log.close();
  });

  it('shows no head to anybody before its line is durable', async () => {
    const log = await open();
    const appended = [1, 2].map((i) => log.append({ kind: 'signed', atMs: NOW_MS, data: { i } }));
    strictEqual(log.head.seq, LINES);
    strictEqual((await appended[0]!).seq, LINES + 1);
    deepStrictEqual(await appended[1]!, log.head);
    await log.close();
  });

  for (const [when, point, told, kept] of [
    ['before a line is written', 'write:audit:before:3', 2, 2],
    ['half-way through a line', 'write:audit:middle:3', 2, 2],
    ['between the write and the fsync', 'datasync:audit:before:3', 2, 3],
    ['between the fsync and the answer', 'datasync:audit:after:3', 2, 3],
  ] as const) {
    it(`has every line that was acknowledged when the node is killed ${when}`, async () => {
      const root = emptyFolder();
      const killed = await start(root, 'audit', point).ended;
      deepStrictEqual([killed.signal, killed.told.length], ['SIGKILL', told + 1], killed.stderr);
      const next = await start(root, 'audit').ended;
      deepStrictEqual([next.told[0], next.told.at(-1)], [`opened ${kept}`, `logged ${kept + 5}`], next.stderr);
      strictEqual(finding(readFileSync(join(root, 'audit.log'), 'utf8').split('\n').slice(0, -1)), undefined);
    });
  }
});
