import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkReceiptOffline, parseReceipt } from '#anchor/core';
import { verifyReceipt } from '#audit';
import { Problem } from '#base';
import { buildPackage } from '../../scripts/pack/build.ts';
import { PACKAGES } from '../../scripts/pack/packages.ts';
import { npmCli } from '../../scripts/setup/npm.mjs';
import { cairn, ended, playJob, type Played } from './played.ts';
import { TAMPERINGS, tampered } from './tamperings.ts';

interface AuditFacts {
  readonly ok: boolean;
  readonly sinceBatch: string | null;
  readonly findings: readonly { readonly seq: string | null; readonly batch: string | null; readonly kind: string; readonly sentence: string }[];
}

describe('the database of a real run', function () {
  this.timeout(600_000);
  let job: Played;
  const folder = mkdtempSync(join(tmpdir(), 'cairn-audit-'));
  before(async () => {
    job = await playJob();
  });
  after(async () => {
    await job.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function exportAndAudit(url: string): Promise<{ code: number; facts: AuditFacts }> {
    const file = join(folder, 'export.ndjson');
    const exported = await cairn(['export', file], { DATABASE_URL: url });
    assert.equal(exported.code, 0, exported.stderr);
    const { code, stdout, stderr } = await cairn(['audit', file, '--rpc', job.rpcUrl, '--json']);
    assert.notEqual(stdout, '', stderr);
    return { code, facts: JSON.parse(stdout) as AuditFacts };
  }

  it('agrees with the chain as it is', async () => {
    const { code, facts } = await job.withCopy(({ url }) => exportAndAudit(url));
    assert.deepEqual(facts.findings, []);
    assert.equal(code, 0);
  });

  it('is exported beside the server that runs on it, by the state folder alone', async () => {
    const file = join(folder, 'beside.ndjson');
    const { code, stdout } = await cairn(['export', file, '--state', job.stateDir], { DATABASE_URL: '' });
    assert.equal(code, 0);
    assert.match(stdout, /lines, \d+ bytes/);
    assert.equal((await cairn(['audit', file, '--rpc', job.rpcUrl])).code, 0);
  });

  for (const { what, tamper, kind, says, sealed } of TAMPERINGS) {
    it(`cannot hide ${what} from cairn audit`, async () => {
      await job.withCopy(async ({ url, superuser }) => {
        const seq = await tamper(await tampered(superuser));
        const { code, facts } = await exportAndAudit(url);
        assert.equal(code, 1);
        const found = facts.findings.find((one) => one.kind === kind && one.seq === (seq === null ? null : `${seq}`) && says.test(one.sentence));
        assert.ok(
          found,
          `${kind} at ${seq}:\n${facts.findings
            .slice(0, 20)
            .map((one) => `${one.kind} ${one.seq}: ${one.sentence}`)
            .join('\n')}`,
        );
        assert.equal(found.batch !== null, sealed);
        if (sealed) assert.notEqual(facts.sinceBatch, null);
      });
    });
  }

  it('is not needed to verify a receipt: every one holds with server and database stopped', async () => {
    await job.stopDatabase();
    assert.ok(job.receipts.length >= 20);
    for (const receipt of job.receipts) await verifyReceipt(readFileSync(receipt, 'utf8'), job.rpcUrl);
    const { code, stdout } = await cairn(['verify', job.receipts[0]!, '--rpc', job.rpcUrl]);
    assert.equal(code, 0);
    assert.match(stdout, /^The receipt holds: payment /);
  });

  it('lets no receipt hold in which any one character is changed', async () => {
    const paid = job.receipts.map((file) => readFileSync(file, 'utf8')).find((text) => parseReceipt(text).payout !== null)!;
    const asked: string[] = [];
    for (let at = 0; at < paid.length; at++) {
      if (/\s/.test(paid[at]!)) continue;
      const changed = paid.slice(0, at) + (paid[at] === '0' ? '1' : '0') + paid.slice(at + 1);
      try {
        checkReceiptOffline(parseReceipt(changed));
        asked.push(changed);
      } catch (error) {
        assert.ok(error instanceof Problem, `position ${at}: ${String(error)}`);
      }
    }
    // Only where a receipt points onto the chain is the chain needed to refuse it.
    assert.ok(asked.length > 100 && asked.length < 1_000, `${asked.length}`);
    for (const changed of asked) await assert.rejects(verifyReceipt(changed, job.rpcUrl), Problem);
  });

  it('can be audited and receipts verified with the package alone, installed in an empty folder', async () => {
    const [spec] = PACKAGES;
    const { tarball } = buildPackage(spec!, join(folder, 'verifier'));
    const empty = mkdtempSync(join(folder, 'empty-'));
    writeFileSync(join(empty, 'package.json'), '{ "private": true }');
    const installed = await ended(
      process.execPath,
      [
        npmCli(),
        'install',
        tarball,
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        '--fetch-retries=3',
        '--fetch-retry-mintimeout=2000',
        '--fetch-retry-maxtimeout=8000',
      ],
      empty,
    );
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENOTCACHED|ETIMEDOUT|ERR_SOCKET_TIMEOUT/.test(installed.stderr)) {
      console.log('left out: installing the verifier in an empty folder, because the npm registry cannot be reached');
      return;
    }
    assert.equal(installed.code, 0, installed.stderr);
    const verifier = join(empty, 'node_modules', '.bin', 'cairn-verify');
    const verified = await ended(verifier, ['verify', job.receipts[0]!, '--rpc', job.rpcUrl], empty);
    assert.match(verified.stdout, /^The receipt holds/, verified.stderr);
    const bad = join(empty, 'changed.json');
    writeFileSync(bad, readFileSync(job.receipts[0]!, 'utf8').replace(/"leaf": "0x[0-9a-f]/, '"leaf": "0xz'));
    assert.equal((await ended(verifier, ['verify', bad, '--rpc', job.rpcUrl], empty)).code, 1);
    const audited = await ended(verifier, ['audit', join(folder, 'export.ndjson'), '--rpc', job.rpcUrl], empty);
    assert.equal(audited.code, 1, 'the last export was a tampered one');
    assert.match(audited.stdout, /contradiction/);
  });
});
