import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, type ProblemCode } from '#base';
import { auditCommand, readExport, verifyCommand } from '#audit';
import { exportCommand } from '#export';
import { recordedLines, recordedReceipt, type Line } from './recorded.ts';

const RPC = 'http://127.0.0.1:1';
const text = (lines: readonly Line[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const lines = recordedLines();
const [header, first] = lines as [Line, Line];
const end: Line = { type: 'end', lines: 0 };
const receipt = recordedReceipt();

interface BadFile {
  readonly what: string;
  readonly content: string;
  readonly code: ProblemCode;
  readonly says: RegExp;
}

const RECEIPTS: readonly BadFile[] = [
  { what: 'nothing', content: '', code: 'anchor/bad-receipt', says: /no JSON/ },
  { what: 'a list', content: '[]', code: 'anchor/bad-receipt', says: /receipt is not an object/ },
  { what: 'an export', content: text(lines), code: 'anchor/bad-receipt', says: /no JSON/ },
  {
    what: 'a receipt of another version',
    content: receipt.replace('cairn-receipt/1', 'cairn-receipt/2'),
    code: 'anchor/bad-receipt',
    says: /cairn-receipt\/1/,
  },
  { what: 'a receipt with a member more', content: receipt.replace('{', '{"more": 1,'), code: 'anchor/bad-receipt', says: /exactly/ },
  {
    what: 'capital hexadecimal',
    content: receipt.replace(/"leaf": "0x[0-9a-f]+/, (hex) => hex.toUpperCase().replace('"LEAF": "0X', '"leaf": "0x')),
    code: 'anchor/bad-receipt',
    says: /lower-case/,
  },
  { what: 'half a receipt', content: receipt.slice(0, 9_000), code: 'anchor/bad-receipt', says: /no JSON/ },
];

const EXPORTS: readonly BadFile[] = [
  { what: 'nothing', content: '', code: 'audit/bad-export', says: /cut off after line 0/ },
  { what: 'no JSON', content: 'record 1\n', code: 'audit/bad-export', says: /line 1 is no JSON/ },
  { what: 'a receipt', content: JSON.stringify(JSON.parse(receipt)), code: 'audit/bad-export', says: /known type/ },
  { what: 'no header', content: text(lines.slice(1)), code: 'audit/bad-export', says: /line 1 is not the header/ },
  { what: 'another version', content: text([{ ...header, format: 'cairn-export/2' }, ...lines.slice(1)]), code: 'audit/bad-export', says: /"cairn-export\/1"/ },
  { what: 'a header with a bad address', content: text([{ ...header, vault: '0x12' }, end]), code: 'audit/bad-export', says: /line 1, vault is not 20 bytes/ },
  { what: 'no end', content: text(lines.slice(0, -1)), code: 'audit/bad-export', says: /cut off/ },
  {
    what: 'a line less than announced',
    content: text([...lines.slice(0, 5), ...lines.slice(6)]),
    code: 'audit/bad-export',
    says: /announces \d+ lines and has/,
  },
  { what: 'something after the end', content: text([...lines, first]), code: 'audit/bad-export', says: /end was announced/ },
  { what: 'a second header', content: text([header, header, end]), code: 'audit/bad-export', says: /second header/ },
  {
    what: 'an amount that is a number',
    content: text([header, { ...lines.find(({ type }) => type === 'account')!, creditsPosted: 1 }, end]),
    code: 'audit/bad-export',
    says: /creditsPosted is not a decimal/,
  },
  { what: 'a type of nobody', content: text([header, { type: 'trust me' }, end]), code: 'audit/bad-export', says: /known type/ },
];

describe('what is no receipt, no export and no argument', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-malformed-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function written(content: string): string {
    const file = join(folder, 'given');
    writeFileSync(file, content);
    return file;
  }

  async function assertRefused(run: () => Promise<unknown>, code: ProblemCode, says: RegExp): Promise<void> {
    await assert.rejects(run, (error) => {
      assert.ok(error instanceof Problem, String(error));
      assert.equal(error.code, code);
      assert.match(error.detail, says);
      return true;
    });
  }

  for (const { what, content, code, says } of RECEIPTS)
    it(`refuses ${what} as a receipt: ${code}`, () => assertRefused(() => verifyCommand(written(content), { rpc: RPC }), code, says));

  for (const { what, content, code, says } of EXPORTS)
    it(`refuses ${what} as an export: ${code}`, () => assertRefused(() => readExport(written(content)), code, says));

  it('refuses a call without an endpoint, with one that is none, and one that does not answer', async () => {
    await assertRefused(() => auditCommand(written(text(lines)), {}), 'cli/bad-arguments', /--rpc URL/);
    await assertRefused(() => verifyCommand(written(receipt), { rpc: 'file:///etc/passwd' }), 'cli/bad-arguments', /http or https/);
    const own = JSON.parse(receipt).vault as string;
    const others = `0x${'5e'.repeat(20)}`;
    // A vault of the forger's own making would confirm whatever he writes: the auditor's own is asked for before any endpoint is.
    await assertRefused(() => verifyCommand(written(receipt), { rpc: RPC, vault: others }), 'audit/other-vault', new RegExp(own));
    await assertRefused(() => auditCommand(written(text(lines)), { rpc: RPC, vault: others }), 'audit/other-vault', /not 0x5e5e/);
    await assertRefused(() => verifyCommand(written(receipt), { rpc: RPC, vault: '0x5e' }), 'cli/bad-arguments', /--vault/);
    await assertRefused(() => verifyCommand(written(receipt), { rpc: RPC, vault: own.toUpperCase().replace('0X', '0x') }), 'audit/endpoint-failed', /answer/);
    await assertRefused(() => auditCommand(written(text(lines)), { rpc: RPC }), 'audit/endpoint-failed', /does not answer/);
    await assertRefused(() => verifyCommand(written(receipt), { rpc: RPC }), 'audit/endpoint-failed', /does not answer/);
  });

  it('refuses files that are not there, and lists of keys that are none', async () => {
    await assertRefused(() => auditCommand(join(folder, 'none'), { rpc: RPC }), 'cli/bad-file', /ENOENT/);
    await assertRefused(() => verifyCommand(join(folder, 'none'), { rpc: RPC }), 'cli/bad-file', /ENOENT/);
    const merchants = join(folder, 'merchants');
    for (const bad of ['not-a-uuid 0x12', 'a3a5d4fb-b356-82b9-ad9c-c6416d10a175', `a3a5d4fb-b356-82b9-ad9c-c6416d10a175 0x${'12'.repeat(20)}\n`.repeat(2)]) {
      writeFileSync(merchants, bad);
      await assertRefused(() => auditCommand(written(text(lines)), { rpc: RPC, merchants }), 'audit/bad-merchants', /Line \d/);
    }
  });

  it('exports nothing from a state folder without a database, and makes none', async () => {
    const url = process.env['DATABASE_URL'];
    delete process.env['DATABASE_URL'];
    try {
      const state = join(folder, 'no-state');
      await assertRefused(() => exportCommand(join(folder, 'out'), { state }, state), 'export/nothing-there', /There is no database/);
      assert.equal(existsSync(state), false);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('out')),
        [],
      );
    } finally {
      if (url !== undefined) process.env['DATABASE_URL'] = url;
    }
  });
});
