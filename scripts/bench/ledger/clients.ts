import { performance } from 'node:perf_hooks';
import { assert, type AccountId } from '#base';
import type { Book } from '#ledger';
import type { TransferCommand } from '#ledger/core';
import type { Measured } from './report.ts';
import { transfers } from './work.ts';

/** As the clients of the ledger's own protocol would: the next request is there when one is answered. */
const OUTSTANDING = 2;

/** One client with two requests outstanding; all of the work is there before the clock starts. */
export async function batches(book: Book, work: readonly TransferCommand[][], outstanding = OUTSTANDING): Promise<Measured> {
  let next = 0;
  let booked = 0;
  const line = async (): Promise<void> => {
    while (next < work.length) {
      const results = await book.submit(work[next++]!);
      assert(
        results.every((result) => result.code === 'created'),
        'every transfer of the benchmark is booked',
      );
      booked += results.length;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: outstanding }, line));
  return { perSecond: (booked * 1000) / (performance.now() - start) };
}

/** So many callers for so long, each of whom waits for the answer to one transfer before he asks for the next. */
export async function callers(book: Book, accounts: readonly AccountId[], count: number, seconds: number): Promise<Measured> {
  // More than any machine books in that time, so that nothing is made up while the clock runs.
  const work = transfers(accounts, Math.min(seconds * 60_000, seconds * count * 2_000)).map((transfer) => [transfer]);
  const waits: number[] = [];
  let next = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  const caller = async (): Promise<void> => {
    while (next < work.length && performance.now() < end) {
      const asked = performance.now();
      await book.submit(work[next++]!);
      waits.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: count }, caller));
  const perSecond = (waits.length * 1000) / (performance.now() - start);
  return { perSecond, p99Ms: waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)]! };
}
