import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { Problem, type Clock } from '#base';
import { inTransaction, openForReading, type Connection, type NamedStatement } from '#db';
import { exportLines } from './lines.ts';

export interface ExportOptions {
  /** The owner's: the export itself logs in as a member of cairn_read. */
  readonly databaseUrl: string;
  /** Written beside it and renamed when whole. */
  readonly file: string;
  readonly clock: Clock;
}

export interface WrittenExport {
  readonly lines: number;
  readonly bytes: number;
}

/** Journal, batches and balances as of one moment, while the writer goes on. */
const SNAPSHOT: NamedStatement = { name: 'export.snapshot', text: 'set transaction isolation level repeatable read, read only' };
const CHUNK = 1 << 20;

/** Throws `export/nothing-there` where the database holds no deployment, `export/cannot-write`, `store/...`. */
export async function writeExport({ databaseUrl, file, clock }: ExportOptions): Promise<WrittenExport> {
  const database = await openForReading({ url: databaseUrl, connections: 1 });
  const partial = `${file}.partial`;
  try {
    const written = await inTransaction(database.pool, async (client) => {
      await client.query(SNAPSHOT);
      return writeLines(client, partial, clock);
    });
    await rename(partial, file).catch((cause: unknown) => {
      throw cannotWrite(file, cause);
    });
    return written;
  } finally {
    await rm(partial, { force: true }).catch(() => undefined);
    await database.close();
  }
}

async function writeLines(client: Connection, partial: string, clock: Clock): Promise<WrittenExport> {
  let handle: FileHandle | undefined;
  let [lines, bytes, waiting] = [0, 0, ''];
  const flush = async (): Promise<void> => {
    try {
      handle ??= await open(partial, 'w', 0o600);
      bytes += (await handle.write(waiting)).bytesWritten;
      waiting = '';
    } catch (cause) {
      throw cannotWrite(partial, cause);
    }
  };
  try {
    for await (const line of exportLines(client, clock.nowMs())) {
      lines++;
      waiting += `${JSON.stringify(line)}\n`;
      if (waiting.length >= CHUNK) await flush();
    }
    if (lines === 0) throw new Problem('export/nothing-there', 'The database holds no deployment with the book that it serves.');
    await flush();
    await handle?.sync();
    return { lines, bytes };
  } finally {
    await handle?.close();
  }
}

function cannotWrite(file: string, cause: unknown): Problem {
  return new Problem('export/cannot-write', `${file} cannot be written: ${(cause as NodeJS.ErrnoException).code ?? 'unknown'}.`, { file }, cause);
}
