import pg from 'pg';
import { assert, Problem } from '#base';
import { toProblem } from './errors.ts';
import type { NamedStatement } from './sql.ts';

/** A row as it comes: whoever reads it says what is in it. */
export type Row = pg.QueryResultRow;

/** The connections of a Database. */
export type Pool = pg.Pool;

/** One of them, taken from the pool; in a transaction it is the transaction. */
export type Connection = pg.PoolClient;

/** Either. */
export type Queryable = pg.Pool | pg.ClientBase;

/** Runs a statement and gives its rows. int8 and numeric come as bigint (and so do their arrays), uuid as text, bytea as bytes. Refusals of the store are thrown as Problems. */
export async function query<Shape extends Row>(client: Queryable, statement: NamedStatement, params: readonly unknown[] = []): Promise<Shape[]> {
  return (await run<Shape>(client, statement, params)).rows;
}

/** Runs a statement that returns no rows and says how many it touched. */
export async function execute(client: Queryable, statement: NamedStatement, params: readonly unknown[] = []): Promise<number> {
  return (await run(client, statement, params)).rowCount ?? 0;
}

async function run<Shape extends Row>(client: Queryable, statement: NamedStatement, params: readonly unknown[]): Promise<pg.QueryResult<Shape>> {
  try {
    return await client.query<Shape>({ name: statement.name, text: statement.text, values: [...params] });
  } catch (error) {
    throw toProblem(error);
  }
}

/**
 * Runs `work` in one transaction (READ COMMITTED) on a connection of its own: all of it is durable when this returns, none of it when it throws. The one
 * exception says so: `store/outcome-unknown`, when the connection broke between our COMMIT and its answer.
 */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await checkOut(pool);
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await commit(client);
    return result;
  } catch (error) {
    // A connection that cannot even roll back is not given back to the pool.
    await client.query('rollback').catch((failure: Error) => (broken = failure));
    throw toProblem(error);
  } finally {
    client.release(broken);
  }
}

async function checkOut(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw toProblem(error);
  }
}

async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('commit').catch((error: unknown) => {
    const problem = toProblem(error);
    if (!(problem instanceof Problem) || problem.code !== 'store/unreachable') throw error;
    throw new Problem('store/outcome-unknown', 'The connection to the database broke during a commit.', {}, error);
  });
  // PostgreSQL answers COMMIT with ROLLBACK, and no error, where a failed statement's error was swallowed on the way.
  assert(command === 'COMMIT', 'a transaction was committed after one of its statements had failed');
}

const INT8 = 20;
const NUMERIC = 1700;
const INT8_ARRAY = 1016;
const NUMERIC_ARRAY = 1231;

function toBigint(text: string): bigint {
  assert(/^-?\d+$/.test(text), `the database returned ${text} where an integer was expected`);
  return BigInt(text);
}

function toBigints(text: string): bigint[] {
  // Arrays of numbers are never quoted or nested here: {1,2,3}.
  return text === '{}' ? [] : text.slice(1, -1).split(',').map(toBigint);
}

/** Parsers for `types` of a pool: money and counters are bigint, never a JavaScript number and never text. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8 || oid === NUMERIC) return toBigint;
    if (oid === INT8_ARRAY || oid === NUMERIC_ARRAY) return toBigints;
    return pg.types.getTypeParser(oid, format);
  },
};
