import { AssertionFailure, isOutage, Problem, type TimeMs } from '#base';
import { GREATEST_UNANCHORED_AGE_MS, greatestUnanchoredAgeMs, type Anchorer, type Sealer } from '#anchor';
import { pausedContracts, type LocalChain } from '#chain';
import { catchUp, openHeads, type Heads, type HeadsOptions } from '#cdc';
import { bookAuthorisations, moveSearch, openSearches, type WalletSearch } from '#identity';
import { readCursor } from '#ledger';
import type { Seq } from '#ledger/core';
import { advancePayments, findPaymentByHold, isAnyHeld, PAYMENTS_READER, projectRecords, type CoordinatorDependencies } from '#payments';
import { claimOf, disagreement } from '#reconciliation';
import {
  claimDeposit,
  claimOfWallets,
  closeWindow,
  creditDeposit,
  tickSettlement,
  type DepositRules,
  type SettlementDependencies,
  type Sweeper,
} from '#settlement';
import type { Platform, PlatformEvent } from './main.ts';

/** What a pass moves: the parts that main wired. */
export interface Parts extends Omit<Platform, 'pass' | 'rest' | 'faults' | 'closeWindow' | 'sealAll' | 'greatestUnanchoredAgeMs' | 'close'> {
  readonly heads: Heads;
  readonly sealer: Sealer;
  readonly anchorer: Anchorer;
  readonly coordinator: CoordinatorDependencies;
  readonly settlement: SettlementDependencies;
  readonly sweeper: Sweeper;
  readonly rules: DepositRules;
  readonly windowEveryMs: TimeMs;
  readonly onEvent: (event: PlatformEvent) => void;
  readonly faults: Faults;
}

/** By part, what failed when it last was at work. */
export interface Faults {
  fails(part: string, error: unknown): void;
  works(part: string): void;
  texts(): readonly string[];
}

/** Tells of a fault once, until the part works again or fails otherwise. */
export function createFaults(onEvent: Parts['onEvent']): Faults {
  const standing = new Map<string, string>();
  return {
    fails(part, error) {
      const text = `${part}: ${error instanceof Problem || error instanceof AssertionFailure ? error.message : 'it failed'}`;
      if (standing.get(part) !== text) onEvent({ kind: 'fault', part, error });
      standing.set(part, text);
    },
    works: (part) => void standing.delete(part),
    texts: () => [...standing.values()],
  };
}

export interface Run extends Parts {
  /** Since when payments are held that no window took; null while there are none. */
  heldSinceMs: TimeMs | null;
  /** The last record of the book when the last pass began, and how long that pass took. */
  seenSeq: Seq;
  passMs: TimeMs;
  /** Of the local chain, in as many passes. */
  blocksToMine: number;
  /** The newest block of the local chain that a pass has seen or mined. */
  headBlock: bigint;
}

const LEAST_REST_MS = 20;

/** The local chain calls a block finalized when two are on top of it. */
const BLOCKS_AFTER = 3;

export interface PassReport {
  readonly openTransactions: number;
  readonly openInstructions: number;
  readonly waitingDeposits: number;
  /** Milliseconds: the age of the oldest record that is in no block. */
  readonly unanchored: number;
}

const WITHOUT_END =
  'The database keeps its log without end for whoever reads it, so that one who stands still fills its disk. Set max_slot_wal_keep_size on the server, to 1 GB for instance, and reload it.';

/** Who is told when the book moves; an outage of the database is told by whoever needs it for his work. */
export function headsOf(url: string, { onEvent, ...options }: Pick<HeadsOptions, 'clock' | 'random' | 'open'> & Pick<Parts, 'onEvent'>): Heads {
  let isWarned = false;
  const warnOfLog = () => {
    if (!isWarned) onEvent({ kind: 'warning', text: WITHOUT_END });
    isWarned = true;
  };
  return openHeads({
    ...options,
    url,
    onEvent: (event) => {
      if (event.kind === 'streaming') return event.isKeptWithoutEnd ? warnOfLog() : undefined;
      if (isOutage(event.problem)) return;
      onEvent({ kind: 'warning', text: `${event.problem.detail} ${event.problem.definition.howToSolve}` });
    },
  });
}

export function startRun(parts: Parts): Run {
  return { ...parts, heldSinceMs: null, seenSeq: 0n, passMs: 0, blocksToMine: BLOCKS_AFTER, headBlock: 0n };
}

/** Every part in the order in which facts flow: from the chain into the book, through the book, and back onto the chain. A part that fails keeps no other from its work: least of all sealing and anchoring. */
export async function passOver(run: Run): Promise<PassReport> {
  const startedMs = run.clock.nowMs();
  run.seenSeq = (await run.book.head()).seq;
  await part(run, 'contracts', 0, () => requireNoPause(run));
  const openTransactions = await part(run, 'transactions', 1, async () => (await run.outbox.tick()).open);
  const openSweeps = await part(run, 'sweeps', 1, () => run.sweeper.tick());
  await part(run, 'authorisations', 0, () => bookAuthorisations(run.directory));
  await part(run, 'deposits', 0, () => credit(run));
  await part(run, 'claims', 0, () => claim(run));
  await part(run, 'payments', 0, () => advance(run));
  await part(run, 'expiries', 0, () => run.book.expireDue());
  await part(run, 'projection', 0, () => projectRecords({ ...run.coordinator }));
  await part(run, 'windows', 0, () => closeDueWindow(run));
  const openInstructions = await part(run, 'settlement', 1, () => tickSettlement(run.settlement));
  await part(run, 'projection', 0, () => projectRecords({ ...run.coordinator }));
  await part(run, 'reconciliation', 0, () => reconcileEntries(run));
  await part(run, 'sealing', 0, () => run.sealer.sealDue(run.book));
  const anchored = await part(run, 'anchoring', 1, async () => (await run.anchorer.tick()).length);
  const waitingDeposits = await part(run, 'waiting deposits', 0, async () => (await run.scanner.pending()).length);
  const unanchored = await ageMs(run);
  if (run.local) await mineAfter(run, run.local, openTransactions + anchored + waitingDeposits + openInstructions + openSweeps > 0);
  run.passMs = run.clock.nowMs() - startedMs;
  return { openTransactions, openInstructions, waitingDeposits, unanchored };
}

