import { strict as assert } from 'node:assert';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { utf8, type Hex, type TimeMs } from '#base';
import { changeMessage, keyFileProvider, policyHash, proposalId, stopSubject, type Policy, type PolicyState } from '#mpc/node';
import type { Link } from '#mpc/node/wire';
import { startNode, type RunningNode } from '../../../../mpc/node/process/process.ts';
import { bytes, policyJson, policyWith, signAs } from '../fixtures.ts';
import { makeTrio, random, runHere, type Seat, type Trio } from './support/trio.ts';

const PATIENCE = { timeoutMs: 30_000, resendForMs: 5_000 };
const DELAY_S = 3_600;
/** One operator suffices, so that what is proposed is approved with it. */
const alone = (): Policy => policyWith((json) => (json.operators.quorum = 1));

/** A policy that follows the first one and tightens it: a loosening waits longer. */
function following(version: number, looseningDelayS: number): Policy {
  return policyWith((json) => {
    json.version = version;
    json.operators.quorum = 1;
    json.changes = { ...policyJson().changes, looseningDelayS };
  });
}

describe('a node that runs', function () {
  this.timeout(60_000);
  let trio: Trio;
  let node: RunningNode;
  let operator: Link;
  let nowMs: TimeMs;
  const fatal: string[] = [];
  /** What nobody heard of ends a process that is no test. */
  const unheard = (error: unknown) => void fatal.push(String(error));

  beforeEach(async () => {
    fatal.length = 0;
    process.on('unhandledRejection', unheard);
    trio = await makeTrio({ policy: alone });
    nowMs = Date.now();
    node = await start();
    operator = trio.link(1, 'operator');
  });
  afterEach(async () => {
    process.off('unhandledRejection', unheard);
    await node.close();
    await trio.remove();
  });

  function start(): Promise<RunningNode> {
    const { folder, config, keyFile } = trio.seats[0]!;
    const log = pino({ level: 'silent' });
    return startNode({ folder, config, provider: keyFileProvider(keyFile), clock: { nowMs: () => nowMs }, random, log, onFatal: ({ code }) => void fatal.push(code) }); // prettier-ignore
  }

  async function ask(method: string, body: unknown): Promise<PolicyState> {
    return JSON.parse(Buffer.from(await operator.call(method, utf8(JSON.stringify(body)), PATIENCE)).toString()) as PolicyState;
  }

  async function propose(policy: Policy, nonce: Hex): Promise<PolicyState> {
    const { file } = await ask('policy/show', {});
    const signature = signAs('op1', changeMessage('approve', proposalId(file, policy, nonce)));
    return ask('policy/change', { change: 'proposed', policy, nonce, operator: 'op1', signature });
  }

  async function inForce(policy: Policy): Promise<PolicyState> {
    for (;;) {
      const state = await ask('policy/show', {});
      if (policyHash(state.inForce) === policyHash(policy)) return state;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('tells its peers of a stop at once, so that a copy of its disk from before it starts no more', async () => {
    const [seat, other] = trio.seats as [Seat, Seat];
    const peer = await runHere(other);
    try {
      const { file, stops } = await ask('policy/show', {});
      const copy = join(trio.root, 'copy');
      await cp(seat.folder, copy, { recursive: true });
      await ask('policy/change', { change: 'stopped', operator: 'op1', signature: signAs('op1', changeMessage('stop', stopSubject({ file, stops } as PolicyState))) }); // prettier-ignore
      while (!(await readFile(join(other.folder, 'peer-heads.json'), 'utf8').catch(() => '')).includes('"party-1"')) await new Promise((resolve) => setTimeout(resolve, 20)); // prettier-ignore
      await node.close();
      await rm(seat.folder, { recursive: true });
      await cp(copy, seat.folder, { recursive: true });
      node = await start();
      while (!fatal.includes('node/store-behind')) await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      await peer.close();
    }
  });

  it('takes the oldest of the policies that are due at one look, and is there for the next one', async () => {
    const [first, second, third] = [following(2, 200_000), following(2, 300_000), following(3, 400_000)];
    await propose(first, bytes(1, 16));
    nowMs += 1;
    assert.equal((await propose(second, bytes(2, 16))).proposals.filter(({ status }) => status === 'approved').length, 2);
    nowMs += DELAY_S * 1_000;
    assert.deepEqual((await inForce(first)).proposals, []);
    await propose(third, bytes(3, 16));
    nowMs += DELAY_S * 1_000;
    await inForce(third);
    assert.deepEqual(fatal, []);
  });
});
