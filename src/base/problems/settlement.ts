import type { ProblemDefinition } from './problems.ts';

export const SETTLEMENT_PROBLEMS = {
  'settlement/hold-not-closed': {
    status: 409,
    title: 'A hold could not be posted or voided',
    retry: 'later',
    howToSolve: 'The book and settlement disagree about this hold: run `cairn audit` on an export before anything is repaired by hand.',
  },
} as const satisfies Record<string, ProblemDefinition>;
