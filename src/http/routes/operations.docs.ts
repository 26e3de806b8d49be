import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { durationMs, problemOut, seqOut } from '../schemas/common.ts';

const notReady = { 503: { description: 'http/not-ready', content: { 'application/problem+json': { schema: problemOut } } } };

const readiness = z
  .object({
    status: z.literal('ready'),
    headSeq: seqOut,
    unanchored: z.object({ greatestAgeMs: durationMs, limitMs: durationMs }),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean() })),
  })
  .meta({ id: 'Readiness' });

const definition = z.object({
  type: z.string(),
  code: z.string(),
  status: z.int(),
  title: z.string(),
  retry: z.enum(['never', 'later', 'now']),
  howToSolve: z.string(),
});

/** The paths of operations.ts, as the document shows them. */
export const OPERATIONS: readonly RouteConfig[] = [
  {
    method: 'get',
    path: '/healthz',
    operationId: 'health',
    summary: 'Is the process alive?',
    tags: ['operations'],
    security: [],
    responses: { 200: { description: 'It is.', content: { 'application/json': { schema: z.object({ status: z.literal('alive') }) } } } },
  },
  {
    method: 'get',
    path: '/readyz',
    operationId: 'readiness',
    summary: 'Is every part well, and no record waiting for its anchor for too long?',
    tags: ['operations'],
    security: [],
    responses: { 200: { description: 'Ready.', content: { 'application/json': { schema: readiness } } }, ...notReady },
  },
  {
    method: 'get',
    path: '/metrics',
    operationId: 'metrics',
    summary: 'Metrics in Prometheus’ text format',
    description: 'Needs the scope `metrics:read`. Only for keys of the operator.',
    tags: ['operations'],
    security: [{ apiKey: [] }],
    responses: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: z.string() } } } },
  },
  {
    method: 'get',
    path: '/openapi.json',
    operationId: 'openapi',
    summary: 'This document',
    tags: ['operations'],
    security: [],
    responses: { 200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } } } },
  },
  {
    method: 'get',
    path: '/problems/{area}/{slug}',
    operationId: 'problem',
    summary: 'What a problem code means and how to solve it',
    tags: ['operations'],
    security: [],
    request: { params: z.object({ area: z.string(), slug: z.string() }) },
    responses: {
      200: { description: 'The code.', content: { 'application/json': { schema: definition } } },
      404: { description: 'http/unknown-route', content: { 'application/problem+json': { schema: problemOut } } },
    },
  },
];
