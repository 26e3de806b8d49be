import express, { type NextFunction, type Request, type Router } from 'express';
import { z } from 'zod';
import { canonicalJson } from '#anchor/core';
import { assert, Problem, utf8, type Clock } from '#base';
import { authenticate, type AccessDeps } from '../access/authenticate.ts';
import { authorise, ownerOf } from '../access/scopes.ts';
import { idUnderKey, parseIdempotencyKey, requestFingerprint, type IdempotencyScope } from '../idempotency/idempotency.ts';
import type { Claim, IdempotencyStore } from '../idempotency/idempotency.store.ts';
import type { Services } from '../services.ts';
import { checkJson, checkBodyType } from './body.ts';
import type { ApiResponse } from './context.ts';
import { problemDocument } from './problem-json.ts';
import { asProblem, invalidRequest } from './refusals.ts';
import type { CheckedRequest, Reply, Route } from './route.ts';

export interface MountDeps extends AccessDeps {
  readonly services: Services;
  readonly idempotency: IdempotencyStore;
  readonly clock: Clock;
}

/** A request whose every part fits its schema, and those parts as they arrived, which is what its fingerprint is made of. */
interface Parts {
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
  fingerprint(): readonly Uint8Array[];
}

/** Where a route names no parameters it takes none: a misspelt filter must not look as if it had worked. */
const NOTHING = z.strictObject({});

/** Puts every route of the table on the router, and 405 with Allow on the other methods of its path. */
export function mountRoutes(router: Router, routes: readonly Route[], deps: MountDeps): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const path = expressPath(route.path);
    methods.set(path, [...(methods.get(path) ?? []), ...(route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()])]);
    const readBody = route.body ? [express.raw({ type: () => true, inflate: false, limit: route.body.limitBytes })] : [];
    router[route.method](path, admit(route, deps), ...readBody, (request: Request, response: ApiResponse) => act(route, deps, request, response));
  }
  for (const [path, allowed] of methods) router.all(path, refuseMethod(allowed));
}

function expressPath(openApiPath: string): string {
  return openApiPath.replaceAll(/\{(\w+)\}/g, ':$1');
}

export function refuseMethod(allowed: readonly string[]) {
  return (_request: Request, response: ApiResponse): never => {
    response.set('Allow', allowed.join(', '));
    throw new Problem('http/wrong-method', `This path takes ${allowed.join(', ')}.`, { allowed });
  };
}

/** Everything that can be refused before the body is read: who asks, whether he may, whether he named the effect, what he is about to send. */
function admit(route: Route, deps: MountDeps) {
  return async (request: Request, response: ApiResponse, next: NextFunction): Promise<void> => {
    response.locals.route = route.path;
    const caller = await authenticate(deps, request, response);
    response.locals.caller = caller;
    authorise(caller, route.access);
    const key = request.get('Idempotency-Key');
    // Where a body can stand for the key it has to be read first.
    if (route.once && (key !== undefined || !route.namesItsIds)) parseIdempotencyKey(key);
    if (route.body) checkBodyType(request.get('Content-Type'), route.body.type);
    next();
  };
}

async function act(route: Route, deps: MountDeps, request: Request, response: ApiResponse): Promise<void> {
  const { caller } = response.locals;
  assert(caller, 'a route runs only after its caller is known');
  const parts = checkParts(route, request);
  const nowMs = deps.clock.nowMs();
  const named = request.get('Idempotency-Key');
  if (!route.once || (named === undefined && route.namesItsIds?.(parts.body) === true)) {
    send(response, await route.handle({ caller, ...parts, nowMs, idUnderKey: refuseIds }, deps.services));
    return;
  }
  const key = parseIdempotencyKey(named);
  const scope = { caller: ownerOf(caller), method: request.method, path: request.path, key };
  const claim = await deps.idempotency.claim(scope, requestFingerprint(parts.fingerprint()), nowMs);
  await actOnce(route, deps, { caller, ...parts, nowMs, idUnderKey: (index) => idUnderKey(scope, index) }, scope, claim, response);
}

/**
 * Runs the first request under a key and stores its answer, or repeats the stored one. A refusal that stands (retry "never") is an answer too;
 * anything that may pass by itself gives the claim up, and its fingerprint stays: the next try must be the same request.
 */
async function actOnce(
  route: Route,
  deps: MountDeps,
  checked: CheckedRequest<unknown, unknown, unknown, unknown>,
  scope: IdempotencyScope,
  claim: Claim,
  response: ApiResponse,
): Promise<void> {
  if (claim.kind === 'replay') {
    response.set('Idempotent-Replayed', 'true');
    response.status(claim.status).type(claim.status >= 400 ? 'application/problem+json' : 'application/json');
    response.send(claim.body);
    return;
  }
  try {
    const reply = await route.handle(checked, deps.services);
    assert('json' in reply, `${route.operationId} answers JSON, which can be stored`);
    await deps.idempotency.answer(scope, claim.claim, reply.status, JSON.stringify(reply.json));
    send(response, reply);
  } catch (thrown) {
    const problem = asProblem(thrown);
    const { status, retry } = problem.definition;
    const settled =
      status < 500 && retry === 'never'
        ? deps.idempotency.answer(scope, claim.claim, status, JSON.stringify(problemDocument(problem, response.locals.requestId)))
        : deps.idempotency.release(scope, claim.claim);
    // Where not even this can be written the claim lapses by itself; the caller is told what failed first.
    await settled.catch(() => undefined);
    throw problem;
  }
}

function send(response: ApiResponse, reply: Reply): void {
  response.status(reply.status);
  if ('text' in reply) {
    response.type(reply.contentType).send(reply.text);
    return;
  }
  response
    .set(reply.headers ?? {})
    .type('application/json')
    .send(JSON.stringify(reply.json));
}

function checkParts(route: Route, request: Request): Parts {
  const params = checked('path', route.params, request.params);
  const query = checked('query', route.query, request.query);
  const named = Object.fromEntries(Object.keys(route.headers?.shape ?? {}).map((name) => [name, request.get(name)]));
  const headers = checked('header', route.headers, named);
  const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
  const sent = (): Uint8Array => utf8(JSON.stringify(named));
  if (route.body?.type !== 'application/json') return { params, query, headers, body: bytes, fingerprint: () => [sent(), bytes] };
  const json = checkJson(bytes);
  const body = checked('body', route.body.schema, json);
  // The canonical form, so that a client that writes its members in another order each time is still repeating himself.
  return { params, query, headers, body, fingerprint: () => [sent(), utf8(canonicalJson(json as never))] };
}

function checked(place: 'path' | 'query' | 'body' | 'header', schema: z.ZodType = NOTHING, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (!result.success) throw invalidRequest(place, result.error);
  return result.data;
}

function refuseIds(): never {
  assert(false, 'only a route that runs once derives ids from its key');
}
