import type { ProblemDefinition } from './problems.ts';

export const PAYMENTS_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
