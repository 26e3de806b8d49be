import { OpenApiGeneratorV31, OpenAPIRegistry, type ResponseConfig } from '@asteasolutions/zod-to-openapi';
import { PROBLEMS, type ProblemCode } from '#base';
import { API_VERSION } from './frame/context.ts';
import type { Route } from './frame/route.ts';
import { OPERATIONS } from './routes/operations.docs.ts';
import { ROUTES } from './routes/routes.ts';
import { problemOut } from './schemas/common.ts';

/** What any route may answer besides its own refusals. */
const EVERYWHERE: readonly ProblemCode[] = [
  'http/malformed-request',
  'http/invalid-request',
  'http/unknown-version',
  'http/api-key-missing',
  'http/api-key-refused',
  'http/scope-missing',
  'http/rate-limited',
  'http/internal',
];
const WITH_BODY: readonly ProblemCode[] = ['http/malformed-json', 'http/wrong-content-type', 'http/body-too-large'];
const ONCE: readonly ProblemCode[] = [
  'http/idempotency-key-missing',
  'http/idempotency-key-malformed',
  'http/idempotency-in-flight',
  'http/idempotency-key-reused',
];

const DESCRIPTION = `Amounts are integer minor units as decimal strings. Ids are UUIDs in lower case. Times are milliseconds since 1970.
Every refusal is application/problem+json (RFC 9457) with a code, retry advice and how to solve it.
POST requests need an Idempotency-Key, unique for the owner of the API key, the method and the path. Its first answer is repeated for at least 24 hours (Idempotent-Replayed: true).
Transfers that all name their ids need none: the ledger remembers an id for ever, and answers \`exists\` to the same transfer.
Ids of what a request makes follow from its Idempotency-Key where it names none: after a crash between the effect and its stored answer, the same request has no second effect, and its transfers answer \`exists\`.
Lists are paged by an opaque cursor. Every answer carries Request-Id, Cairn-Version, RateLimit-Policy and RateLimit.`;

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document, generated from the schemas and the route table that the server itself runs. docs/openapi.json is its committed copy. */
export function openApiDocument(): Json {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer', description: 'cairn_<id>_<secret>' });
  for (const operation of OPERATIONS) registry.registerPath(operation);
  for (const route of ROUTES) registerRoute(registry, route);
  const document = new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Cairn', version: API_VERSION, description: DESCRIPTION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
  });
  return document as unknown as Json;
}

function registerRoute(registry: OpenAPIRegistry, route: Route): void {
  const { method, path, operationId, summary, tag, access, body } = route;
  const who = { anyone: '', operator: ' Only for keys of the operator.', merchant: ' Only for keys of a merchant.' }[access.who];
  const schema = body?.type === 'application/json' ? body.schema : { type: 'string' as const, format: 'binary', contentMediaType: 'application/xml' };
  registry.registerPath({
    method,
    path,
    operationId,
    summary,
    tags: [tag],
    description: `${route.description ?? ''} Needs the scope \`${access.scope}\`.${who}`.trim(),
    security: [{ apiKey: [] }],
    ...(route.once ? { parameters: [{ ...IDEMPOTENCY_HEADER, required: !route.namesItsIds }] } : {}),
    request: {
      ...(route.params && { params: route.params }),
      ...(route.query && { query: route.query }),
      ...(route.headers && { headers: route.headers }),
      ...(body && { body: { required: true, content: { [body.type]: { schema } } } }),
    },
    responses: { ...repliesOf(route), ...problemsOf(route) },
  });
}

const IDEMPOTENCY_HEADER = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  description: 'Names this one effect: 1 to 255 of A-Z a-z 0-9 . _ : -, bare or between double quotes (draft-ietf-httpapi-idempotency-key-header-07).',
  schema: { type: 'string' as const, minLength: 1, maxLength: 257 },
};

function repliesOf(route: Route): Record<string, ResponseConfig> {
  return Object.fromEntries(
    Object.entries(route.replies).map(([status, { description, schema, contentType = 'application/json' }]) => [
      status,
      { description, ...(schema && { content: { [contentType]: { schema } } }) },
    ]),
  );
}

function problemsOf(route: Route): Record<string, ResponseConfig> {
  const codes = [...EVERYWHERE, ...(route.body ? WITH_BODY : []), ...(route.once ? ONCE : []), ...route.problems];
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      String(status),
      { description: [...new Set(all)].sort().join(', '), content: { 'application/problem+json': { schema: problemOut } } },
    ]),
  );
}
