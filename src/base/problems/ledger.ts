import type { ProblemDefinition } from './problems.ts';

export const LEDGER_PROBLEMS = {} as const satisfies Record<string, ProblemDefinition>;
