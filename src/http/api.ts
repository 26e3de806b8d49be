import express, { type Express } from 'express';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Problem, type Clock, type RandomBytes } from '#base';
import type { Database } from '#db';
import { RATE_LIMITS, type RateLimits } from './access/authenticate.ts';
import { openApiKeys } from './access/keys.store.ts';
import { RateLimiter } from './access/rate-limit.ts';
import { sharedKeys } from './access/shared-keys.ts';
import { answerProblem, checkVersion, openContext } from './frame/context.ts';
import { mountRoutes } from './frame/mount.ts';
import { createTelemetry } from './frame/telemetry.ts';
import { openIdempotency } from './idempotency/idempotency.store.ts';
import { rememberParties } from './ledger/parties.ts';
import { mountOperations } from './routes/operations.ts';
import { ROUTES } from './routes/routes.ts';
import type { ApiServices } from './services.ts';

export interface ApiDeps {
  /** Keys and idempotency live here; the API touches no other table. */
  readonly database: Database;
  readonly services: ApiServices;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Logger;
  /** Where metrics are counted; its own unless given. */
  readonly registry?: Registry;
  readonly limits?: RateLimits;
  /** True only behind a proxy that sets X-Forwarded-For itself: the remote address is then taken from there. */
  readonly behindProxy?: boolean;
}

/** The whole API as one express application; `listen` serves it. */
export function createApi(deps: ApiDeps): Express {
  const { database, clock, random, log, registry = new Registry(), limits = RATE_LIMITS, behindProxy = false } = deps;
  const keys = sharedKeys(openApiKeys(database));
  const telemetry = createTelemetry(registry);
  const frame = { clock, random, log, telemetry };
  const services = { ...deps.services, keys, parties: rememberParties(deps.services.ledger) };
  const access = { keys, clock, limits, limiter: new RateLimiter() };

  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple').set('trust proxy', behindProxy);
  app.use(openContext(frame), checkVersion);
  const router = express.Router({ strict: true, caseSensitive: true });
  mountRoutes(router, ROUTES, { ...access, services, idempotency: openIdempotency(database, random) });
  mountOperations(router, { ...access, services, telemetry });
  app.use(router);
  app.use((request) => {
    throw new Problem('http/unknown-route', `There is nothing at this path for ${request.method}.`);
  });
  app.use(answerProblem(frame));
  return app;
}
