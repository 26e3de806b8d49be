import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { assert, toHex, type Hex } from '#base';
import { beginSetup, encodePair, exchangeSetup, finishSetup, openSetup, type SetupParameters } from '#mpc/protocol';
import { value } from './talk.ts';

/** What the worker says: a message for the peer, or the pair's state when it is made, or the problem that ended it. */
export type SetupSaid =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly pair: Uint8Array<ArrayBuffer>; readonly setupId: Hex }
  | { readonly kind: 'problem'; readonly code: string; readonly detail: string; readonly facts: Record<string, unknown> };

/**
 * Section 4 of the digest for one pair, in a thread of its own: half a second of arithmetic that would hold up every session, and secrets whose numbers cannot be wiped, which end with the thread.
 * It is told what the peer sent, message by message.
 */
assert(parentPort, 'a set-up is started as a worker thread');
const port = parentPort;
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

async function heard(): Promise<Uint8Array> {
  return new Promise((resolve) => port.once('message', (bytes: Uint8Array) => resolve(Uint8Array.from(bytes))));
}

function say(said: SetupSaid): void {
  port.postMessage(said);
}

async function run(): Promise<void> {
  const begun = beginSetup(workerData as SetupParameters, random);
  say({ kind: 'message', bytes: begun.bytes });
  const exchange = value(exchangeSetup(begun.next, await heard(), random));
  say({ kind: 'message', bytes: exchange.bytes });
  const opening = value(openSetup(exchange.next, await heard()));
  say({ kind: 'message', bytes: opening.bytes });
  const { pair } = value(finishSetup(opening.next, await heard()));
  const bytes = Uint8Array.from(encodePair(pair));
  port.postMessage({ kind: 'done', pair: bytes, setupId: toHex(pair.secrets.setupId) } satisfies SetupSaid, [bytes.buffer]);
}

try {
  await run();
} catch (error) {
  const { code, detail, facts } = error as { code?: string; detail?: string; facts?: Record<string, unknown> };
  if (code === undefined || detail === undefined) throw error;
  say({ kind: 'problem', code, detail, facts: facts ?? {} });
}
port.close();
