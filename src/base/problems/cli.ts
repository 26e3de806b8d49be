import type { ProblemDefinition } from './problems.ts';

export const CLI_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
