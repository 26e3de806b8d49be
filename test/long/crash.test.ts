import { strict as assert } from 'node:assert';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDecimal } from '#base';
import { FINAL_STATES } from '#payments';
import { JOB_POINTS } from '../../scripts/job/run.ts';
import type { JobFacts } from '../../scripts/job/facts.ts';

/** Points of the job in the order of its steps, and those that its parts tell of in the order in which they come. */
const EVENTS = [
  'anchor-signed',
  'anchor-sent',
  'anchor-mined',
  'anchor-final',
  'deposit-credited',
  'payment-refused',
  'payment-screened',
  'payment-quoted',
  'payment-held',
  'payment-instructed',
  'payout-signed',
  'payout-paying',
  'pay-signed',
  'pay-sent',
  'pay-mined',
  'pay-final',
  'payout-booked',
  'payout-failed',
  'payment-settled',
  'payout-retrying',
  'payout-returned',
  'payment-returned',
  'payout-closed',
];
const POINTS = [...JOB_POINTS, ...EVENTS];
const VICTIMS = ['server', 'postgres', 'chain'] as const;
type Victim = (typeof VICTIMS)[number];

/** How many points one run of the job is killed at: far apart, so that it is well under way again before the next. */
const POINTS_PER_CASE = 6;
/** Runs that may end with a problem of ours, apart from those that were killed. */
const FAILURES = 2;
const RUN_LIMIT_MS = 120_000;
const AT_ONCE = 3;

interface Outcome {
  readonly facts: JobFacts;
  readonly payees: { readonly paid: readonly { readonly payment: string; readonly payee: string }[]; readonly balances: Readonly<Record<string, string>> };
  readonly outages: readonly string[];
}

interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

interface Case {
  readonly victim: Victim;
  readonly points: readonly string[];
}

const SPREAD: readonly Case[] = VICTIMS.flatMap((victim) => {
  const count = Math.ceil(POINTS.length / POINTS_PER_CASE);
  return Array.from({ length: count }, (_, i) => ({ victim, points: POINTS.filter((_point, at) => at % count === i) }));
});

/** Killed, and killed again as soon as its supervisor has started it again. */
const TWICE: readonly Case[] = [
  { victim: 'postgres', points: ['pay-sent', 'PostgreSQL ended and was started again'] },
  { victim: 'chain', points: ['pay-sent', 'the local chain ended and was started again'] },
];

const CASES = [...SPREAD, ...TWICE];

function run(stateDir: string, ...args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./victim.ts', import.meta.url)), stateDir, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const late = setTimeout(() => child.kill('SIGTERM'), RUN_LIMIT_MS);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve) => child.once('close', (code, signal) => (clearTimeout(late), resolve({ code, signal, out, err }))));
}

/**
 * Copied with owners and modes: PostgreSQL takes no data but its own user's. The copies forget their ports. All would prefer the same ones, and while one's chain or database is dead another's would answer
 * in its place: the same contracts and the same password, with another story behind them.
 */
function copyOf(prepared: string, name: string): string {
  const stateDir = join(prepared, '..', name);
  execFileSync('cp', ['-a', prepared, stateDir]);
  for (const file of ['chain/chain.json', 'postgres/postgres.json']) {
    const path = join(stateDir, file);
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), port: 0 }));
  }
  return stateDir;
}

/** Runs until the job ends well. A run that was not killed may fail, rarely, and then only with a problem that has a name. */
async function survive(stateDir: string, { victim, points }: Case): Promise<Outcome> {
  let failures = 0;
  for (let kills = 0; ;) {
    const { code, signal, out, err } = await run(stateDir, points.join(','), victim);
    if (code === 0) {
      assert.deepEqual(killsOf(stateDir), [...points].sort(), 'every point was passed, and killed at');
      return JSON.parse(out) as Outcome;
    }
    if (victim === 'server' && signal === 'SIGKILL' && kills++ < points.length) continue;
    assert.match(err, /Problem: [a-z]+\/[a-z-]+: /, `${victim} killed at ${points.join(', ')}: ended by ${code ?? signal} without a problem of ours:\n${err}`);
    assert.ok(++failures <= FAILURES, `${victim} killed at ${points.join(', ')}: still fails when run again:\n${err}`);
  }
}

function check({ facts, payees }: Outcome): void {
  assert.equal(facts.payments.length, 27, 'no payment is lost, none is there twice');
  assert.deepEqual(
    facts.payments.filter(({ state }) => !(FINAL_STATES as readonly string[]).includes(state)),
    [],
    'every payment is final',
  );
  const owed = new Map(Object.keys(payees.balances).map((payee) => [payee, 0n]));
  for (const payment of facts.payments.filter(({ state }) => state === 'settled')) {
    const payee = payees.paid.find((each) => each.payment === payment.id)?.payee ?? 'nobody';
    const decimals = facts.deployment.tokens.find(({ symbol }) => symbol === payment.pays!.asset)!.decimals;
    owed.set(payee, (owed.get(payee) ?? 0n) + parseDecimal(payment.pays!.amount, decimals));
  }
  assert.deepEqual(Object.fromEntries([...owed].map(([payee, amount]) => [payee, `${amount}`])), payees.balances, 'each payee has his settled payments, once');
  for (const { asset, chain, ledger, payments, contradictions } of facts.reconciliation) {
    assert.deepEqual(contradictions, [], `${asset} reconciles`);
    assert.ok(chain === ledger && ledger === payments, `${asset}: ${chain} on the chain, ${ledger} in the ledger, ${payments} by payments`);
  }
  assert.deepEqual(
    facts.payments.filter(({ verified }) => verified === false).map(({ endToEndId, problem }) => `${endToEndId}: ${problem}`),
    [],
    'every receipt verifies',
  );
  assert.ok(facts.ok, 'every payment ended as the example promises');
}

describe('SIGKILL in the middle of the job', function () {
  this.timeout(10 * RUN_LIMIT_MS);
  let folder: string;
  const outcomes = new Map<Case, Promise<Outcome>>();

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-crash-'));
    chmodSync(folder, 0o711);
    const prepared = join(folder, 'deployed');
    execFileSync('mkdir', ['-m', '711', prepared]);
    const { code, err } = await run(prepared, 'deployed');
    assert.equal(code, 0, err);
    // A few cases at once, each from its own copy of the deployed state: they mostly wait for the deadline of the payee whom nobody can pay.
    const queue = CASES.map((each, i) => ({ each, i, ...Promise.withResolvers<Outcome>() }));
    for (const { each, promise } of queue) {
      promise.catch(() => undefined);
      outcomes.set(each, promise);
    }
    const work = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const stateDir = copyOf(prepared, `case-${next.i}`);
        await survive(stateDir, next.each).then(next.resolve, next.reject);
        // What a failed case left running is taken over and ended.
        await next.promise.catch(() => run(stateDir, 'deployed'));
        rmSync(stateDir, { recursive: true, force: true });
      }
    };
    for (let worker = 0; worker < AT_ONCE; worker++) void work();
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const each of CASES) {
    it(`of the ${each.victim} at ${each.points.join(', ')} loses no payment and pays none twice`, async () => check(await outcomes.get(each)!));
  }
});

function killsOf(stateDir: string): string[] {
  const file = join(stateDir, 'kills');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').sort() : [];
}
