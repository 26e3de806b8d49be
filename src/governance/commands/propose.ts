import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Problem, toHex } from '#base';
import { TIMELOCK_ABI } from '#chain/abi';
import { openGovernance, writeProposal, type Governing } from '../context.ts';
import { describeJudged, isNote, judge, readRequest, scheduleData, shownSeconds, ZERO_32, type Call } from '../core/core.ts';
import { openSafe } from '../safe.ts';
import { refusalOf } from '../send.ts';
import { text, type Terminal, type Values } from '../terminal.ts';

const MAX_DELAY_S = 10n * 365n * 86_400n;

/** cairn govern propose: writes the file that operators sign. */
export async function proposeCommand(values: Values, words: readonly string[], defaultState: string, terminal: Terminal): Promise<number> {
  const out = text(values, 'out');
  if (out === undefined) throw new Problem('cli/bad-arguments', 'A proposal is a file that is passed around: it needs --out FILE.');
  const note = text(values, 'note') ?? '';
  if (!isNote(note)) throw new Problem('cli/bad-arguments', '--note takes one line of up to 2000 characters.');
  if (existsSync(out)) throw new Problem('cli/bad-arguments', `${out} exists already, and is not overwritten.`);
  const governing = await openGovernance(values, defaultState);
  const calls = readRequest(governing.deployment, words);
  const call = await callOfSafe(governing, calls, text(values, 'delay'));
  const safe = await openSafe(governing);
  const transaction = await safe.next(call);
  terminal.say(describeJudged(governing.deployment, judge(governing.deployment, transaction)));
  await rehearse(governing, calls, terminal);
  await writeProposal(governing, out, { note, transaction, signatures: [] });
  terminal.say(
    `\nWritten to ${out}; ${safe.threshold} of the Safe's ${safe.owners.length} owners sign it: cairn govern sign ${out} --key FILE, or --as owner.`,
  );
  return 0;
}

/** What the Safe itself calls: the timelock for a change of the contracts, itself for a change of its owners. */
async function callOfSafe({ client, deployment }: Governing, calls: readonly Call[], delay: string | undefined): Promise<Call> {
  const [own] = calls.filter(({ to }) => to === deployment.safe);
  if (own && calls.length > 1) throw new Problem('cli/bad-arguments', 'The Safe’s owners change in a transaction of its own: propose it alone.');
  if (own && delay !== undefined) throw new Problem('cli/bad-arguments', '--delay is the timelock’s, which a change of the Safe’s owners does not pass.');
  if (own) return own;
  if (delay !== undefined && (!/^\d{1,10}$/.test(delay) || BigInt(delay) > MAX_DELAY_S))
    throw new Problem('cli/bad-arguments', `--delay takes seconds, ten years at most, not "${delay.slice(0, 40)}".`);
  const leastS = await client.read('the delay', (viem) => viem.readContract({ abi: TIMELOCK_ABI, address: deployment.timelock, functionName: 'getMinDelay' }));
  const delayS = delay === undefined ? leastS : BigInt(delay);
  if (delayS < leastS) throw new Problem('cli/bad-arguments', `The timelock waits ${shownSeconds(leastS)} at least (${leastS} s); --delay ${delayS} is less.`);
  const salt = toHex(new Uint8Array(randomBytes(32)));
  return { to: deployment.timelock, value: 0n, data: scheduleData({ calls, predecessor: ZERO_32, salt, delayS }) };
}

/** What would be refused today is told today: it may be different when the delay is over, so it is no reason to stop. */
async function rehearse({ client, deployment }: Governing, calls: readonly Call[], terminal: Terminal): Promise<void> {
  for (const { to, data } of calls) {
    const refusal = await refusalOf(client, to === deployment.safe ? deployment.safe : deployment.timelock, to, data);
    if (refusal !== null) terminal.say(`\nDone now, the contract would refuse it: ${refusal}.`);
  }
}
