import { Problem } from '#base';

const CONTENT_TYPE = /^\s*([\w.+-]+\/[\w.+-]+)\s*(?:;\s*charset\s*=\s*"?([\w-]+)"?\s*)?$/i;

/** Exactly the type the route takes, in UTF-8 where a charset is named (a file of another encoding says so inside, in its XML declaration). */
export function checkBodyType(header: string | undefined, wanted: string): void {
  const match = CONTENT_TYPE.exec(header ?? '');
  const charset = match?.[2]?.toLowerCase() ?? 'utf-8';
  if (match?.[1]?.toLowerCase() === wanted && charset === 'utf-8') return;
  throw new Problem('http/wrong-content-type', `Send ${wanted}${header === undefined ? '; there is no Content-Type' : ''}.`, { wanted });
}

/** The most levels a JSON body may have; our own schemas need five. */
const DEPTH = 16;

/** Bytes to a JSON value. Says where reading stopped and never repeats what it read. */
export function checkJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (deeperThan(value, DEPTH)) throw new Problem('http/malformed-json', `The body nests more than ${DEPTH} levels.`);
    return value;
  } catch (error) {
    if (error instanceof Problem) throw error;
    const place = / at position \d+/.exec(error instanceof Error ? error.message : '')?.[0] ?? '';
    throw new Problem('http/malformed-json', bytes.length === 0 ? 'The body is empty.' : `The body is not JSON in UTF-8${place}.`);
  }
}

/** Goes no deeper than the limit itself, so that the depth, which is what is in doubt, cannot become that of the stack. */
function deeperThan(value: unknown, limit: number): boolean {
  if (limit < 0) return true;
  if (typeof value !== 'object' || value === null) return false;
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (limit === 0 || (typeof item === 'object' && deeperThan(item, limit - 1))) return true;
  }
  return false;
}
