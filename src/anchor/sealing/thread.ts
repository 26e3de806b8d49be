import { Worker } from 'node:worker_threads';
import { AssertionFailure, Problem, type BookId, type Clock, type ProblemCode, type TimeMs } from '#base';
import type { RecordSource } from '../types.ts';
import type { Sealer } from './sealer.ts';

/** What the thread is started with. */
export interface SealingOrder {
  readonly databaseUrl: string;
  readonly chainId: bigint;
  readonly sealAfterMs: TimeMs;
  readonly maxRecords: number;
}

export interface SealingOptions extends SealingOrder {
  readonly clock: Clock;
}

export interface SealingThread extends Sealer {
  /** Waits for what is being sealed, and ends the thread. */
  close(): Promise<void>;
}

/** One request to the thread; its answer has the same number. */
export type SealingRequest =
  { readonly no: number; readonly what: 'sealDue' | 'sealAll'; readonly book: BookId; readonly nowMs: TimeMs } | { readonly what: 'close' };

export type SealingAnswer =
  | { readonly no: number; readonly batches: number }
  | { readonly no: number; readonly problem: { readonly code: ProblemCode; readonly detail: string; readonly facts: Readonly<Record<string, unknown>> } }
  /** Our own bug, or an error that is no Problem: by its message, because a thread's answers have no classes. */
  | { readonly no: number; readonly failed: string };

interface Waiting {
  readonly resolve: (batches: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The sealer on a thread of its own, with a connection of its own. A batch of 4,096 records takes tens of milliseconds of hashing and reading, in which a process that also
 * writes the book would answer nobody. A thread that dies is started anew by the next request: what it had not sealed is sealed then.
 */
export function openSealingThread({ clock, ...order }: SealingOptions): SealingThread {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let thread: Worker | null = null;

  function start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: order satisfies SealingOrder });
    const fail = (error: Error): void => {
      // An error is followed by an exit, when the next thread may be at work already: what waits then is asked of that one.
      if (thread !== worker) return;
      thread = null;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    };
    worker.on('message', (answer: SealingAnswer) => settle(answer));
    worker.on('error', fail);
    worker.on('exit', () => fail(new Problem('store/unreachable', 'The thread that seals ended.')));
    return worker;
  }

  function settle(answer: SealingAnswer): void {
    const asked = waiting.get(answer.no);
    waiting.delete(answer.no);
    if ('batches' in answer) asked?.resolve(answer.batches);
    else if ('failed' in answer) asked?.reject(new AssertionFailure(answer.failed));
    else asked?.reject(new Problem(answer.problem.code, answer.problem.detail, answer.problem.facts));
  }

  function ask(what: 'sealDue' | 'sealAll', { bookId }: RecordSource): Promise<number> {
    thread ??= start();
    const request = { no: ++last, what, book: bookId, nowMs: clock.nowMs() } satisfies SealingRequest;
    const answered = new Promise<number>((resolve, reject) => waiting.set(request.no, { resolve, reject }));
    thread.postMessage(request, []);
    return answered;
  }

  async function close(): Promise<void> {
    if (!thread) return;
    const ended = new Promise((resolve) => thread!.once('exit', resolve));
    thread.postMessage({ what: 'close' } satisfies SealingRequest, []);
    await ended;
  }

  return { sealDue: (source) => ask('sealDue', source), sealAll: (source) => ask('sealAll', source), close };
}
