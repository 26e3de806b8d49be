import { z } from 'zod';
import { Problem } from '#base';
import { decodeCursor, presentPage, NUMBER_POSITION } from '../frame/cursor.ts';
import { defineRoute, type Route } from '../frame/route.ts';
import { presentRecord } from '../ledger/present.ts';
import { PAGE_DEFAULT, pageOf, pageQuery, seqIn } from '../schemas/common.ts';
import { recordOut } from '../schemas/ledger.ts';

const RECORDS = { name: 'records', position: NUMBER_POSITION };

const OPERATOR = { scope: 'ledger:read', who: 'operator' } as const;

/** The journal itself: everybody's money and evidence, so for the operator only. */
export const RECORD_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'get',
    path: '/v1/records',
    operationId: 'listRecords',
    tag: 'ledger',
    summary: 'The journal, in order of sequence numbers',
    access: OPERATOR,
    once: false,
    query: z.strictObject(pageQuery),
    replies: { 200: { description: 'A page of records.', schema: pageOf(recordOut) } },
    problems: ['http/operator-only', 'http/bad-cursor'],
    async handle({ query }, { ledger }) {
      const limit = query.limit ?? PAGE_DEFAULT;
      const items = await ledger.records({ fromSeq: BigInt(decodeCursor(RECORDS, query.cursor) ?? 1), limit });
      const last = items.at(-1);
      const next = last && items.length === limit ? `${last.seq + 1n}` : null;
      return { status: 200, json: presentPage(RECORDS, { items, next }, presentRecord) };
    },
  }),
  defineRoute({
    method: 'get',
    path: '/v1/records/{seq}',
    operationId: 'getRecord',
    tag: 'ledger',
    summary: 'One record of the journal',
    access: OPERATOR,
    once: false,
    params: z.strictObject({ seq: seqIn }),
    replies: { 200: { description: 'The record.', schema: recordOut } },
    problems: ['http/operator-only', 'http/not-found'],
    async handle({ params }, { ledger }) {
      const [record] = params.seq < 1n ? [] : await ledger.records({ fromSeq: params.seq, limit: 1 });
      if (record?.seq !== params.seq) throw new Problem('http/not-found', 'There is no record with this number yet.');
      return { status: 200, json: presentRecord(record) };
    },
  }),
];
