import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Problem } from '#base';

const BEGINNING = '0'.repeat(64);

/**
 * One JSON value a line, each line with the SHA-256 of the line before it and its own text: what was appended is durable when `append` resolves, and a line that was
 * changed or taken out is found when the file is opened. A last line without its end is what a killed process left, and is cut off.
 */
export class Journal {
  readonly #file: string;
  readonly #handle: FileHandle;
  #size: number;
  #hash: string;
  /** After a failure nothing is known of the disk: the process must end and read the file afresh. */
  #broken: Problem | undefined;

  private constructor(file: string, handle: FileHandle, size: number, hash: string) {
    this.#file = file;
    this.#handle = handle;
    this.#size = size;
    this.#hash = hash;
  }

  /** Makes the file (0600) where there is none; hands every value of one that is there to `take`, in order. decision/damaged-journal */
  static async open(file: string, take: (value: unknown) => void): Promise<Journal> {
    const handle = await open(file, 'a+', 0o600);
    try {
      let [size, hash, line] = [0, BEGINNING, 0];
      for await (const bytes of linesOf(file)) {
        line++;
        const text = bytes.toString('utf8');
        const next = linked(hash, text.slice(65));
        if (text.slice(0, 64) !== next || text[64] !== ' ')
          throw new Problem('decision/damaged-journal', `Line ${line} of ${file} is not the one that was written.`, { file, line });
        take(JSON.parse(text.slice(65)));
        size += bytes.length + 1;
        hash = next;
      }
      await handle.truncate(size);
      await handle.sync();
      if (size === 0) await syncFolder(dirname(file));
      return new Journal(file, handle, size, hash);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** node/disk-failed, then and ever after. */
  async append(value: unknown): Promise<void> {
    if (this.#broken) throw this.#broken;
    const text = JSON.stringify(value);
    const hash = linked(this.#hash, text);
    const bytes = Buffer.from(`${hash} ${text}\n`);
    try {
      for (let written = 0; written < bytes.length;) written += (await this.#handle.write(bytes, written)).bytesWritten;
      await this.#handle.datasync();
    } catch (cause) {
      const why = String((cause as NodeJS.ErrnoException).code);
      this.#broken = new Problem('node/disk-failed', `${this.#file} could not be written (${why}).`, { path: this.#file }, cause);
      throw this.#broken;
    }
    this.#size += bytes.length;
    this.#hash = hash;
  }

  /** Bytes on the disk. */
  get size(): number {
    return this.#size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function linked(previous: string, text: string): string {
  return createHash('sha256').update(previous).update(text).digest('hex');
}

/** The whole lines of a file, without their ends. */
async function* linesOf(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
