import { Problem, PROBLEMS, type ProblemCode } from '#base';

/** The body of every refusal: RFC 9457 members, then ours. `instance` names this one occurrence and is in the log line too. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ProblemCode;
  readonly retry: 'never' | 'later' | 'now';
  readonly howToSolve: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** RFC 9457 section 3.1.1 asks for a full path where a type is a relative reference: this one is served by the API itself. */
export function problemType(code: ProblemCode): string {
  return `/problems/${code}`;
}

// Amounts and sequence numbers in facts are bigint with us and strings outside.
function jsonSafe(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/**
 * The one place where a refusal becomes a response body.
 * A server failure (5xx) never repeats its detail or facts, except where the code is one of ours that was written for the caller: the detail of
 * a store or chain failure may hold host names, statements or file paths.
 */
export function problemDocument(problem: Problem, requestId: string): ProblemDocument {
  const definition = PROBLEMS[problem.code];
  const speaks = definition.status < 500 || problem.code.startsWith('http/');
  return {
    type: problemType(problem.code),
    title: definition.title,
    status: definition.status,
    detail: speaks ? problem.detail : `${definition.title}.`,
    instance: `urn:uuid:${requestId}`,
    code: problem.code,
    retry: definition.retry,
    howToSolve: definition.howToSolve,
    facts: speaks ? (JSON.parse(JSON.stringify(problem.facts, jsonSafe)) as Record<string, unknown>) : {},
  };
}

/** Seconds to wait before a retry: what the problem says for itself, else a second; null where waiting does not help. */
export function retryAfterS(problem: Problem): number | null {
  if (PROBLEMS[problem.code].retry !== 'later') return null;
  const stated = problem.facts['retryAfterS'];
  return typeof stated === 'number' ? Math.max(1, Math.ceil(stated)) : 1;
}
