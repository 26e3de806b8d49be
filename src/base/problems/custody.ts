import type { ProblemDefinition } from './problems.ts';

export const CUSTODY_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
