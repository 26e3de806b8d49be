import { z } from 'zod';
import { isUuid, MAX_AMOUNT, type AssetNo, type Uuid } from '#base';

/** A canonical id: two spellings of one id would be two things to an idempotent server. */
export function idSchema<Id extends Uuid<string>>(what: string) {
  return z
    .string()
    .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a UUID in lower case')
    .refine((text): text is Id => isUuid<Id>(text))
    .meta({ format: 'uuid', description: `Id of ${what}: a UUID in lower case.` });
}

const AMOUNT_TEXT = /^(0|[1-9][0-9]{0,38})$/;

/** Minor units in a request: decimal text without sign, leading zeros, fraction or exponent; at most 2^128 - 1. */
export const amountIn = z
  .string()
  .regex(AMOUNT_TEXT, 'must be an integer of minor units as a string')
  .refine((text) => !AMOUNT_TEXT.test(text) || BigInt(text) <= MAX_AMOUNT, 'must be at most 2^128 - 1')
  .meta({ description: 'Minor units of the asset, as a decimal string; at most 2^128 - 1.', example: '1250000' })
  .transform((text) => BigInt(text));

/** Minor units in an answer. */
export const amountOut = z
  .string()
  .regex(/^-?(0|[1-9][0-9]*)$/)
  .meta({ description: 'Minor units of the asset, as a decimal string.', example: '1250000' });

export const assetNo = z
  .int()
  .min(1)
  .max(2 ** 32 - 1)
  .meta({ description: 'Number of the asset in this deployment; GET /v1/assets/{asset} describes it.' })
  .transform((no) => no as AssetNo);
export const assetNoOut = z.int().meta({ description: 'Number of the asset in this deployment.' });

/** Milliseconds since 1970. */
export const timeMs = z.int().min(0).meta({ description: 'Milliseconds since 1970-01-01T00:00:00Z.' });

/** A span of time in milliseconds. */
export const durationMs = z.int().min(0).meta({ description: 'Milliseconds.' });

/** The place of a record in its book. */
export const seqOut = z
  .string()
  .regex(/^(0|[1-9][0-9]*)$/)
  .meta({ description: 'Place of a record in the book, as a decimal string: 1, 2, 3, ... without gaps.', example: '4711' });
export const seqIn = seqOut.max(19).transform((text) => BigInt(text));

export const hexOf = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-f]{${bytes * 2}}$`), `must be ${bytes} bytes in lower-case hexadecimal with 0x`)
    .meta({ description: `${bytes} bytes in lower-case hexadecimal.` });

/** Digits in a query string or a header. */
export const digits = (least: number, most: number) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,15})$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be from ${least} to ${most}`)
    .meta({ type: 'integer', minimum: least, maximum: most });

const PAGE_LIMIT = 200;

/** What every list takes. */
export const pageQuery = {
  cursor: z.string().max(512).optional().meta({ description: 'nextCursor of the page before, unchanged.' }),
  limit: digits(1, PAGE_LIMIT)
    .optional()
    .meta({ description: `Items a page; ${PAGE_LIMIT} at most, 50 unless told.` }),
};
export const PAGE_DEFAULT = 50;

/** What every list answers. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ data: z.array(item), nextCursor: z.string().nullable().meta({ description: 'Null on the last page.' }) });
}

export const problemOut = z
  .object({
    type: z.string().meta({ description: 'Relative reference to the description of this code.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'Names this one occurrence; the log has it too.' }),
    code: z.string().meta({ description: 'area/slug, never changes its meaning.', example: 'http/invalid-request' }),
    retry: z.enum(['never', 'later', 'now']),
    howToSolve: z.string(),
    facts: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Problem', description: 'RFC 9457, with a code, retry advice and how to solve it.' });
