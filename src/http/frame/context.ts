import type { NextFunction, Request, Response } from 'express';
import { newId, Problem, type Clock, type ProblemCode, type RandomBytes, type Uuid } from '#base';
import type { Logger } from 'pino';
import type { Caller } from '../access/scopes.ts';
import { problemDocument, retryAfterS } from './problem-json.ts';
import { asProblem } from './refusals.ts';
import type { Telemetry } from './telemetry.ts';

/** The version of the API that this code speaks, and the only one so far: a date, sent in Cairn-Version with every answer. */
export const API_VERSION = '2026-11-01';
const API_VERSIONS: readonly string[] = [API_VERSION];

/** What is known about a request while it is handled; lives in `res.locals`. */
export interface Locals {
  requestId: Uuid<'request'>;
  /** The pattern of the route, never the path itself: a path may hold ids, a query anything. */
  route: string;
  caller: Caller | null;
  problem: ProblemCode | null;
}

export type ApiResponse = Response<unknown, Locals & Record<string, unknown>>;

export interface FrameDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** Headers of every answer. The API serves data to programs: nothing of it may be framed, sniffed, cached or run. */
const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/** First of all: names the request, sets the headers of every answer, and logs and counts the answer when it is gone. */
export function openContext({ clock, random, log, telemetry }: FrameDeps) {
  return (request: Request, response: ApiResponse, next: NextFunction): void => {
    const { locals } = response;
    locals.requestId = newId(clock.nowMs(), random);
    locals.route = 'none';
    locals.caller = null;
    locals.problem = null;
    response.set({ ...SECURITY_HEADERS, 'Request-Id': locals.requestId, 'Cairn-Version': API_VERSION });
    const started = process.hrtime.bigint();
    response.on('close', () => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      const status = response.writableFinished ? response.statusCode : 499;
      telemetry.answered(locals.route, request.method, status, seconds);
      log.info(
        {
          requestId: locals.requestId,
          method: request.method,
          route: locals.route,
          status,
          ms: Math.round(seconds * 1000),
          key: locals.caller?.keyId,
          merchant: locals.caller?.kind === 'merchant' ? locals.caller.merchant : undefined,
          problem: locals.problem ?? undefined,
        },
        'answered',
      );
    });
    next();
  };
}

/** Refuses a Cairn-Version that does not exist, so that nobody is answered in a shape he does not expect. */
export function checkVersion(request: Request, _response: Response, next: NextFunction): void {
  const asked = request.get('Cairn-Version');
  if (asked !== undefined && !API_VERSIONS.includes(asked)) {
    throw new Problem('http/unknown-version', 'There is no such Cairn-Version.', { versions: API_VERSIONS });
  }
  next();
}

/** Last of all: whatever was thrown becomes problem+json here and nowhere else. */
export function answerProblem({ log, telemetry }: FrameDeps) {
  return (thrown: unknown, _request: Request, response: ApiResponse, _next: NextFunction): void => {
    const problem = asProblem(thrown);
    const { locals } = response;
    locals.problem = problem.code;
    telemetry.refused(problem.code);
    if (problem.definition.status >= 500) log.error({ requestId: locals.requestId, route: locals.route, err: problem.cause ?? problem }, 'failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const document = problemDocument(problem, locals.requestId);
    const waitS = retryAfterS(problem);
    if (waitS !== null) response.set('Retry-After', String(waitS));
    if (document.status === 401) response.set('WWW-Authenticate', 'Bearer realm="cairn"');
    // What was not read of a body that is too large is not waited for.
    if (document.status === 413) response.set('Connection', 'close');
    response.status(document.status).type('application/problem+json').send(JSON.stringify(document));
  };
}
