import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { assert, concat, Problem } from '#base';
import { syncFolder } from './durable.ts';

/** What an append-only file held when it was opened, beside the lines: what a killed process or a full disk left behind them. */
export interface Opened {
  readonly file: AppendFile;
  /** Bytes after the last newline; still in the file until `cut`. */
  readonly torn: number;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly failed: (problem: unknown) => void;
}

const CHUNK_BYTES = 1 << 20;
/** Of a longer line only the beginning is kept: whoever writes lines here writes none of that length, so no reader takes it for one of its own. */
const LONGEST_LINE_BYTES = 64 << 20;
/** The places of so few lines are remembered that a year of them fits into a page. */
const PLACE_EVERY = 4_096;

/**
 * Lines that are durable when `append` resolves. Those that arrive while the disk is busy go out together, with one fsync for all. After the first failure nothing is ever written again: what reached
 * the disk is unknown (an fsync that failed once may succeed the next time over lost pages), so the process must end and read its file afresh. A file is never in memory as a whole, however long it grew.
 */
export class AppendFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #size = 0;
  #lines = 0;
  /** Where line 0, PLACE_EVERY, 2 PLACE_EVERY, ... begins. */
  readonly #places: number[] = [0];
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #broken: Problem | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Makes the file (0600) where it is absent; hands every whole line of one that is there to `take`, without its newline and in order. Whatever `take` throws ends the opening. */
  static async open(path: string, take: (line: Buffer) => void): Promise<Opened> {
    const handle = await open(path, 'a+', 0o600);
    try {
      const { size } = await handle.stat();
      if (size === 0) await syncFolder(dirname(path));
      const file = new AppendFile(path, handle);
      for await (const { bytes, end } of linesBetween(handle, 0, size)) {
        take(bytes);
        file.#grow(end);
      }
      const torn = size - file.#size;
      file.#size = size;
      return { file, torn };
    } catch (error) {
      await handle.close();
      throw error;
    }
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

  /** The lines after the first so many, at most so many, from the disk: of those that are durable. */
  async *lines(after = 0, most = Infinity): AsyncGenerator<Buffer> {
    const last = Math.min(this.#lines, after + most);
    if (after >= last) return;
    const place = Math.floor(after / PLACE_EVERY);
    let line = place * PLACE_EVERY;
    for await (const { bytes } of linesBetween(this.#handle, this.#places[place]!, this.#size)) {
      if (line++ >= after) yield bytes;
      if (line === last) return;
    }
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
        await this.#write(batch.map(({ bytes }) => bytes));
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

  async #write(lines: readonly Uint8Array[]): Promise<void> {
    const bytes = concat(...lines);
    for (let written = 0; written < bytes.length;) written += (await this.#handle.write(bytes, written)).bytesWritten;
    await this.#handle.datasync();
    for (const line of lines) this.#grow(this.#size + line.length);
  }

  /** By one line, which ends here. */
  #grow(end: number): void {
    this.#size = end;
    this.#lines++;
    if (this.#lines % PLACE_EVERY === 0) this.#places.push(end);
  }
}

/** The whole lines of this part of a file, and where the next one begins. A chunk is used once, so a line stays what it is. */
async function* linesBetween(handle: FileHandle, start: number, end: number): AsyncGenerator<{ readonly bytes: Buffer; readonly end: number }> {
  let parts: Buffer[] = [];
  let kept = 0;
  for (let at = start; at < end;) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, Math.min(CHUNK_BYTES, end - at), at);
    if (bytesRead === 0) return;
    const chunk = buffer.subarray(0, bytesRead);
    let from = 0;
    for (let newline = chunk.indexOf(0x0a); newline >= 0; newline = chunk.indexOf(0x0a, from)) {
      const part = chunk.subarray(from, newline);
      yield { bytes: parts.length === 0 ? part : Buffer.concat([...parts, part]), end: at + newline + 1 };
      [parts, kept, from] = [[], 0, newline + 1];
    }
    if (from < bytesRead && kept < LONGEST_LINE_BYTES) parts.push(chunk.subarray(from));
    kept += bytesRead - from;
    at += bytesRead;
  }
}
