import type { ProblemDefinition } from './problems.ts';

export const CHAIN_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
