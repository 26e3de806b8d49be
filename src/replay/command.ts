import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isUuid, Problem, type BookId } from '#base';
import { runningPostgres, startPostgres } from '#db';
import { replayDatabase, type ReplayProgress, type ReplayReport } from './run.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

const LEFT_RUNNING = async (): Promise<void> => undefined;

/** The database of DATABASE_URL; else the one of the state folder, joined where a platform runs on it and started for the replay where none does. */
async function serverOf(stateDir: string): Promise<Server> {
  const url = process.env['DATABASE_URL'];
  if (url) return { url, stop: LEFT_RUNNING };
  const folder = join(stateDir, 'postgres');
  if (!existsSync(join(folder, 'postgres.json'))) throw new Problem('replay/nothing-there', `There is no database in ${stateDir}.`, { stateDir });
  try {
    return await startPostgres({ stateDir: folder });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'store/already-running') throw error;
    return { url: runningPostgres(folder), stop: LEFT_RUNNING };
  }
}

function bookOf({ book }: Values): { readonly book?: BookId } {
  if (typeof book !== 'string') return {};
  if (!isUuid(book)) throw new Problem('cli/bad-arguments', '--book takes the id of a book, a UUID in lower case.');
  return { book: book as BookId };
}

/** How many records go by between two lines of progress. */
const EVERY = 100_000n;

function progress(): (at: ReplayProgress) => void {
  let said = 0n;
  return ({ book, replayed, head }) => {
    if (replayed < said) said = 0n;
    if (replayed - said < EVERY) return;
    said = replayed;
    process.stderr.write(`book ${book}: ${replayed} of ${head} records\n`);
  };
}

function render({ books, anchors, difference }: ReplayReport): string {
  const lines = books.map(({ book, records, accounts, holds, batches }) => {
    return `book ${book}: ${records} records give the ${accounts} accounts, ${holds} holds and ${batches} batch roots that are stored\n`;
  });
  const end = difference === null ? `log: ${anchors} leaves give the heads that are stored\nNo difference.\n` : `DIFFERENT: ${difference}.\n`;
  return lines.join('') + end;
}

/** cairn replay: 0 where everything agrees, 1 with the first difference where not. `defaultState`: where the platform keeps its state unless --state says otherwise. */
export async function replayCommand(values: Values, defaultState: string): Promise<number> {
  const { state, json } = values;
  const chosen = bookOf(values);
  const server = await serverOf(resolve(typeof state === 'string' ? state : defaultState));
  try {
    const report = await replayDatabase({ databaseUrl: server.url, ...chosen, report: progress() });
    const text = json === true ? `${JSON.stringify(report, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n` : render(report);
    process.stdout.write(text);
    return report.difference === null ? 0 : 1;
  } finally {
    await server.stop();
  }
}
