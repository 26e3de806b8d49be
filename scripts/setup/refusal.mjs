/** What set-up cannot do, in one sentence that says what to do next. Set-up runs before any of our packages are there, so it cannot use the product's `Problem`. */
export class Refusal extends Error {}

/** @param {string} where */
export function outOfSpace(where) {
  return `There is no space left on the disk that holds ${where}: set-up needs about 1.2 GB; free some and run the same command again.`;
}

/** Network failures as npm and Node name them. */
const UNREACHABLE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|EPROTO)\b/;

/**
 * The sentence for a failure whose text (npm's output or a system error's message) names its reason, or undefined where it names none that we know.
 * @param {string} text
 * @param {string} where the folder that was being written
 * @returns {Refusal | undefined}
 */
export function explain(text, where) {
  if (/\bENOSPC\b|\bEDQUOT\b/.test(text)) return new Refusal(outOfSpace(where));
  if (/\bEROFS\b/.test(text))
    return new Refusal(`${where} is on a disk that can only be read: clone into a folder that can be written and run the same command there.`);
  if (/\bEACCES\b|\bEPERM\b/.test(text))
    return new Refusal(`${where} may not be written by this user: run as the user who owns the clone, or clone into a folder of your own.`);
  if (/\bEINTEGRITY\b/.test(text)) {
    return new Refusal(
      'A package from the registry does not match the checksum that this repository pins, so nothing of it was run: clear the cache with `npm cache clean --force`, and if it happens again, do not trust that registry.',
    );
  }
  const network = UNREACHABLE.exec(text);
  if (network)
    return new Refusal(
      `The npm registry could not be reached (${network[1]}): check the network and npm's proxy and registry settings, then run the same command again; what has arrived is kept.`,
    );
  return undefined;
}

/**
 * Runs `act`, and turns the system errors that a user can do something about into their sentence.
 * @template T
 * @param {string} where
 * @param {() => T} act
 * @returns {T}
 */
export function explained(where, act) {
  try {
    return act();
  } catch (error) {
    throw explain(String(error), where) ?? error;
  }
}
