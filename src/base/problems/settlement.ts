import type { ProblemDefinition } from './problems.ts';

export const SETTLEMENT_PROBLEMS = {
  'settlement/waits-for-caps': {
    status: 503,
    title: 'The payment waits until the vault’s caps have room for it',
    retry: 'later',
    howToSolve:
      'Nothing to do: it is paid on the day named. Where a cap was lowered below it, the owner can raise the cap; else the money is back after its deadline.',
  },
  'settlement/several-in-trouble': {
    status: 500,
    title: 'Several windows or lists of payouts are in trouble',
    retry: 'later',
    howToSolve: 'The detail names each one’s own problem; solve them one by one. All other windows and lists go on meanwhile.',
  },
  'settlement/hold-not-closed': {
    status: 409,
    title: 'A hold could not be posted or voided',
    retry: 'later',
    howToSolve: 'The book and settlement disagree about this hold: run `cairn audit` on an export before anything is repaired by hand.',
  },
} as const satisfies Record<string, ProblemDefinition>;
