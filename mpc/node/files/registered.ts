import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Problem, toHex, type Hex } from '#base';

export interface RegisteredOptions<T> {
  /** Of whose making it is: for the audit log and the metrics. */
  readonly name: 'merchants' | 'rates';
  readonly path: string;
  /** decision/bad-registry or payments/bad-rates where it is none. */
  readonly parse: (text: string) => T;
  /** Before anything is judged by it; `hash`: SHA-256 of the file. */
  readonly onTaken: (hash: Hex) => Promise<void>;
  /** The file that is there now cannot be used, and what was read before goes on: told once a file. */
  readonly onRefused: (problem: Problem) => void;
}

/**
 * A file of what the node's operators know from elsewhere than the platform, taken up while the node runs: rates move daily, and merchants come and go. It is read whole once it has stood
 * still between two looks, and used whole or not at all.
 */
export class RegisteredFile<T> {
  readonly #options: RegisteredOptions<T>;
  #value: T;
  /** By inode, size and the time of the last change: of the file in use, of the last one that was seen, of the last one that was refused. */
  #taken: string;
  #seen: string;
  #refused: string | undefined;

  private constructor(options: RegisteredOptions<T>, value: T, taken: string) {
    this.#options = options;
    this.#value = value;
    this.#taken = taken;
    this.#seen = taken;
  }

  /** A node does not start with a file that it cannot use. */
  static async open<T>(options: RegisteredOptions<T>): Promise<RegisteredFile<T>> {
    const taken = await placeOf(options.path);
    const { value, hash } = await readWhole(options);
    await options.onTaken(hash);
    return new RegisteredFile(options, value, taken);
  }

  get value(): T {
    return this.#value;
  }

  /** Whether the file that is there is the one in use. */
  get isInUse(): boolean {
    return this.#refused === undefined;
  }

  /** Takes up a file that is another than the one in use; throws only what `onTaken` does. */
  async look(): Promise<void> {
    const place = await placeOf(this.#options.path);
    const isStill = place === this.#seen;
    this.#seen = place;
    if (place === this.#taken) this.#refused = undefined;
    if (!isStill || place === this.#taken || place === this.#refused) return;
    const read = await readWhole(this.#options).catch((error: unknown) => {
      if (error instanceof Problem) return error;
      throw error;
    });
    if (read instanceof Problem) {
      this.#refused = place;
      const { path } = this.#options;
      const detail = `${read.detail} Until it is mended what was read before goes on.`;
      return this.#options.onRefused(new Problem('decision/bad-registry', detail, { ...read.facts, path }, read));
    }
    await this.#options.onTaken(read.hash);
    [this.#value, this.#taken, this.#refused] = [read.value, place, undefined];
  }
}

/** What tells one file from another; a file that is not there is one of its own. */
async function placeOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(
    ({ ino, size, ctimeNs }) => `${ino} ${size} ${ctimeNs}`,
    (error: unknown) => `none ${(error as NodeJS.ErrnoException).code ?? ''}`,
  );
}

async function readWhole<T>({ path, parse }: RegisteredOptions<T>): Promise<{ readonly value: T; readonly hash: Hex }> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new Problem('decision/bad-registry', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}).`, { path }, cause);
  });
  const parsed = (text: string): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw new Problem(error.code, `${path} cannot be used: ${error.detail}`, { ...error.facts, path }, error);
    }
  };
  return { value: parsed(bytes.toString('utf8')), hash: toHex(new Uint8Array(createHash('sha256').update(bytes).digest())) };
}
