import { Problem } from '#base';
import type { z } from 'zod';

/** What body-parser, the router and Node put on the errors they pass to `next`. */
interface TransportError {
  readonly type?: unknown;
  readonly status?: unknown;
  readonly limit?: unknown;
}

/**
 * Turns whatever was thrown into a Problem. What is not recognised is a bug of ours or of a library: http/internal, whose cause is logged and
 * never sent.
 */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  const { type, status, limit } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as TransportError;
  if (type === 'entity.too.large') return new Problem('http/body-too-large', `The body is larger than ${String(limit)} bytes.`, { limitBytes: limit });
  if (type === 'encoding.unsupported') return new Problem('http/wrong-content-type', 'The body has a Content-Encoding; send it as it is.');
  if (type === 'request.aborted') return new Problem('http/malformed-request', 'The connection ended before the whole body had arrived.');
  if (type === 'request.size.invalid') return new Problem('http/malformed-request', 'The body is not as long as its Content-Length says.');
  if (thrown instanceof URIError || status === 400) return new Problem('http/malformed-request', 'The path or a header cannot be decoded.');
  return new Problem('http/internal', 'Something failed on our side; it is logged under this instance.', {}, thrown);
}

/** At most this many field errors are listed: a batch of 8,000 wrong items needs no 8,000 sentences. */
const LISTED_ERRORS = 20;

/** Where and why a request did not fit its schema. Received values are not repeated: they may be secrets. */
export function invalidRequest(place: 'path' | 'query' | 'header' | 'body', error: z.ZodError): Problem {
  const errors = error.issues.slice(0, LISTED_ERRORS).map((issue) => ({
    field: [place, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }));
  const first = errors[0];
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : '';
  return new Problem('http/invalid-request', `${first?.field ?? place}: ${first?.message ?? 'not valid'}${more}.`, {
    errors,
    count: error.issues.length,
  });
}
