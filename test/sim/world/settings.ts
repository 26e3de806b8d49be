import { Random } from '../random.ts';
import type { NetworkFaults } from '../server/connections.ts';

/** What a seed is like: which faults it has and how often, who asks, and for what. Each seed is good at something else. */
export interface Settings {
  readonly network: NetworkFaults;
  /** Mean time between faults of each kind, in microseconds; 0 for never. */
  readonly every: Readonly<Record<FaultKind, number>>;
  /** Requests and replies between clients and writers, in a million. */
  readonly lostRequest: number;
  readonly lostReply: number;
  readonly duplicate: number;
  readonly writers: number;
  readonly clients: number;
  /** Commands in a request. */
  readonly small: number;
  readonly large: number;
  /** How often a request is a large one, in a million. */
  readonly isLarge: number;
  readonly accounts: number;
  readonly assets: number;
  /** By how much the book's clock runs faster than the simulated network, and its coarseness: ties with expiries are what tests them. */
  readonly clockRate: number;
  readonly clockStepMs: number;
  readonly timeoutS: number;
  /** How likely each kind of command is. */
  readonly kinds: Readonly<Record<CommandKind, number>>;
  readonly linked: number;
  readonly evidence: number;
  /** How much of the book a writer remembers. */
  readonly memory: { readonly accounts: number; readonly holds: number };
  readonly leaseMs: number;
}

export const FAULTS = ['writer crash', 'server crash', 'pause', 'lost lock', 'clock jump', 'hand-over'] as const;
export type FaultKind = (typeof FAULTS)[number];

export type CommandKind =
  'move' | 'hold' | 'post' | 'void' | 'balance' | 'repeat' | 'change' | 'expire' | 'window' | 'release' | 'other' | 'open' | 'close' | 'odd';

/** A thing that some seeds have often, some seldom, and some never. */
function sometimes(random: Random, most: number): number {
  return random.below(3) === 0 ? 0 : 1 + random.below(random.below(2) === 0 ? most : Math.ceil(most / 10));
}

function interval(random: Random, shortestUs: number): number {
  return random.below(3) === 0 ? 0 : shortestUs * random.between(1, 30);
}

/** What the seed draws, and in every fourth seed a crowd instead of its clients: drawn apart, so that the others keep what they were. */
export function settingsFor(seed: number, random: Random): Settings {
  const settings = settingsOf(random);
  return seed % 4 === 0 ? crowded(settings, new Random(seed + 2 ** 32)) : settings;
}

/**
 * So many wait at a slow server that the next batch is decided on top of the one in flight. Whatever has to be looked up waits behind that one and is decided
 * when it has landed, so that nearly everything here is about accounts and holds that the writer knows.
 */
function crowded(settings: Settings, random: Random): Settings {
  return {
    ...settings,
    network: { ...settings.network, workUs: random.between(2_000, 8_000) },
    clients: random.between(12, 60),
    small: random.pick([8, 20, 40]),
    accounts: random.between(20, 60),
    kinds: {
      move: 400,
      hold: random.between(20, 60),
      post: random.between(0, 6),
      void: random.between(0, 6),
      balance: random.between(1, 20),
      repeat: random.between(1, 20),
      change: random.below(3),
      expire: 0,
      window: random.below(2),
      release: 0,
      other: 0,
      open: 0,
      close: 0,
      odd: 0,
    },
    memory: { accounts: 500_000, holds: 200_000 },
  };
}

export function settingsOf(random: Random): Settings {
  const faulty = random.below(10) > 0;
  const rate = (most: number): number => (faulty ? sometimes(random, most) : 0);
  const weight = (most: number): number => (random.below(6) === 0 ? 0 : random.between(1, most));
  return {
    network: {
      latencyUs: random.between(10, 400),
      workUs: random.between(50, 2_000),
      slow: rate(2_000),
      lostRequest: rate(30_000),
      lostReply: rate(30_000),
      refusedStatement: rate(20_000),
    },
    every: {
      'writer crash': faulty ? interval(random, 80_000) : 0,
      'server crash': faulty ? interval(random, 120_000) : 0,
      pause: faulty ? interval(random, 80_000) : 0,
      'lost lock': faulty ? interval(random, 80_000) : 0,
      'clock jump': interval(random, 20_000),
      'hand-over': interval(random, 60_000),
    },
    lostRequest: rate(20_000),
    lostReply: rate(20_000),
    duplicate: rate(50_000),
    writers: random.between(1, 3),
    clients: random.pick([1, 4, 12, 30, 60]),
    small: random.pick([1, 3, 8, 20]),
    large: random.pick([40, 120, 400]),
    isLarge: sometimes(random, 150_000),
    accounts: random.between(3, 40),
    assets: random.between(1, 3),
    clockRate: random.pick([1, 50, 500]),
    clockStepMs: random.pick([1, 250, 1_000]),
    timeoutS: random.pick([2, 10, 100]),
    kinds: {
      move: weight(30),
      hold: weight(30) + 2,
      post: weight(20),
      void: weight(10),
      balance: weight(8),
      repeat: weight(6),
      change: weight(4),
      expire: weight(4),
      window: random.below(3) === 0 ? 1 : 0,
      release: weight(2),
      other: weight(2),
      open: weight(2),
      close: random.below(3) === 0 ? 1 : 0,
      odd: weight(3),
    },
    linked: sometimes(random, 250_000),
    evidence: sometimes(random, 60_000),
    memory: random.below(3) === 0 ? { accounts: random.between(2, 30), holds: random.between(5, 200) } : { accounts: 500_000, holds: 200_000 },
    leaseMs: random.pick([30, 200, 1_000, 5_000]),
  };
}
