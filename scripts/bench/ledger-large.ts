/** What twenty million transfers in the journal cost: the speed before and after, balances at a time and pages of a statement, storage. Takes minutes, so it is a section of its own. */
import { performance } from 'node:perf_hooks';
import { assert, type AccountId } from '#base';
import { batches } from './ledger/clients.ts';
import { interleave, median, speedOf, thousands, type Contestant, type Rounds } from './ledger/report.ts';
import { onStage, type Stage } from './ledger/stage.ts';
import { relationsOf, storageTable } from './ledger/storage.ts';
import { accountsOf, random, requests, transfers } from './ledger/work.ts';

export const title = 'The ledger at twenty million transfers';

const TRANSFERS = 20_000_000;
const STEP = 400_000;
const ACCOUNTS = 10_000;
const ROUNDS = 5;
const QUESTIONS = 1_000;

const SIZES = [8_000, 1_000] as const;

export async function run(): Promise<string> {
  return onStage(measure);
}

async function measure(stage: Stage): Promise<string> {
  const accounts = await accountsOf(stage.book, ACCOUNTS);
  const before = await relationsOf(stage);
  const first = (await stage.book.head()).seq;
  const empty = await speeds(stage, accounts);
  await fill(stage, accounts);
  // As it is after minutes of rest, and not with what the filling left to be written: the same state that the empty book was in.
  await stage.owner.query('checkpoint');
  const full = await speeds(stage, accounts);
  const booked = Number((await stage.book.head()).seq - first);
  const storage = storageTable(before, await relationsOf(stage), booked);
  return [
    `A book filled in batches of 8,000 over ${thousands(ACCOUNTS)} accounts, drawn uniformly, to ${thousands(booked)} transfers; medians of ${ROUNDS} rounds, one client with two requests outstanding.`,
    '',
    '| | empty, a second | full, a second | full : empty |',
    '|--|--:|--:|--:|',
    ...SIZES.map((size) => comparison(nameOf(size), empty, full)),
    '',
    `Questions at that size, one after the other, each about an account and a place drawn anew (${thousands(QUESTIONS)} of each):`,
    '',
    '| | median, ms | p99, ms |',
    '|--|--:|--:|',
    ...(await questions(stage, accounts, first, booked)),
    '',
    'Storage, indexes and history included:',
    '',
    storage.text,
  ].join('\n');
}

function nameOf(size: number): string {
  return `batches of ${thousands(size)} over ${thousands(ACCOUNTS)} accounts`;
}

function comparison(name: string, empty: Rounds, full: Rounds): string {
  const [before, after] = [speedOf(empty, name), speedOf(full, name)];
  return `| ${name} | ${thousands(before)} | ${thousands(after)} | ${(after / before).toFixed(2)} |`;
}

function speeds({ book }: Stage, accounts: readonly AccountId[]): Promise<Rounds> {
  const contestants: Contestant[] = SIZES.map((size) => ({
    name: nameOf(size),
    measure: () =>
      batches(
        book,
        requests(96_000 / size, () => transfers(accounts, size)),
      ),
  }));
  return interleave(contestants, ROUNDS);
}

async function fill({ book }: Stage, accounts: readonly AccountId[]): Promise<void> {
  for (let filled = 0; filled < TRANSFERS; filled += STEP) {
    const { perSecond } = await batches(
      book,
      requests(STEP / 8_000, () => transfers(accounts, 8_000)),
    );
    console.log(`${thousands(filled + STEP)} of ${thousands(TRANSFERS)} transfers, ${thousands(perSecond)}/s`);
  }
}

/** Answers to readers, over the application's own connections. */
async function questions({ book }: Stage, accounts: readonly AccountId[], first: bigint, booked: number): Promise<string[]> {
  const account = (): AccountId => accounts[random(accounts.length)]!;
  const seq = (): bigint => first + 1n + BigInt(random(booked));
  const { nowMs } = await book.head();
  const asked = async (name: string, ask: () => Promise<unknown>): Promise<string> => {
    const waits: number[] = [];
    for (let i = 0; i < QUESTIONS; i++) {
      const start = performance.now();
      await ask();
      waits.push(performance.now() - start);
    }
    waits.sort((a, b) => a - b);
    return `| ${name} | ${median(waits).toFixed(2)} | ${waits[Math.floor(waits.length * 0.99)]!.toFixed(2)} |`;
  };
  return [
    await asked('the balance of an account after a record', async () => {
      const balance = await book.balanceAt(account(), { seq: seq() });
      assert(balance, 'every account of the benchmark was opened before its first transfer');
    }),
    await asked('the balance of an account at a time', () => book.balanceAt(account(), { ms: nowMs - random(30_000) })),
    await asked('the latest page of 100 entries of an account', async () => {
      const page = await book.entries(account(), { beforeSeq: first + BigInt(booked) + 1n, limit: 100 });
      assert(page.length === 100, 'every account of the benchmark has more than a page');
    }),
    await asked('a page of 100 entries anywhere', () => book.entries(account(), { beforeSeq: seq(), limit: 100 })),
  ];
}
