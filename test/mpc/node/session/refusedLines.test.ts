import { strict as assert } from 'node:assert';
import { Problem, toHex, type Hex } from '#base';
import { intentDigest, type GovernanceIntent } from '#custody/intents';
import type { SignRequest } from '#custody/requests';
import type { AuditEntry } from '../../../../mpc/node/audit/audit.ts';
import { random } from '../../protocol/support/dealer.ts';
import { ask, codeOf, group, requestOf, type Member } from './group.ts';

const ADDRESS: Hex = `0x${'11'.repeat(20)}`;
const LONG_BYTES = 120_000;

function long(request: SignRequest): SignRequest {
  const intent: GovernanceIntent = { kind: 'governance', chainId: 31337n, safe: ADDRESS, to: ADDRESS, value: 0n, data: toHex(random(LONG_BYTES)), nonce: 1n };
  return { ...request, intent, digest: intentDigest(intent) };
}

function sizeOf(entries: readonly AuditEntry[]): number {
  return entries.reduce((total, entry) => total + JSON.stringify(entry).length, 0);
}

describe('the lines about refused requests', () => {
  const refuse = async () => ({ accepted: false, retry: 'never', rule: 'chain-id', reason: 'It is for another chain.' }) as const;

  it('are written in full for as long as a requester has room, then counted, and what is accepted is written as ever', async () => {
    let nowMs = 1_000_000;
    const [one, two] = group(2, 3, { nowMs: () => nowMs }) as [Member, Member];
    const accept = one.verdict;
    one.verdict = refuse;
    const askOne = async (requester: string): Promise<string> =>
      one.signer.ask(long(requestOf([one, two])), requester).then(
        () => 'signed',
        (error: unknown) => (error as Problem).code,
      );
    // As many characters as two hundred such requests have are more than one requester may write.
    for (let i = 0; i < 200; i++) assert.equal(await askOne('the platform'), 'session/refused');
    const full = sizeOf(one.audited);
    assert.ok(full > 16 * 2 ** 20 - 1 && full < 17 * 2 ** 20, `${full} bytes`);
    const written = one.audited.filter(({ kind }) => kind === 'asked').length;
    assert.equal(one.audited.length, 2 * written, 'each that is written has both its lines');
    // Another one has room of his own.
    assert.equal(await askOne('honest'), 'session/refused');
    assert.deepEqual(one.audited.slice(-2).map(({ kind }) => kind), ['asked', 'refused']); // prettier-ignore

    one.verdict = accept;
    const request = requestOf([one, two]);
    one.audited.length = 0;
    assert.deepEqual((await ask([one, two], request)).map(codeOf), ['signed', 'signed']);
    assert.deepEqual(one.audited.map(({ kind }) => kind), ['asked', 'decided', 'signed']); // prettier-ignore

    one.audited.length = 0;
    one.verdict = refuse;
    nowMs += 600_000;
    assert.equal(await askOne('the platform'), 'session/refused');
    const [left, asked] = one.audited as [AuditEntry, AuditEntry];
    const { requester, unwritten } = left.data as { requester: string; unwritten: number };
    assert.deepEqual([left.kind, requester, unwritten, asked.kind], ['refused', 'the platform', 200 - written, 'asked']);
  });
});
