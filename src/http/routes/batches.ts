import { z } from 'zod';
import { decodeCursor, presentPage, NUMBER_POSITION } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { durationMs, hexOf, PAGE_DEFAULT, pageOf, pageQuery, seqOut, timeMs } from '../schemas/common.ts';
import type { BatchView } from '../services.ts';

const BATCHES = { name: 'batches', position: NUMBER_POSITION };

const batchOut = z
  .object({
    firstSeq: seqOut,
    lastSeq: seqOut,
    batchRoot: hexOf(32),
    bookRecord: hexOf(32),
    sealedMs: timeMs,
    anchor: z
      .object({ index: z.int(), transaction: hexOf(32), block: z.int() })
      .nullable()
      .meta({ description: 'Null until it is in a final block.' }),
  })
  .meta({ id: 'Batch' });

const statusOut = z
  .object({
    headSeq: seqOut,
    greatestUnanchoredAgeMs: durationMs,
    unanchoredAgeLimitMs: durationMs,
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  })
  .meta({ id: 'SystemStatus' });

function present(batch: BatchView): z.input<typeof batchOut> {
  return { ...batch, firstSeq: `${batch.firstSeq}`, lastSeq: `${batch.lastSeq}` };
}

/** What was proven so far, and how the parts are. */
export const BATCH_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/v1/batches',
    operationId: 'listBatches',
    tag: 'receipts',
    summary: 'List the sealed batches of the book and where they are anchored',
    description: 'Roots and ranges only: they tell nothing about what was booked.',
    access: { scope: 'receipts:read', who: 'anyone' },
    once: false,
    query: z.strictObject(pageQuery),
    replies: { 200: { description: 'A page of batches, in order of sequence numbers.', schema: pageOf(batchOut) } },
    problems: ['http/bad-cursor'],
    async handle({ query }, { batches }) {
      const page = { after: decodeCursor(BATCHES, query.cursor), limit: query.limit ?? PAGE_DEFAULT };
      return { status: 200, json: presentPage(BATCHES, await batches.batches(page), present) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/status',
    operationId: 'status',
    tag: 'operations',
    summary: 'How every part is, in detail',
    access: { scope: 'metrics:read', who: 'operator' },
    once: false,
    replies: { 200: { description: 'The status.', schema: statusOut } },
    problems: ['http/operator-only'],
    async handle(_request, { status }) {
      const now = await status.status();
      return { status: 200, json: { ...now, headSeq: `${now.headSeq}` } };
    },
  }),
];
