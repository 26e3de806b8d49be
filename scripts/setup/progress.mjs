import { stderr } from 'node:process';

/** How often a log that is not a terminal gets a line of progress. */
const QUIET_MS = 10_000;

/**
 * Progress of set-up on standard error, so that standard output stays the program's own (`--json`). On a terminal one line is redrawn; in a log a line is written now and then.
 * @param {string} title what is being done
 */
export function progress(title) {
  const started = Date.now();
  let lastLine = started;
  stderr.write(`cairn set-up: ${title}${stderr.isTTY ? '' : '\n'}`);
  /** @param {string} detail */
  const line = (detail) => `cairn set-up: ${title}: ${detail}, ${Math.round((Date.now() - started) / 1000)} s`;
  return {
    /** @param {string} detail how far it is */
    at(detail) {
      if (stderr.isTTY) stderr.write(`\r\x1b[K${line(detail)}`);
      else if (Date.now() - lastLine >= QUIET_MS) {
        stderr.write(`${line(detail)}\n`);
        lastLine = Date.now();
      }
    },
    /** @param {string} detail */
    done(detail) {
      stderr.write(`${stderr.isTTY ? '\r\x1b[K' : ''}${line(detail)}\n`);
    },
    /** Leaves the terminal's line as it is, for the error that follows. */
    broken() {
      if (stderr.isTTY) stderr.write('\n');
    },
  };
}
