/** The thread of `openSealingThread`: seals when it is asked to, one request after the other. */
import { randomBytes } from 'node:crypto';
import { platform, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { assert, Problem, type TimeMs } from '#base';
import { openDatabase, type Database } from '#db';
import { readBook } from '#ledger';
import { createSealer, type Sealer } from './sealer.ts';
import type { SealingAnswer, SealingOrder, SealingRequest } from './thread.ts';

assert(parentPort, 'the sealing thread is started as a worker thread');
const port = parentPort;
/** Of the 19 steps that Linux has below the usual. */
const BELOW_THE_WRITER = 10;
// Linux counts this by the thread, and 0 is the one that asks; elsewhere it would be the whole process. Who waits for a batch to be sealed waits for a block anyway, so where there are not cores enough for all, the
// writer goes first.
if (platform() === 'linux') setPriority(0, BELOW_THE_WRITER);
const { databaseUrl, chainId, sealAfterMs, maxRecords } = workerData as SealingOrder;
/** As the process that asks has it, at the request under way. */
let nowMs: TimeMs = 0;
let opened: Promise<{ readonly database: Database; readonly sealer: Sealer }> | null = null;
let underWay: Promise<void> = Promise.resolve();

async function open() {
  const database = await openDatabase({ url: databaseUrl, connections: 2 });
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  return { database, sealer: createSealer({ database, clock: { nowMs: () => nowMs }, chainId, random, sealAfterMs, maxRecords }) };
}

async function seal(request: Extract<SealingRequest, { no: number }>): Promise<number> {
  // Where the database was away, the next request tries again.
  opened ??= open().catch((error: unknown) => {
    opened = null;
    throw error;
  });
  const { database, sealer } = await opened;
  nowMs = request.nowMs;
  return sealer[request.what](await readBook(database, request.book));
}

function answerOf(no: number, error: unknown): SealingAnswer {
  if (error instanceof Problem) return { no, problem: { code: error.code, detail: error.detail, facts: error.facts } };
  return { no, failed: `sealing: ${error instanceof Error ? error.message : String(error)}` };
}

async function answer(request: SealingRequest): Promise<void> {
  if (request.what === 'close') {
    if (opened) await (await opened).database.close();
    port.close();
    return;
  }
  port.postMessage(
    await seal(request).then(
      (batches): SealingAnswer => ({ no: request.no, batches }),
      (error: unknown) => answerOf(request.no, error),
    ),
  );
}

port.on('message', (request: SealingRequest) => {
  underWay = underWay.then(() => answer(request));
});
