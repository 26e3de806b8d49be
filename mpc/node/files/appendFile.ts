import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { assert, concat, Problem } from '#base';
import { syncFolder } from './durable.ts';

/** What an append-only file held when it was opened: its whole lines, and what a killed process or a full disk left behind them. */
export interface Opened {
  readonly file: AppendFile;
  readonly lines: readonly Buffer[];
  /** Bytes after the last newline; still in the file until `cut`. */
  readonly torn: number;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly failed: (problem: unknown) => void;
}

/**
 * Lines that are durable when `append` resolves. Those that arrive while the disk is busy go out together, with one fsync for all. After the first failure nothing is ever written again: what reached
 * the disk is unknown (an fsync that failed once may succeed the next time over lost pages), so the process must end and read its file afresh.
 */
export class AppendFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #size: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #broken: Problem | undefined;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** Makes the file (0600) where it is absent. */
  static async open(path: string): Promise<Opened> {
    const handle = await open(path, 'a+', 0o600);
    const bytes = await handle.readFile();
    if (bytes.length === 0) await syncFolder(dirname(path));
    const lines = linesOf(bytes);
    const whole = lines.reduce((total, line) => total + line.length + 1, 0);
    return { file: new AppendFile(path, handle, bytes.length), lines, torn: bytes.length - whole };
  }

  /** Cuts off so many bytes at the end, durably: the line that a killed process did not finish. */
  async cut(bytes: number): Promise<void> {
    if (bytes === 0) return;
    this.#size -= bytes;
    await this.#handle.truncate(this.#size);
    await this.#handle.sync();
  }

  /** One line without its newline, durable when this resolves, in the order of the calls. node/disk-failed, then and ever after. */
  append(line: string): Promise<void> {
    assert(!line.includes('\n'), 'a line has no newline of its own');
    return new Promise((done, failed) => {
      this.#waiting.push({ bytes: Buffer.from(`${line}\n`), done, failed });
      this.#writing ??= this.#drain();
    });
  }

  /** The first so many lines, from the disk; all of them must be durable. */
  async lines(count: number): Promise<Buffer[]> {
    const lines = linesOf(await readFile(this.#path));
    assert(lines.length >= count, `${this.#path} has ${lines.length} lines, not ${count}`);
    return lines.slice(0, count);
  }

  /** Resolves when everything appended so far is durable or has failed. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.settle();
    await this.#handle.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        if (this.#broken) throw this.#broken;
        await this.#write(concat(...batch.map(({ bytes }) => bytes)));
        for (const { done } of batch) done();
      } catch (cause) {
        this.#broken ??= new Problem(
          'node/disk-failed',
          `${this.#path} could not be written (${String((cause as NodeJS.ErrnoException).code)}).`,
          { path: this.#path },
          cause,
        );
        for (const { failed } of batch) failed(this.#broken);
      }
    }
    this.#writing = undefined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) written += (await this.#handle.write(bytes, written)).bytesWritten;
    this.#size += bytes.length;
    await this.#handle.datasync();
  }
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
