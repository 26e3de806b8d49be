import { readFileSync } from 'node:fs';
import { openNodeBook } from '../../../../../mpc/node/book/book.ts';
import { DEPTH } from './samples.ts';

/** `node voter.ts FOLDER QUESTION`: a signer's book in a process of its own, that says "ready" when it is open and "yes" when it is bound; to be killed at any moment. */
const [folder = '', question = ''] = process.argv.slice(2);
const revive = (_: string, value: unknown) => (typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value);
const { registration, intent, url, nowMs } = JSON.parse(readFileSync(question, 'utf8'), revive) as Question;
const book = await openNodeBook({
  folder,
  registration,
  merchants: () => new Map(),
  rates: () => null,
  agreed: () => [],
  addressOf: () => undefined,
  chain: { urls: [url], finality: { kind: 'depth', blocks: DEPTH }, maxBehindBlocks: 1, maxBehindMs: null, timeoutMs: 20_000 },
  maxAheadMs: 1_000,
  onFatal: (problem) => {
    throw problem;
  },
});
process.stdout.write('ready\n');
const answer = await book.judge(intent, nowMs);
if (answer.ok && intent.kind === 'anchor') await book.bind(intent);
process.stdout.write(answer.ok ? 'yes\n' : `${answer.rule}\n`);
await book.close();

export interface Question {
  readonly registration: Parameters<typeof openNodeBook>[0]['registration'];
  readonly intent: Parameters<typeof book.judge>[0];
  readonly url: string;
  readonly nowMs: number;
}
