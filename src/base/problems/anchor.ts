import type { ProblemDefinition } from './problems.ts';

export const ANCHOR_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
