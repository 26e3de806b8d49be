import type { ProblemDefinition } from './problems.ts';

export const STORE_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
