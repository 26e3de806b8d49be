import pg from 'pg';
import { Problem, type ProblemCode } from '#base';

/** SQLSTATE (PostgreSQL appendix A) or system error code to problem, for the conditions a person or a retry can do something about. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  '55P03': 'store/busy', // lock_not_available
  '57014': 'store/busy', // query_canceled: a time limit of ours
  '53300': 'store/busy', // too_many_connections
  '25P03': 'store/busy', // idle_in_transaction_session_timeout
  '40001': 'store/conflict', // serialization_failure
  '40P01': 'store/conflict', // deadlock_detected
  '53100': 'store/disk-full',
  '25006': 'store/read-only', // read_only_sql_transaction
  '28000': 'store/login-refused',
  '28P01': 'store/login-refused', // invalid_password
  '3D000': 'store/no-database',
  '42501': 'store/forbidden', // insufficient_privilege
  '57P01': 'store/unreachable', // admin_shutdown
  '57P02': 'store/unreachable', // crash_shutdown
  '57P03': 'store/unreachable', // cannot_connect_now
  '58030': 'store/read-only', // io_error
  ECONNREFUSED: 'store/unreachable',
  ECONNRESET: 'store/unreachable',
  EPIPE: 'store/unreachable',
  ENOTFOUND: 'store/unreachable',
  EAI_AGAIN: 'store/unreachable',
  ETIMEDOUT: 'store/unreachable',
  EHOSTUNREACH: 'store/unreachable',
  ENETUNREACH: 'store/unreachable',
};

/** pg gives its own connection losses no code, only these words. */
const CONNECTION_WORDS =
  /Connection terminated|connection timeout|timeout expired|not queryable|timeout exceeded when trying to connect|server does not support SSL/i;

/** What went wrong as a Problem where the registry knows it; anything else (a violated constraint, a mistake in SQL) comes back as it is, for the caller to judge. */
export function toProblem(error: unknown): unknown {
  if (error instanceof Problem || !(error instanceof Error)) return error;
  const state = (error as { code?: string }).code ?? '';
  const code = CODES[state] ?? (state.startsWith('08') || CONNECTION_WORDS.test(error.message) ? 'store/unreachable' : undefined);
  return code === undefined ? error : new Problem(code, `The database says: ${firstLine(error)}.`, { state }, error);
}

function firstLine(error: Error): string {
  // Node reports one refused address after the other as an AggregateError with an empty message of its own.
  const message = error instanceof AggregateError ? String(error.errors[0]?.message ?? error.message) : error.message;
  return message.split('\n')[0]!.replace(/\.$/, '');
}

/** The name of the constraint (or unique index) that refused a row; undefined for any other error. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith('23') ? error.constraint : undefined;
}

/** The SQLSTATE of an error that the database raised (for those a function of ours raises on purpose); undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
