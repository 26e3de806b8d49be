import type { ProblemDefinition } from './problems.ts';

export const HTTP_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
