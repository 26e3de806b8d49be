import type { ProblemDefinition } from './problems.ts';

export const AUDIT_PROBLEMS = {
  'audit/receipt-refused': {
    status: 422,
    title: 'The chain contradicts the receipt',
    retry: 'never',
    howToSolve: 'Do not rely on this receipt; ask for it again, and check that the endpoint serves the chain it names.',
  },
  'audit/not-final': {
    status: 409,
    title: 'The chain has it, but not finally',
    retry: 'later',
    howToSolve: 'Verify again in a few minutes.',
  },
} as const satisfies Record<string, ProblemDefinition>;
