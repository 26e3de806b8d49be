import { readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { performance } from 'node:perf_hooks';
import { assert, type AccountId } from '#base';
import type { Book } from '#ledger';
import type { TransferCommand } from '#ledger/core';
import type { Measured } from './report.ts';
import { schemaOf, type Stage } from './stage.ts';
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
  const waits: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      // Made up as it is asked for, in a microsecond: a hundred thousand that wait for their turn would keep the collector of garbage busy.
      const work = transfers(accounts, 1);
      const asked = performance.now();
      await book.submit(work);
      waits.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: count }, caller));
  const perSecond = (waits.length * 1000) / (performance.now() - start);
  return { perSecond, p99Ms: waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)]! };
}

/** Microseconds of CPU a transfer, of this process and of the connection that writes the book. */
export interface Profile {
  readonly node: number;
  readonly postgres: number;
  readonly elapsed: number;
}

/** How long the clock of /proc takes for one tick, in microseconds (USER_HZ is 100 wherever Node runs). */
const TICK_US = 10_000;

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Where the time goes; null on a system that has no /proc. */
export async function profile({ owner, book }: Stage, work: readonly TransferCommand[][]): Promise<Profile | null> {
  if (platform() !== 'linux') return null;
  // The connection's last statement was a batch of this book.
  const written = `%update ${schemaOf(book)}.head set%`;
  const { rows } = await owner.query<{ pid: number }>('select pid from pg_stat_activity where query like $1 and pid <> pg_backend_pid()', [written]);
  const pid = rows[0]?.pid;
  assert(pid !== undefined, 'a connection has just written the book');
  const count = work.reduce((sum, { length }) => sum + length, 0);
  const [cpu, ticks, start] = [process.cpuUsage(), ticksOf(pid), performance.now()];
  await batches(book, work);
  const { user, system } = process.cpuUsage(cpu);
  return { node: (user + system) / count, postgres: ((ticksOf(pid) - ticks) * TICK_US) / count, elapsed: ((performance.now() - start) * 1000) / count };
}
