import type { ProblemCode, Uuid } from '#base';
import type { z } from 'zod';
import type { Access, Caller } from '../access/scopes.ts';
import type { Services } from '../services.ts';

/** What a handler gives back: JSON, or text of a type of its own. */
export type Reply =
  | { readonly status: number; readonly json: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: number; readonly text: string; readonly contentType: string };

/** A checked request of a caller who may make it. */
export interface CheckedRequest<Params, Query, Headers, Body> {
  readonly caller: Caller;
  readonly params: Params;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Body;
  readonly nowMs: number;
  /** The id of the index-th thing this request makes, from its Idempotency-Key. Only on routes that are `once`. */
  readonly idUnderKey: <Id extends Uuid<string>>(index: number) => Id;
}

/** How a body arrives: JSON under a schema, or the exact bytes of a file. */
export type BodySpec<Schema extends z.ZodType> =
  | { readonly type: 'application/json'; readonly limitBytes: number; readonly schema: Schema }
  | { readonly type: 'application/xml'; readonly limitBytes: number };

export interface ReplySpec {
  readonly description: string;
  /** Absent: no body, or text. */
  readonly schema?: z.ZodType;
  readonly contentType?: string;
}

interface RouteText {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** As OpenAPI writes it: /v1/accounts/{id}. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** True where a repetition would have another effect: the Idempotency-Key is then required. */
  readonly once: boolean;
  readonly replies: Readonly<Record<number, ReplySpec>>;
  /** Refusals of its own; those that every route may give are added to the documentation. */
  readonly problems: readonly ProblemCode[];
}

interface RouteSpec<P extends z.ZodObject, Q extends z.ZodObject, H extends z.ZodObject, B extends z.ZodType> extends RouteText {
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  readonly body?: BodySpec<B>;
  /** Of a route that is `once`: whether a body names every id of what it makes. Then the ids themselves make it happen once, for ever, and the Idempotency-Key may be absent. */
  namesItsIds?(body: z.output<B>): boolean;
  handle(request: CheckedRequest<z.output<P>, z.output<Q>, z.output<H>, z.output<B>>, services: Services): Promise<Reply>;
}

/** A route of the API as a value: what mounts it, documents it and tests its permissions is the same object. */
export interface Route extends RouteText {
  readonly params: z.ZodObject | undefined;
  readonly query: z.ZodObject | undefined;
  readonly headers: z.ZodObject | undefined;
  readonly body: BodySpec<z.ZodType> | undefined;
  namesItsIds?(body: unknown): boolean;
  handle(request: CheckedRequest<unknown, unknown, unknown, unknown>, services: Services): Promise<Reply>;
}

type Empty = z.ZodObject<Record<never, never>>;

/** Checks a route's handler against its own schemas, then forgets them: a table of routes has one type. */
export function defineRoute<
  P extends z.ZodObject = Empty,
  Q extends z.ZodObject = Empty,
  H extends z.ZodObject = Empty,
  B extends z.ZodType = z.ZodType<Uint8Array>,
>(spec: RouteSpec<P, Q, H, B>): Route {
  return { params: undefined, query: undefined, headers: undefined, body: undefined, ...spec };
}
