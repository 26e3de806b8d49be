import { PROBLEMS, type ProblemCode, type ProblemDefinition } from './problems/problems.ts';

export { PROBLEMS, type ProblemCode, type ProblemDefinition };

/** A refusal: somebody else's mistake or a condition of the world, with a code from the registry. RFC 9457 is made of it in http, one sentence in the terminal. */
export class Problem extends Error {
  readonly code: ProblemCode;
  /** What happened this time, in one sentence. */
  readonly detail: string;
  /** Facts for a program: amounts and ids as strings. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, detail: string, facts: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(`${code}: ${detail}`, { cause });
    this.name = 'Problem';
    this.code = code;
    this.detail = detail;
    this.facts = facts;
  }

  get definition(): ProblemDefinition {
    return PROBLEMS[this.code];
  }
}

/** Our own bug: the process must not go on as if nothing had happened. */
export class AssertionFailure extends Error {
  constructor(message: string) {
    super(`assertion failed: ${message}`);
    this.name = 'AssertionFailure';
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}
