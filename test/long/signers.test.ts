import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId, toHex, type PayeeId } from '#base';
import { isAlive, type ProcessIdentity } from '#supervisor';
import type { JobFacts } from '../../scripts/job/facts.ts';
import { loadExample } from '../../scripts/example/example.ts';
import { exampleMerchant } from '../../scripts/example/merchant.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');
const PARTIES = [1, 2, 3];
const POLL_MS = 50;

interface Started {
  readonly process: ChildProcess;
  readonly said: () => string;
  readonly out: () => string;
}

interface Status {
  readonly headSeq: string;
  readonly greatestUnanchoredAgeMs: number;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** `npm start`, with what only real processes show. One state folder from beginning to end: each test goes on where the one before it stopped. */
describe('three signer nodes under cairn start', function () {
  this.timeout(600_000);
  const state = mkdtempSync(join(tmpdir(), 'cairn-signers-'));
  const running: Started[] = [];
  let facts: JobFacts;

  const start = (...more: string[]): Started => {
    const clean = { ...process.env };
    for (const name of ['DATABASE_URL', 'RPC_URL', 'DEPLOYER_KEY', 'OPERATORS']) delete clean[name];
    const child = spawn(process.execPath, [CLI, 'start', '--state', state, ...more], { stdio: ['ignore', 'pipe', 'pipe'], env: clean });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const started = { process: child, said: () => err, out: () => out };
    running.push(started);
    return started;
  };
  const ended = async ({ process: child }: Started): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    return child.exitCode;
  };
  const govern = async (...args: string[]): Promise<{ readonly code: number | null; readonly said: string }> => {
    const child = spawn(process.execPath, [CLI, 'govern', ...args, '--state', state], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    await once(child, 'close');
    return { code: child.exitCode, said };
  };
  const nodeOf = (party: number): ProcessIdentity => JSON.parse(readFileSync(join(state, 'signers', `node-${party}.process.json`), 'utf8')) as ProcessIdentity;
  const signal = (party: number, name: NodeJS.Signals): void => void process.kill(nodeOf(party).pid, name);
  const until = async (started: Started, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await isSo())) {
      assert.equal(started.process.exitCode, null, started.said());
      await sleep(POLL_MS);
    }
  };
  const serving = async (): Promise<Started> => {
    const started = start();
    await until(started, () => started.said().includes('The API serves on'));
    return started;
  };
  const call = async (started: Started, who: 'operator' | 'merchant', path: string, body?: unknown): Promise<unknown> => {
    const url = /The API serves on (\S+)/.exec(started.said())![1]!;
    const key = new RegExp(`as ${who === 'operator' ? 'the' : 'a'} ${who} +curl -H 'Authorization: Bearer (\\S+)'`).exec(started.said())![1]!;
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': toHex(randomBytes(16)) };
    const response = await fetch(`${url}${path}`, body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) });
    assert.ok(response.ok, `${path}: ${await response.clone().text()}`);
    return response.json();
  };
  const status = async (started: Started): Promise<Status> => (await call(started, 'operator', '/v1/status')) as Status;
  const custody = async (started: Started) => (await status(started)).checks.find(({ name }) => name === 'custody')!;

  /** A new record of the book, which wants an anchor. Returns what waits for it. */
  const book = async (started: Started): Promise<() => Promise<boolean>> => {
    const before = BigInt((await status(started)).headSeq);
    const [person] = loadExample().merchants;
    const merchant = exampleMerchant(person!, { chainId: 31337n, vault: facts.deployment.vault });
    const payee = {
      id: newId<PayeeId>(Date.now(), (length) => new Uint8Array(randomBytes(length))),
      merchant: person!.id,
      name: 'A new payee',
      account: toHex(randomBytes(8)).slice(2).toUpperCase(),
      country: null,
      asset: 'tUSD',
      settlementAddress: toHex(randomBytes(20)),
    };
    await call(started, 'merchant', '/v1/payees', await merchant.signPayee(payee, facts.deployment.tokens[0]!.address, 4_000_000_000n));
    return async () => {
      const { headSeq, greatestUnanchoredAgeMs } = await status(started);
      return BigInt(headSeq) > before && greatestUnanchoredAgeMs === 0;
    };
  };

  after(async () => {
    for (const started of running) started.process.kill('SIGKILL');
    await Promise.all(running.map(ended));
    for (const party of PARTIES) if (isAlive(nodeOf(party))) signal(party, 'SIGKILL');
    rmSync(state, { recursive: true, force: true });
  });

  it('hold keys that they generated together, sign everything of the main job, and end with it', async () => {
    const started = start('--once', '--json');
    assert.equal(await ended(started), 0, started.said());
    facts = JSON.parse(started.out()) as JobFacts;
    assert.equal(facts.ok, true);
    for (const role of ['poster', 'vault', 'owner']) assert.match(started.said(), new RegExp(`the ${role} key is 0x[0-9a-f]{40}, epoch 1`));
    assert.match(started.said(), /share this machine, (?:this user|its root) and this disk: a rehearsal/);
    assert.deepEqual(
      readdirSync(join(state, 'keys')).filter((name) => /poster|vault|owner/.test(name)),
      [],
    );
    assert.deepEqual(
      PARTIES.filter((party) => isAlive(nodeOf(party))),
      [],
    );
  });

  it('start again without a ceremony, and sign while any one of them stands still', async () => {
    const started = await serving();
    assert.ok(!started.said().includes('ceremony'), started.said());
    assert.deepEqual(await custody(started), { name: 'custody', ok: true, detail: 'of 3 signer nodes 1, 2, 3 answer, and 2 must sign' });
    for (const party of PARTIES) {
      signal(party, 'SIGSTOP');
      const isAnchored = await book(started);
      await until(started, isAnchored);
      signal(party, 'SIGCONT');
    }
  });

  it('sign for the owner what is proposed to the Safe, and cancel on their own what they did not agree to', async () => {
    const operator = (n: number): string => join(state, 'operators', `operator-${n}.key`);
    const propose = async (perDay: string, ...signers: (readonly string[])[]): Promise<{ readonly file: string; readonly operation: string }> => {
      const file = join(state, `caps-${perDay}.json`);
      const { code, said } = await govern('propose', 'vault.setCaps', 'token=tUSD', 'perTransaction=5000000', `perDay=${perDay}`, '--out', file);
      assert.equal(code, 0, said);
      for (const signer of signers) assert.equal((await govern('sign', file, ...signer, '--yes')).code, 0);
      const executed = await govern('execute', file, '--key', operator(2));
      assert.match(executed.said, /It waits in the timelock/);
      return { file, operation: /operation (0x[0-9a-f]{64})/.exec(executed.said)![1]! };
    };
    // The nodes go by final blocks: until the proposal is in one, there is nothing for them to cancel.
    const cancel = async (operation: string): Promise<{ readonly code: number | null; readonly said: string }> => {
      for (;;) {
        const answer = await govern('cancel', operation, '--as', 'owner', '--yes');
        if (!/No operation 0x[0-9a-f]{64} is pending at the timelock/.test(answer.said)) return answer;
      }
    };
    const agreed = await propose('90000000', ['--as', 'owner'], ['--key', operator(1)]);
    assert.match((await cancel(agreed.operation)).said, /This node agreed to the operation/);
    while ((await govern('execute', agreed.file, '--key', operator(2))).code !== 0) await sleep(POLL_MS);
    const behindTheirBack = await propose('80000000', ['--key', operator(1)], ['--key', operator(2)]);
    while (!(await govern('status')).said.includes('Nothing waits in the timelock')) await sleep(POLL_MS);
    const audit = (party: number): string => readFileSync(join(state, 'signers', `node-${party}`, 'audit.log'), 'utf8');
    const objecting = PARTIES.filter((party) =>
      audit(party)
        .split('\n')
        .some((line) => line.includes('"cancelling"') && line.includes(behindTheirBack.operation)),
    );
    assert.ok(objecting.length >= 2, 'the nodes cancelled it, and nobody asked them to');
    assert.ok(
      !PARTIES.some((party) =>
        audit(party)
          .split('\n')
          .some((line) => line.includes('"cancelling"') && line.includes(agreed.operation)),
      ),
    );
  });

  it('sign on after the chain was killed, and after one of them was', async () => {
    const started = running.at(-1);
    assert.ok(started);
    const { node } = JSON.parse(readFileSync(join(state, 'chain', 'chain.json'), 'utf8')) as { node: ProcessIdentity };
    const before = nodeOf(2);
    process.kill(node.pid, 'SIGKILL');
    process.kill(before.pid, 'SIGKILL');
    await until(started, () => started.said().includes('the local chain ended and was started again'));
    await until(started, () => started.said().includes('signer node 2 ended and was started again'));
    const isAnchored = await book(started);
    await until(started, isAnchored);
    assert.notEqual(nodeOf(2).pid, before.pid);
  });

  it('make everything wait while two of them stand still, which it says, and catch up when one is back', async () => {
    const started = running.at(-1);
    assert.ok(started);
    for (const party of [1, 3]) signal(party, 'SIGSTOP');
    const isAnchored = await book(started);
    await until(started, () => started.said().includes('2 must sign: everything waits for them'));
    assert.deepEqual(await custody(started), { name: 'custody', ok: false, detail: 'of 3 signer nodes 2 answer, and 2 must sign' });
    assert.equal(await isAnchored(), false);
    signal(3, 'SIGCONT');
    await until(started, isAnchored);
    assert.match(started.said(), /enough signer nodes are back/);
    signal(1, 'SIGCONT');
  });

  it('end when cairn start is killed, and the next start ends the one that could not', async () => {
    const killed = running.at(-1);
    assert.ok(killed);
    const before = PARTIES.map(nodeOf);
    signal(2, 'SIGSTOP');
    killed.process.kill('SIGKILL');
    await ended(killed);
    while (isAlive(before[0]!) || isAlive(before[2]!)) await sleep(POLL_MS);
    assert.equal(isAlive(before[1]!), true);
    const started = await serving();
    assert.match(started.said(), /signer node 2 was still running for an earlier start that was killed, and is stopped/);
    assert.equal(isAlive(before[1]!), false);
    await until(started, await book(started));
    started.process.kill('SIGINT');
    assert.equal(await ended(started), 0, started.said());
    assert.deepEqual(
      PARTIES.filter((party) => isAlive(nodeOf(party))),
      [],
    );
  });
});