/** Until the next pass: as soon as the book has records that the last one did not begin with, and after `mostMs` in any case. Passes take half of the time at most, however much is booked. */
export async function restBetween(run: Run, mostMs: TimeMs, signal?: AbortSignal): Promise<void> {
  const leastMs = Math.min(Math.max(LEAST_REST_MS, run.passMs), mostMs);
  await new Promise((resolve) => setTimeout(resolve, leastMs));
  await run.heads.after(run.bookId, run.seenSeq, { forMs: mostMs - leastMs, ...(signal && { signal }) });
}

/** Empty blocks only while something waits for finality or for the chain's clock, and a few on top of whatever anybody did: the signer nodes go by what the endpoint calls finalized. */
async function mineAfter(run: Run, local: LocalChain, isWaiting: boolean): Promise<void> {
  const { number } = await run.client.head();
  run.blocksToMine = isWaiting || number !== run.headBlock ? BLOCKS_AFTER : Math.max(0, run.blocksToMine - 1);
  run.headBlock = number;
  if (run.blocksToMine === 0) return;
  await local.mine(1);
  run.headBlock = number + 1n;
}

/** Nothing fails of itself while a contract is paused, it only stands: whoever runs this is told why. */
async function requireNoPause({ client, deployment }: Run): Promise<number> {
  const paused = await pausedContracts(client, deployment);
  if (paused.length > 0)
    throw new Problem('chain/paused', `The guardian paused ${paused.map((name) => `the ${name}`).join(' and ')}.`, { paused: [...paused] });
  return 0;
}

/** An outage of a server ends the pass, which is repeated; whatever else fails is told once, remembered, and left aside until it works. */
async function part(run: Run, name: string, otherwise: number, work: () => Promise<number>): Promise<number> {
  try {
    const result = await work();
    run.faults.works(name);
    return result;
  } catch (error) {
    if (isOutage(error) || (error instanceof Problem && error.code === 'chain/state-lost')) throw error;
    run.faults.fails(name, error);
    return otherwise;
  }
}

/** Every record against the payment that it is about, as soon as the payments have learned of it. Who disagrees is told of until a person has looked: the check goes no further. */
async function reconcileEntries({ database, book, bookId }: Run): Promise<number> {
  const known = await readCursor(database.pool, PAYMENTS_READER, bookId);
  const records: typeof book.records = async (page) => (await book.records(page)).filter(({ seq }) => seq <= known);
  return catchUp({
    database,
    source: { bookId, head: () => book.head(), records },
    consumer: {
      name: 'reconciliation',
      handle: async (client, entries) => {
        for (const record of entries) {
          const claim = claimOf(record);
          const sentence = claim && disagreement(record, claim, await findPaymentByHold(client, claim.hold));
          if (sentence) throw new Problem('payments/book-disagrees', sentence, { seq: `${record.seq}` });
        }
      },
    },
  });
}

async function credit(run: Run): Promise<number> {
  const { changes } = await run.scanner.scan(async (deposit) => {
    const credited = await creditDeposit(run.book, run.rules, deposit);
    if (credited) run.onEvent({ kind: 'deposit', credited });
    if (credited?.owner.kind !== 'suspense') return;
    // Handed over again after a crash: its wallet may have been registered, and searched, since it was booked.
    const claimed = await claimDeposit(run.book, deposit.digest);
    if (claimed) run.onEvent({ kind: 'claim', claimed });
  });
  return changes.length;
}

function claim({ database: { pool }, book, scanner, onEvent }: Run): Promise<number> {
  const searches = {
    openSearches: (limit: number) => openSearches(pool, limit),
    moveSearch: (search: WalletSearch, isWhole: boolean) => moveSearch(pool, search, isWhole),
  };
  return claimOfWallets({ book, scanner, ...searches }, (claimed) => onEvent({ kind: 'claim', claimed }));
}

function ageMs(run: Run): Promise<number> {
  return greatestUnanchoredAgeMs({ database: run.database, clock: run.clock }, [run.book]);
}

/** Nothing new is taken while what was booked before waits too long for its anchor. */
async function advance(run: Run): Promise<number> {
  return (await ageMs(run)) <= GREATEST_UNANCHORED_AGE_MS ? advancePayments(run.coordinator) : 0;
}

/** Windows close by themselves once a held payment has waited long enough. */
async function closeDueWindow(run: Run): Promise<number> {
  const nowMs = run.clock.nowMs();
  run.heldSinceMs = (await isAnyHeld(run.database.pool)) ? (run.heldSinceMs ?? nowMs) : null;
  if (run.heldSinceMs === null || nowMs - run.heldSinceMs < run.windowEveryMs) return 0;
  run.heldSinceMs = null;
  return (await closeWindowIfNeeded(run)) ? 1 : 0;
}

export async function closeWindowIfNeeded(run: Run): Promise<boolean> {
  await tickSettlement(run.settlement);
  if (!(await isAnyHeld(run.database.pool))) return false;
  await closeWindow({ ...run.settlement, vault: run.deployment.vault });
  return true;
}
