import { pino, type DestinationStream, type Logger } from 'pino';

/** Where a secret could stand in what is logged. Requests are never logged whole; this is for the day when somebody adds a member. */
const SECRET_PATHS = ['authorization', 'token', 'secret', 'secretHash', 'password', 'privateKey', 'signature', 'url'];

/** Structured log of the process: one JSON object a line, times in milliseconds, errors with their stack, no secrets. */
export function createLog(options: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' }, destination: DestinationStream): Logger {
  const paths = SECRET_PATHS.flatMap((path) => [path, `*.${path}`, `*.*.${path}`]);
  return pino({ level: options.level, base: null, redact: { paths, censor: '[secret]' } }, destination);
}
