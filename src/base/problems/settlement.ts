import type { ProblemDefinition } from './problems.ts';

export const SETTLEMENT_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
