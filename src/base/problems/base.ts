import type { ProblemDefinition } from './problems.ts';

export const BASE_PROBLEMS = {
  'base/bad-amount': {
    status: 400,
    title: 'The amount is not one this asset can hold',
    retry: 'never',
    howToSolve: 'Send a plain decimal without sign or exponent, with at most the asset’s own number of decimals.',
  },
} as const satisfies Record<string, ProblemDefinition>;
