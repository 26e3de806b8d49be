import type { ProblemDefinition } from './problems.ts';

export const AUDIT_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
