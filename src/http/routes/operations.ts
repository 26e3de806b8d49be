import type { NextFunction, Request, Router } from 'express';
import { Problem, PROBLEMS, type ProblemCode } from '#base';
import { authenticate, type AccessDeps } from '../access/authenticate.ts';
import { authorise } from '../access/scopes.ts';
import type { ApiResponse } from '../frame/context.ts';
import { refuseMethod } from '../frame/mount.ts';
import { problemType } from '../frame/problem-json.ts';
import type { Telemetry } from '../frame/telemetry.ts';
import { openApiDocument } from '../openapi.ts';
import type { Services, SystemStatus } from '../services.ts';

interface OperationsDeps extends AccessDeps {
  readonly services: Services;
  readonly telemetry: Telemetry;
}

/** Paths for machines that watch the process, and the descriptions of the API itself. All but /metrics are public and say nothing about anybody. */
export function mountOperations(router: Router, deps: OperationsDeps): void {
  const document = JSON.stringify(openApiDocument());
  watch(router, '/healthz', (_request, response) => {
    // Alive means that the event loop answers; whether the parts are well is the question of /readyz.
    response.json({ status: 'alive' });
  });
  watch(router, '/readyz', async (_request, response) => {
    const status = await deps.services.status.status();
    refuseNotReady(status);
    response.json({ status: 'ready', ...presentStatus(status) });
  });
  watch(router, '/metrics', async (request, response) => {
    const caller = await authenticate(deps, request, response);
    response.locals.caller = caller;
    authorise(caller, { scope: 'metrics:read', who: 'operator' });
    const text = await deps.telemetry.render(await deps.services.status.status());
    response.type(deps.telemetry.contentType).send(text);
  });
  watch(router, '/openapi.json', (_request, response) => {
    response.type('application/json').send(document);
  });
  watch(router, '/problems/:area/:slug', (request, response) => {
    const code = `${String(request.params['area'])}/${String(request.params['slug'])}`;
    if (!Object.hasOwn(PROBLEMS, code)) throw new Problem('http/unknown-route', 'There is no such problem code.');
    response.json({ type: problemType(code as ProblemCode), code, ...PROBLEMS[code as ProblemCode] });
  });
}

function watch(router: Router, path: string, handle: (request: Request, response: ApiResponse) => void | Promise<void>): void {
  const named = (_request: Request, response: ApiResponse, next: NextFunction): void => {
    response.locals.route = path;
    next();
  };
  router.get(path, named, handle);
  router.all(path, refuseMethod(['GET', 'HEAD']));
}

/** Not ready: a part is down, or records wait for their anchor longer than promised, so that nothing new should be accepted here. */
function refuseNotReady(status: SystemStatus): void {
  const failed = status.checks.filter((check) => !check.ok);
  const facts = presentStatus(status);
  if (failed.length > 0) throw new Problem('http/not-ready', `Not well: ${failed.map((check) => check.name).join(', ')}.`, facts);
  if (status.greatestUnanchoredAgeMs > status.unanchoredAgeLimitMs) {
    throw new Problem('http/not-ready', 'Records have waited for their anchor for longer than the limit.', facts);
  }
}

function presentStatus(status: SystemStatus) {
  return {
    headSeq: `${status.headSeq}`,
    unanchored: { greatestAgeMs: status.greatestUnanchoredAgeMs, limitMs: status.unanchoredAgeLimitMs },
    // What a check found may name hosts and paths: GET /v1/status tells the operator.
    checks: status.checks.map(({ name, ok }) => ({ name, ok })),
  };
}
