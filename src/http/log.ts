import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import { sqlState } from '#db';

/** Where a secret could stand in what is logged. Requests are never logged whole; this is for the day when somebody adds a member. */
const SECRET_PATHS = ['authorization', 'token', 'secret', 'secretHash', 'password', 'privateKey', 'signature', 'url'];

/** Where the database shows, in an error of its own, the row that it refused or the parameters of the statement. What it refused and which rule it broke stand elsewhere in it. */
const ROW_MEMBERS = { detail: '[secret]', where: '[secret]' };

function errorOf(error: Error): object {
  const shown = stdSerializers.err(error);
  return sqlState(error) === undefined ? shown : { ...shown, ...ROW_MEMBERS };
}

/** Structured log of the process: one JSON object a line, times in milliseconds, errors with their stack, no secrets. */
export function createLog(options: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' }, destination: DestinationStream): Logger {
  const paths = SECRET_PATHS.flatMap((path) => [path, `*.${path}`, `*.*.${path}`]);
  return pino({ level: options.level, base: null, redact: { paths, censor: '[secret]' }, serializers: { err: errorOf } }, destination);
}
